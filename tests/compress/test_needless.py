from dataclasses import replace

import pytest

from mgdist.compress.needless import beaten, too_large
from tests.compress.test_choose import CANDIDATE, INT8

BEATEN = "larger than int8_dynamic, which keeps the budget, and neither faster nor with less memory"


@pytest.mark.parametrize(
    ("size", "latency", "memory", "why"),
    [
        (INT8.size + 1, INT8.latency, INT8.memory, BEATEN),
        (INT8.size, INT8.latency, INT8.memory, ""),
        (INT8.size + 1, INT8.latency / 2, INT8.memory, ""),
        (INT8.size + 1, INT8.latency, INT8.memory - 1, ""),
    ],
)
def test_what_is_larger_and_better_in_nothing_cannot_ship(size: int, latency: float, memory: int, why: str) -> None:
    assert beaten(size, latency, memory, [replace(INT8, size=INT8.size * 100), INT8]) == why


def test_beside_none_that_keeps_the_budget_each_could_ship() -> None:
    assert beaten(CANDIDATE.size, CANDIDATE.latency, CANDIDATE.memory, []) == ""


def test_what_is_larger_than_the_device_allows_cannot_ship() -> None:
    assert too_large(1001, 1000) == "larger than device.max_size"
    assert too_large(1000, 1000) == too_large(1001, None) == ""
