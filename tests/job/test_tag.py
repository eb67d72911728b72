"""What a job that labels samples cannot ask for, as it is told."""

from pathlib import Path
from typing import Any

import pytest

from mgdist.job.plan import plan
from mgdist.job.point import checked
from mgdist.job.shapes import tagged
from tests.data.tags import LEVELS, document, tag_job

WINDOW = LEVELS["window"]
STAGED = {"kind": "conv", "kernel": 3, "stages": 2}
SEVERAL = {"a": {"kind": "tag", "label": "tags"}, "b": {"kind": "tag", "label": "most", "level": "window"}}
UNREAD = "labels of samples read its states, and no level builds on its units; leave it out"


def said(**sections: Any) -> list[str]:
    _, mistakes = checked(document(Path("rows.jsonl"), **sections))
    return [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def levels(**changes: Any) -> dict[str, Any]:
    """Return the levels with some fields changed; without one that is None."""
    kept = [name for name in LEVELS if changes.get(name, {}) is not None]
    return {name: {**LEVELS[name], **changes.get(name, {})} for name in kept}


def test_labels_of_the_readings_contradict_nothing() -> None:
    assert said() == []
    assert said(task={"kind": "tag", "label": "tags", "level": "moment"}) == []


def test_the_finest_level_is_labelled_where_none_is_named() -> None:
    assert [shape.name for shape in tagged(tag_job(Path("rows.jsonl")))] == ["moment", "window", "slow"]
    job = tag_job(Path("rows.jsonl"), task={"kind": "tag", "label": "tags", "level": "window"})
    assert [shape.name for shape in tagged(job)] == ["window", "slow"]


def test_the_plan_counts_what_reads_the_states_of_a_sample() -> None:
    found = plan(tag_job(Path("rows.jsonl")))
    assert (found.outputs, found.fusion, found.head) == (2, 0, 2 * (3 * 8 + 1))


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"task": {"kind": "tag", "label": "tags", "level": "minute"}},
            "task.level: expected one of moment, window, slow; got minute",
        ),
        (
            {"task": {"kind": "several", "heads": SEVERAL}},
            "task.heads.b.level: expected moment, whose samples another head labels; got window",
        ),
        (
            {"granularities": levels(window={"encoder": STAGED})},
            "granularities.window.encoder.stages: a label needs a state of each sample, and 2 stages halve them; use 1",
        ),
        ({"granularities": levels(slow={"pool": ["max"]})}, f"granularities.slow.pool: {UNREAD}"),
        ({"granularities": levels(slow={"skip": True})}, f"granularities.slow.skip: {UNREAD}"),
        (
            {"task": {"kind": "tag", "label": "tags", "level": "slow"}, "granularities": levels(window=None)},
            "granularities.moment: nothing of it reaches the labels of slow, which reads a raw view; leave it out",
        ),
        (
            {"granularities": {"moment": LEVELS["moment"], "head": WINDOW}},
            "granularities.head: what labels samples is called so on the device; choose another name",
        ),
        ({"train": {"mixup": {}}}, "train.mixup: the labels of single samples cannot be mixed; leave it out"),
        (
            {"train": {"sampling": "balanced"}},
            "train.sampling: needs a first head of one label, classify or ordinal; leave it out",
        ),
        (
            {"train": {"strategy": {"kind": "grow", "steps": [{"units": {"moment": 2}}]}}},
            "train.strategy.steps.0.units: every sample of an example is labelled, so that all are read; use layers",
        ),
        (
            {
                "task": {"kind": "tag", "label": "tags", "level": "window"},
                "train": {"strategy": {"kind": "staged"}},
            },
            "train.strategy.order: moment is finer than the samples that are labelled, and cannot learn by itself; "
            "name only window, slow",
        ),
        (
            {"train": {"metric": "micro_f1"}},
            "train.metric: expected loss or one that the task has: accuracy, macro_f1, auc; got micro_f1",
        ),
        (
            {"input": {"layout": "long", "id": "run"}, "data": {"on_bad_record": "skip"}},
            "data.on_bad_record: a row that is left out is a gap in the series; use data.input.missing",
        ),
    ],
)
def test_a_contradiction_is_told(sections: dict[str, Any], line: str) -> None:
    assert said(**sections) == [line]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"kind": "text"}, ("word", "sentence")),
        ({"kind": "audio", "rate": 8000}, ("segment", "clip")),
    ],
)
def test_only_the_samples_of_a_series_can_be_labelled(spec: dict[str, Any], names: tuple[str, ...]) -> None:
    told = document(Path("rows.jsonl"))
    told["data"]["input"] = spec
    told["granularities"] = {name: {"length": 8, "encoder": {"kind": "bag"}} for name in names}
    _, mistakes = checked(told)
    expected = f"data.input.kind: only the samples of one series can be labelled; got {spec['kind']}"
    assert [f"{mistake.path}: {mistake.message}" for mistake in mistakes] == [expected]
