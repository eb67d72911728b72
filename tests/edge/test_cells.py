from datetime import date, datetime

import numpy as np
import pytest

from mgdist_edge.cells import category_of, moment_of, number_of
from mgdist_edge.errors import InputError

MISSING = frozenset({"", "?"})


@pytest.mark.parametrize(
    ("cell", "number"),
    [(3, 3.0), (2.5, 2.5), ("3", 3.0), (" -1.5e3 ", -1500.0), (np.float32(0.5), 0.5), (np.int8(7), 7.0)],
)
def test_a_number_may_be_a_text_or_of_numpy(cell: object, number: float) -> None:
    assert number_of(cell, MISSING) == number


@pytest.mark.parametrize("cell", [None, float("nan"), "", "?", np.float64("nan")])
def test_none_nan_and_the_texts_listed_are_missing(cell: object) -> None:
    assert number_of(cell, MISSING) is None
    assert category_of(cell, MISSING) is None
    assert moment_of(cell, MISSING) is None


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("abc", "expected a number; got 'abc'"),
        ("nan", "expected a number; got 'nan'"),
        ("1_000", "expected a number; got '1_000'"),
        (True, "expected a number; got True"),
        ([1], "expected a number; got [1]"),
        (float("inf"), "expected a finite number; got inf"),
        ("1e999", "expected a finite number; got inf"),
    ],
)
def test_what_is_no_number_is_refused(cell: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        number_of(cell, MISSING)
    assert str(refused.value) == message


def test_a_whole_number_beyond_all_floats_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected a finite number; got 1000"):
        number_of(10**400, MISSING)


def test_a_category_is_the_same_however_it_is_written() -> None:
    assert {category_of(cell, MISSING) for cell in (1, 1.0, "1", np.int64(1), np.float32(1))} == {"1"}
    assert {category_of(cell, MISSING) for cell in (True, "true", np.True_)} == {"true"}
    assert category_of(0.5, MISSING) == "0.5"
    with pytest.raises(InputError, match=r"^expected a text or a number as a category; got \['a'\]$"):
        category_of(["a"], MISSING)


def test_a_date_is_year_month_day_weekday_hour_and_days_since_1970() -> None:
    assert moment_of("1970-01-02", MISSING) == (1970, 1, 2, 4, 0, 1.0)
    assert moment_of("2026-11-23T18:00:00", MISSING)[3:5] == (0, 18)
    same = [moment_of(cell, MISSING) for cell in ("2026-11-23", date(2026, 11, 23), datetime(2026, 11, 23))]
    assert same == [moment_of(np.datetime64("2026-11-23T00:00:00.000000000"), MISSING)] * 3
    assert moment_of(np.datetime64("NaT"), MISSING) is None


def test_a_zone_moves_the_elapsed_days_and_not_the_hour() -> None:
    here, there = moment_of("1970-01-01T12:00+06:00", MISSING), moment_of("1970-01-01 12:00:00.5Z", MISSING)
    assert (here[4], here[5]) == (12, 0.25)
    assert (there[4], there[5]) == (12, 0.5)


@pytest.mark.parametrize("cell", ["23.11.2026", "2026-02-30", "2026-11-23T25:00", "today", 20261123, True])
def test_what_is_no_date_is_refused(cell: object) -> None:
    with pytest.raises(InputError) as refused:
        moment_of(cell, MISSING)
    assert str(refused.value) == f"expected a date such as 2026-11-23 or 2026-11-23T20:30; got {cell!r}"
