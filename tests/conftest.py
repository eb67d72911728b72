"""Shapes and types are checked while the tests run; what takes long begins first."""

from collections import Counter

import pytest
from jaxtyping import install_import_hook

install_import_hook(["mgdist", "mgdist_edge"], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with most slow tests first, so that at the end no process is left alone with one of them."""
    long = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -long[item.path])
