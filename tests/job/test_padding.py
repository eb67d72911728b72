"""Convolutions without padding: what they leave of a unit, and where they cannot be had."""

from pathlib import Path
from typing import Any

import pytest

from mgdist.job.plan import plan
from mgdist.job.point import as_document, checked
from mgdist.job.spec import Job
from tests.train.corpus import job

CONV = {"kind": "conv", "layers": 2, "kernels": [3, 5], "padding": "valid"}


def looked_at(
    length: int | None = 24, levels: dict[str, Any] | None = None, **conv: Any
) -> tuple[Job | None, list[str]]:
    """Return a job over a series, and what is wrong with it."""
    document = as_document(job(Path("corpus.jsonl")))
    document["data"]["input"] = {"kind": "series", "columns": ["x"], "length": length}
    document["model"] = {"width": 8}
    moment = {"length": 24, "encoder": {**CONV, **conv}, "pool": ["mean", "max"]}
    document["granularities"] = levels or {"moment": moment}
    made, mistakes = checked(document)
    return made, [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def test_fewer_states_are_left_and_their_cost_is_that_of_what_is_computed() -> None:
    made, mistakes = looked_at()
    assert made is not None, mistakes
    (level,) = made.granularities.values()
    assert level.states() == 24 - 2 * 2 - 2 * 2
    same, _ = looked_at(padding="same")
    assert same is not None
    (valid, before) = (plan(each).levels[0] for each in (made, same))
    assert valid.parameters == before.parameters
    # The second layer reads four samples less, each of 8 numbers for 4 filters of 3 and 4 of 5, and their biases.
    assert before.operations - valid.operations == 4 * (8 * 4 * (3 + 5) + 8)


PATH = "granularities.moment.encoder.padding"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"kernels": [3, 23]},
            f"{PATH}: valid leaves nothing of a unit of 24 samples; use same, or fewer layers or narrower filters",
        ),
        (
            {"length": None},
            f"{PATH}: units may be too short for valid; use same, or an image or a series of one length",
        ),
        (
            {"length": 30},
            f"{PATH}: valid leaves nothing of the last unit, of 6 samples; use same, or a length that divides all",
        ),
    ],
)
def test_units_of_which_nothing_would_be_left_are_refused(given: dict[str, Any], line: str) -> None:
    levels = {"moment": {"length": 24, "encoder": {**CONV, "kernels": given.pop("kernels", [3, 5])}, "pool": ["mean"]}}
    levels |= {"day": {"length": 2, "encoder": {"kind": "bag"}}}
    assert looked_at(given.get("length", 24), levels)[1] == [line]


def test_units_of_units_are_counted_too() -> None:
    conv = {"kind": "conv", "kernel": 3, "padding": "valid"}
    day = {"length": 4, "encoder": conv, "pool": ["mean"]}
    levels = {"moment": {"length": 4, "encoder": {"kind": "bag"}}, "day": day}
    assert looked_at(16, levels)[1] == []
    (line,) = looked_at(24, {**levels, "week": {"length": 2, "encoder": {"kind": "bag"}}})[1]
    assert line.startswith("granularities.day.encoder.padding: valid leaves nothing of the last unit, of 2 samples")
