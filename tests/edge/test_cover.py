from itertools import product

import pytest

from mgdist_edge.cover import cover


def searched(units: int, counts: tuple[int, ...]) -> tuple[int, int]:
    """Return the units and the calls of the best cover, by trying all of up to ``units`` calls."""
    numbers = product(*(range(units // count + 2) for count in counts))
    totals = [(sum(n * c for n, c in zip(number, counts, strict=True)), sum(number)) for number in numbers]
    return min(total for total in totals if total[0] >= units)


@pytest.mark.parametrize("counts", [(1,), (4,), (1, 4, 16), (4, 16), (3, 5), (2, 3, 7), (1, 5, 8), (6, 10, 15)])
def test_the_cover_pads_least_and_then_calls_least(counts: tuple[int, ...]) -> None:
    for units in range(1, 40):
        calls = cover(units, counts)
        assert (sum(calls), len(calls)) == searched(units, counts)
        assert set(calls) <= set(counts)


def test_a_long_document_is_covered_by_full_calls() -> None:
    assert cover(23, (1, 4, 16)) == (16, 4, 1, 1, 1)
    assert cover(100_000, (1, 4, 16)) == (16,) * 6250
    assert cover(10_001, (3, 5)) == (5,) * 1999 + (3, 3)


def test_largest_calls_come_first_so_that_only_the_last_is_padded() -> None:
    assert cover(17, (4, 16)) == (16, 4)
    assert cover(3, (4, 16)) == (4,)
