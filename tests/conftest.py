"""Shapes and types are checked while the tests run; what takes long begins first."""

import pytest
from jaxtyping import install_import_hook

install_import_hook(["mgdist", "mgdist_edge"], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with slow tests first, so that of two processes none is left alone with one of them at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)
