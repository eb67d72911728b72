"""Shapes and types are checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook(["mgdist", "mgdist_edge"], "beartype.beartype")
