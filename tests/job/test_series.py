from typing import Any

import pytest
from pydantic import ValidationError

from mgdist.job.series import SeriesSpec, series_mistakes
from mgdist_edge.windows import Window


def spec(**given: Any) -> SeriesSpec:
    return SeriesSpec.model_validate({"kind": "series", "columns": ["x", "y"], **given})


def test_a_row_is_an_example_and_each_channel_is_scaled_where_nothing_else_is_asked() -> None:
    made = spec()
    assert (made.columns, made.layout, made.length) == (("x", "y"), "lists", None)
    assert (made.scaling, made.normalize, made.missing, made.channels) == ("standard", "none", "fail", "together")


def test_one_column_may_be_written_without_a_list() -> None:
    assert spec(columns="x").columns == ("x",)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"id": "run"}, "expected layout: long, since id is given; got lists"),
        ({"id": "run", "time": "t"}, "expected layout: long, since id and time is given; got lists"),
        ({"columns": ["x", "y", "x"]}, "expected each column once in columns, id and time; got x twice"),
        ({"layout": "long", "time": "y"}, "expected each column once in columns, id and time; got y twice"),
        ({"columns": []}, "at least 1 item"),
        ({"length": 0}, "greater than or equal to 1"),
        ({"scaling": "robust"}, "'standard', 'minmax' or 'none'"),
        ({"normalize": "revin"}, "'none', 'last', 'mean' or 'standard'"),
        ({"missing": "zero"}, "'fail' or 'previous'"),
        ({"channels": 2}, "'together' or 'apart'"),
        ({"window": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_no_series_can_be_is_refused(changed: dict[str, object], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        spec(**changed)


def test_a_long_table_needs_neither_id_nor_time() -> None:
    assert spec(layout="long").id is None
    assert spec(layout="long", id="run", time="t").time == "t"


def test_levels_that_hold_the_length_are_no_mistake() -> None:
    levels = {"moment": Window(16, 1), "minute": Window(21, None)}
    assert series_mistakes(spec(length=336), levels) == []
    assert series_mistakes(spec(length=None), levels) == []
    assert series_mistakes(spec(length=336), {}) == []


@pytest.mark.parametrize(
    ("levels", "path", "least"),
    [
        ({"moment": Window(16, 1), "minute": Window(20, None)}, "minute.length", "22, .* 337 readings; got 20"),
        ({"moment": Window(16, None)}, "moment.length", "337, .* 337 readings; got 16"),
        ({"moment": Window(400, 1), "day": Window(14, 24)}, "day.length", "15, .* 337 readings; got 14"),
    ],
)
def test_a_coarsest_level_that_is_too_short_is_a_mistake(levels: dict[str, Window], path: str, least: str) -> None:
    ((found, message),) = series_mistakes(spec(length=337), levels)
    assert found == path
    expected = least.replace(", .* ", ", so that one unit holds all ")
    assert message == f"expected at least {expected}"
