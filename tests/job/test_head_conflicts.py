"""What several heads ask of each other and cannot have, as it is told."""

from typing import Any

import pytest

from mgdist.job.point import checked
from mgdist.job.spec import Job

FINE = {"kind": "classify", "label": "label"}
COARSE = {"kind": "classify", "label": "group", "above": "fine"}


def asked(task: dict[str, Any]) -> tuple[Job | None, list[str]]:
    document = {
        "name": "small",
        "task": task,
        "data": {"source": {"kind": "files", "train": "t.csv"}, "input": {"kind": "text"}},
        "granularities": {"word": {"length": 6, "encoder": {"kind": "bag"}}},
    }
    job, mistakes = checked(document)
    return job, [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def several(weights: Any = None, **heads: Any) -> tuple[Job | None, list[str]]:
    return asked({"kind": "several", "heads": heads, **({} if weights is None else {"weights": weights})})


def test_a_coarse_head_above_a_fine_one_contradicts_nothing() -> None:
    assert several(fine=FINE, coarse=COARSE)[1] == []
    assert several(fine=FINE, coarse=COARSE, top={**COARSE, "above": "coarse"})[1] == []


@pytest.mark.parametrize(
    ("heads", "line"),
    [
        (
            {"fine": FINE, "coarse": {**COARSE, "above": "finest"}},
            "task.heads.coarse.above: expected another head of kind classify, fine; got finest",
        ),
        (
            {"fine": FINE, "coarse": {**COARSE, "above": "coarse"}},
            "task.heads.coarse.above: expected another head of kind classify, fine; got coarse",
        ),
        (
            {"fine": {"kind": "ordinal", "label": "label"}, "coarse": COARSE},
            "task.heads.coarse.above: expected another head of kind classify, which is missing; got fine",
        ),
        (
            {"fine": {**FINE, "above": "coarse"}, "coarse": COARSE},
            "task.heads.coarse.above: expected a coarser head above a finer one; got a circle: coarse above fine above "
            "coarse",
        ),
        (
            {
                "a": {**FINE, "above": "b"},
                "b": {**FINE, "above": "c"},
                "c": {**FINE, "above": "a"},
            },
            "task.heads.a.above: expected a coarser head above a finer one; got a circle: a above b above c above a",
        ),
    ],
)
def test_a_head_that_cannot_stand_above_another_is_said(heads: dict[str, Any], line: str) -> None:
    assert line in several(**heads)[1]


def test_one_head_alone_stands_above_none() -> None:
    assert asked({**FINE, "above": "fine"})[1] == [
        "task.above: needs another head to stand above; use task.kind: several, or leave it out"
    ]


def test_a_head_that_adds_up_needs_one_below_it() -> None:
    said = "needs above, the head whose probabilities are added; give it, or leave sums out"
    assert several(fine=FINE, coarse={**COARSE, "sums": True})[1] == []
    assert several(fine=FINE, coarse={**FINE, "sums": True})[1] == [f"task.heads.coarse.sums: {said}"]
    assert asked({**FINE, "sums": True})[1] == [f"task.sums: {said}"]


def test_weights_are_stated_or_learned() -> None:
    stated, _ = several({"coarse": 0.5}, fine=FINE, coarse=COARSE)
    learned, _ = several("uncertainty", fine=FINE, coarse=COARSE)
    assert stated is not None
    assert learned is not None
    assert (stated.loss_weights, stated.learns_weights) == ({"coarse": 0.5}, False)
    assert (learned.loss_weights, learned.learns_weights) == ({}, True)


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        ("uncertain", "task.weights: expected a number for each head, or uncertainty; got 'uncertain'"),
        ({"coarse": -1.0}, "task.weights.coarse: expected greater than 0; got -1.0"),
        ({"middle": 1.0}, "task.weights.middle: expected one of fine, coarse"),
    ],
)
def test_wrong_weights_are_one_line(weights: Any, line: str) -> None:
    assert several(weights, fine=FINE, coarse=COARSE)[1] == [line]
