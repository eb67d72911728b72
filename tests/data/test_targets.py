"""Targets of each kind of head: fitted to the training rows, and encoded."""

import numpy as np
import pytest

from mgdist.data.sources.examples import Examples, Given
from mgdist.data.sources.parse import Target
from mgdist.data.split import split
from mgdist.data.targets import encode, fit_task, strata
from mgdist.errors import DataError
from mgdist.job.spec import Job
from mgdist.job.task import ClassifySpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec
from mgdist_edge.above import Above
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task
from tests.data.rows import files

CLASSIFY = ClassifySpec(kind="classify", label="label")
ORDINAL = OrdinalSpec(kind="ordinal", label="stars")
ORDERED = OrdinalSpec(kind="ordinal", label="size", order=("small", "middle", "large"))
LABELS = MultiLabelSpec(kind="multi_label", label="topics")
COUNTED = MultiLabelSpec(kind="multi_label", label="topics", labels=("corn", "wheat"))
NUMBERS = RegressSpec(kind="regress", targets=("low", "high"))


@pytest.mark.parametrize(
    ("head", "targets", "task"),
    [
        (CLASSIFY, ["b", "a", "b"], Classify(("a", "b"))),
        (ORDINAL, ["10", "9", "10"], Ordinal(("9", "10"))),
        (ORDINAL, ["b", "a", "c"], Ordinal(("a", "b", "c"))),
        (ORDERED, ["large", "small"], Ordinal(("small", "middle", "large"))),
        (LABELS, [("b",), (), ("a", "b")], MultiLabel(("a", "b"))),
        (LABELS, [("only",), ()], MultiLabel(("only",))),
        (COUNTED, [("wheat", "tin"), ("corn",)], MultiLabel(("corn", "wheat"))),
        (NUMBERS, [(1.0, 10.0), (3.0, 30.0)], Regress(("low", "high"), (2.0, 20.0), (1.0, 10.0))),
    ],
)
def test_what_a_head_answers_follows_from_the_training_rows(head: Head, targets: list[Target], task: Task) -> None:
    assert fit_task(head, targets, "task") == task


@pytest.mark.parametrize(
    ("head", "targets", "said"),
    [
        (
            CLASSIFY,
            ["a", "a"],
            "task.label: expected at least two classes; all rows are 'a'; choose another column",
        ),
        (
            ORDINAL,
            ["3", "3"],
            "task.label: expected at least two classes; all rows are '3'; choose another column",
        ),
        (
            ORDERED,
            ["small", "huge"],
            "task.order: expected every label of the training rows; 'huge' is not in it",
        ),
        (LABELS, [(), ()], "task.label: no training row has a label; choose another column"),
        (
            COUNTED,
            [("corn",), ()],
            "task.labels: no training row has 'wheat'; remove it, or give rows with it",
        ),
        (
            NUMBERS,
            [(1.0, 5.5), (2.0, 5.5)],
            "task.targets: high is 5.5 in every training row; choose another column",
        ),
    ],
)
def test_what_no_head_can_learn_from_is_said(head: Head, targets: list[Target], said: str) -> None:
    with pytest.raises(DataError) as caught:
        fit_task(head, targets, "task")
    assert str(caught.value) == said


def test_a_label_is_its_place_in_the_order() -> None:
    found = encode(Ordinal(("small", "middle", "large")), ["large", "small"])
    assert (found.tolist(), found.dtype) == ([2, 0], np.int64)


def test_labels_are_a_row_of_ones_and_those_that_do_not_count_are_passed_over() -> None:
    found = encode(MultiLabel(("corn", "wheat")), [("wheat", "tin"), (), ("wheat", "corn")])
    assert (found.tolist(), found.dtype) == ([[0, 1], [0, 0], [1, 1]], np.float32)


def test_numbers_are_standardised_and_come_back() -> None:
    values = [(1.0, 1e6), (3.0, 3e6), (8.0, -1e6)]
    task = fit_task(NUMBERS, values, "task")
    assert isinstance(task, Regress)
    found = encode(task, values)
    assert found.dtype == np.float32
    assert np.allclose(found.mean(0), 0, atol=1e-6)
    assert np.allclose(found.std(0), 1, atol=1e-6)
    assert np.allclose(task.restored(found), values, rtol=1e-5)


def asked(task: dict[str, object], **changes: object) -> Job:
    return files("train.csv", task=task, **changes)


def given(**targets: list[Target]) -> Given:
    count = len(next(iter(targets.values())))
    return Given(Examples({"input": [f"text {number}" for number in range(count)]}, dict(targets)))


SEVERAL = {
    "kind": "several",
    "heads": {
        "price": {"kind": "regress", "targets": ["price"]},
        "topic": {"kind": "classify", "label": "topic"},
    },
}


