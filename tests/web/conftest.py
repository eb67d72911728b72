"""The small text bundle of the edge runtime's tests."""

from tests.edge.conftest import small

__all__ = ["small"]
