"""What a job that forecasts cannot ask for, as it is told."""

from pathlib import Path
from typing import Any

import pytest

from mgdist.job.point import checked
from tests.data.forecasts import document


def said(**sections: Any) -> list[str]:
    _, mistakes = checked(document(Path("rows.csv"), **sections))
    return [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def test_a_forecast_of_one_long_series_contradicts_nothing() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"input": {"length": None}},
            "data.input.length: a forecast needs the readings that it looks back on, such as 336",
        ),
        (
            {"input": {"layout": "lists", "time": None}},
            "data.input.layout: a forecast reads one long series; use layout: long, and leave id out",
        ),
        (
            {"input": {"scaling": "minmax"}},
            "data.input.scaling: a forecast is scored on standardised readings; got minmax",
        ),
        (
            {"data": {"limit": 9}},
            "data.limit: rows of one long series cannot be drawn; leave it out, or use task.stride",
        ),
        (
            {"data": {"on_bad_record": "skip"}},
            "data.on_bad_record: a row that is left out is a gap in the series; use data.input.missing",
        ),
        (
            {"task": {"quantiles": [0.9, 0.5]}},
            "task.quantiles: expected rising numbers with 0.5 among them; got [0.9, 0.5]",
        ),
    ],
)
def test_a_contradiction_of_a_forecast_is_told(sections: dict[str, Any], line: str) -> None:
    assert said(**sections) == [line]