def test_splits_are_stratified_by_the_first_head_that_has_classes() -> None:
    topics: list[Target] = ["a", "b", "b", "b"] * 20
    made = split(given(price=[(float(n),) for n in range(80)], topic=topics), asked(SEVERAL))
    assert strata(made.tasks, made.valid).tolist().count(0) == 2
    assert [*made.tasks] == ["price", "topic"]
    assert len(made.valid) == len(made.test) == 8


def test_numbers_alone_are_split_without_strata() -> None:
    values: list[Target] = [(float(number),) for number in range(50)]
    made = split(given(answer=values), asked({"kind": "regress", "targets": ["price"]}))
    assert [len(part) for part in made.named().values()] == [40, 5, 5]
    everything = [target for part in made.named().values() for target in part.targets["answer"]]
    assert sorted(everything) == values


def test_mean_and_deviation_of_numbers_are_those_of_the_training_rows_of_a_source_with_splits() -> None:
    train = given(answer=[(0.0,), (2.0,)]).train
    far = given(answer=[(100.0,), (200.0,)]).train
    made = split(Given(train, far, far), asked({"kind": "regress", "targets": ["price"]}))
    assert made.tasks["answer"] == Regress(("price",), (1.0,), (1.0,))


def test_a_rare_class_is_named_with_its_head() -> None:
    rows = given(price=[(float(n),) for n in range(21)], topic=[*(["a", "b"] * 10), "c"])
    with pytest.raises(DataError, match=r"^task\.heads\.topic\.label: 'c' has 1 example; expected at least 3"):
        split(rows, asked(SEVERAL))
    kept = split(rows, asked(SEVERAL, data__on_bad_record="skip")).train
    assert kept.skipped == ("task.heads.topic.label: 'c' has 1 of 3 examples",)


TOPICS: list[Target] = [("corn",), (), ("tin",), ("corn", "wheat")] * 10


@pytest.mark.parametrize(("labels", "rows"), [(["corn", "wheat"], 20), (None, 30)])
def test_examples_without_a_label_that_counts_are_left_out_where_that_is_asked_for(
    labels: list[str] | None, rows: int
) -> None:
    task = {"kind": "multi_label", "label": "topics", "labels": labels}
    assert sum(map(len, split(given(answer=TOPICS), asked(task)).named().values())) == 40
    made = split(given(answer=TOPICS), asked({**task, "without": "leave_out"}))
    assert sum(map(len, made.named().values())) == rows
    assert made.train.left_out == 40 - rows
    assert made.train.skipped == (f"task.without: {40 - rows} examples without a label that counts",)
    assert (made.valid.left_out, made.test.skipped) == (0, ())


def test_a_label_that_training_lacks_is_said_unless_the_labels_that_count_are_stated() -> None:
    train, test = given(answer=TOPICS), given(answer=[("zinc",), ("corn",)]).train
    task = {"kind": "multi_label", "label": "topics"}
    with pytest.raises(DataError) as caught:
        split(Given(train.train, test=test), asked(task))
    assert str(caught.value) == (
        "data.source.test: label 'zinc' is not among the training labels; remove these rows, or train on some"
    )
    stated = split(Given(train.train, test=test), asked({**task, "labels": ["corn", "tin"]}))
    assert encode(stated.tasks["answer"], stated.test.targets["answer"]).tolist() == [[0, 0], [1, 0]]


def test_a_stated_order_may_have_a_label_that_only_the_test_has() -> None:
    train = given(answer=["small", "large"] * 10).train
    task = {"kind": "ordinal", "label": "size", "order": ["small", "middle", "large"]}
    made = split(Given(train, test=given(answer=["middle"]).train), asked(task))
    assert made.test.targets["answer"] == ["middle"]


NESTED = {
    "kind": "several",
    "heads": {
        "coarse": {"kind": "classify", "label": "group", "above": "fine"},
        "fine": {"kind": "classify", "label": "label"},
    },
}


def test_which_coarse_label_a_fine_one_belongs_to_is_what_the_training_rows_say() -> None:
    made = split(given(coarse=["x", "y", "x"] * 10, fine=["a", "b", "c"] * 10), asked(NESTED))
    assert made.tasks["coarse"] == Classify(("x", "y"), Above("fine", (0, 1, 0)))
    assert made.tasks["fine"] == Classify(("a", "b", "c"))


def test_a_fine_label_with_two_coarse_ones_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        split(given(coarse=["x", "y", "x"] * 10, fine=["a", "b", "b"] * 10), asked(NESTED))
    assert str(caught.value) == (
        "task.heads.coarse.above: expected one label of coarse for each of fine; 'b' stands with 'y' in one row and "
        "with 'x' in another; mend the rows, or leave it out"
    )
