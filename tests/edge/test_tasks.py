import json

import numpy as np
import pytest

from mgdist_edge.answers import Label, Labels, Values
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task, is_possible, labels_of, read_task, task_json

STARS = ("one", "two", "three", "four", "five")
TASKS: dict[str, Task] = {
    "classify": Classify(("cat", "dog", "Größe")),
    "ordinal": Ordinal(STARS),
    "multi_label": MultiLabel(("sea",)),
    "regress": Regress(("width", "height"), (3.5, -1e-9), (0.25, 1e6)),
}


def outputs(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def read(asked: object) -> Task:
    return read_task(Fields.of(asked, "manifest.json: tasks.answer"))


def test_one_of_several_labels_is_the_most_probable() -> None:
    found = Classify(("a", "b", "c")).answer(outputs(0.25, 0.5, 0.25))
    assert found == Label("b", 0.5, {"a": 0.25, "b": 0.5, "c": 0.25})
    assert found.top(2) == {"b": 0.5, "a": 0.25}
    assert found.as_json(1) == {"label": "b", "probability": 0.5, "probabilities": {"b": 0.5}}
    assert list(found.lines(2)) == [" 50.00%  b", " 25.00%  a"]


def test_one_of_ordered_labels_is_the_most_probable_one() -> None:
    found = Ordinal(STARS).answer(outputs(0.1, 0.2, 0.1, 0.4, 0.2))
    assert (found.label, found.probability) == (STARS[3], pytest.approx(0.4))
    assert list(found.probabilities) == list(STARS)


def test_any_number_of_labels_are_those_more_probable_than_not_the_most_probable_first() -> None:
    task = MultiLabel(("a", "b", "c", "d"))
    found = task.answer(outputs(0.5, 0.25, 0.75, 0.4375))
    assert found == Labels(("c", "a"), {"a": 0.5, "b": 0.25, "c": 0.75, "d": 0.4375})
    assert found.as_json(1) == {"labels": ["c", "a"], "probabilities": {"c": 0.75}}
    assert list(found.lines(1)) == [" 75.00%  c", " 50.00%  a"]
    assert list(found.lines(3)) == [" 75.00%  c", " 50.00%  a", " 43.75%  d (no)"]
    assert task.answer(outputs(0, 0, 0, 0)).labels == ()


def test_numbers_are_given_in_their_own_units() -> None:
    task = Regress(("width", "height"), (3.0, -10.0), (0.5, 100.0))
    found = task.answer(outputs(2.0, 0.25))
    assert found == Values({"width": 4.0, "height": 15.0})
    assert found.as_json(1) == {"values": {"width": 4.0, "height": 15.0}}
    assert list(found.lines(1)) == ["           4  width", "          15  height"]
    many = task.restored(np.zeros((7, 2), np.float32))
    assert many.dtype == np.float32
    assert many.tolist() == [[3.0, -10.0]] * 7


def test_json_shows_six_digits() -> None:
    found = Values({"a": 1 / 3, "b": 123456789.0, "c": 1e-9 / 3})
    assert json.dumps(found.as_json()) == '{"values": {"a": 0.333333, "b": 123457000.0, "c": 3.33333e-10}}'


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_is_read_as_it_was_written(kind: str) -> None:
    task = TASKS[kind]
    assert task.kind == kind
    assert read(json.loads(json.dumps(task_json(task)))) == task
    assert len(labels_of(task)) == task.outputs


REGRESS = {"kind": "regress", "names": ["a", "b"], "mean": [0, 1.5], "std": [1, 2]}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({}, ".kind: expected a line of text; got nothing; make the bundle again"),
        (
            {"kind": "rank"},
            ".kind: expected classify, ordinal, multi_label, regress, forecast or tag; got 'rank'; upgrade mgdist-edge",
        ),
        ({"kind": "classify"}, ".labels: expected a list of 2 to 100000 values; got nothing; make the bundle again"),
        (
            {"kind": "ordinal", "labels": ["a"]},
            ".labels: expected a list of 2 to 100000 values; got ['a']; make the bundle again",
        ),
        (
            {"kind": "multi_label", "labels": []},
            ".labels: expected a list of 1 to 100000 values; got []; make the bundle again",
        ),
        (
            {"kind": "ordinal", "labels": ["a", "b", "a"]},
            ".labels: expected different ones; got one twice; make the bundle again",
        ),
        (
            {"kind": "multi_label", "labels": ["a", ""]},
            ".labels.1: expected a line of text; got ''; make the bundle again",
        ),
        (
            {**REGRESS, "names": []},
            ".names: expected a list of 1 to 100000 values; got []; make the bundle again",
        ),
        (
            {**REGRESS, "names": ["a", "a"]},
            ".names: expected different ones; got one twice; make the bundle again",
        ),
        (
            {**REGRESS, "mean": [0.0]},
            ".mean: expected a list of 2 to 2 values; got [0.0]; make the bundle again",
        ),
        (
            {**REGRESS, "mean": [0.0, "1"]},
            ".mean.1: expected a number; got '1'; make the bundle again",
        ),
        (
            {**REGRESS, "std": [1.0, 0]},
            ".std: expected numbers above 0; got others; make the bundle again",
        ),
        (
            {**REGRESS, "std": [-1.0, 1]},
            ".std: expected numbers above 0; got others; make the bundle again",
        ),
    ],
)
def test_a_wrong_field_is_named(asked: dict[str, object], line: str) -> None:
    with pytest.raises(BundleError) as caught:
        read(asked)
    assert str(caught.value) == f"manifest.json: tasks.answer{line}"


@pytest.mark.parametrize(
    ("task", "values", "possible"),
    [
        ("classify", (0.2, 0.3, 0.5), True),
        ("classify", (0.2, 0.3, 0.6), False),
        ("classify", (-0.1, 0.6, 0.5), False),
        ("ordinal", (0.0, 0.0, 0.0, 0.0, 1.0), True),
        ("ordinal", (0.5, 0.0, 0.0, 0.0, 0.0), False),
        ("multi_label", (0.9,), True),
        ("multi_label", (1.1,), False),
        ("multi_label", (-0.1,), False),
        ("regress", (-7.0, 1e9), True),
        ("regress", (float("inf"), 0.0), False),
        ("regress", (float("nan"), 0.0), False),
        ("classify", (float("nan"), 0.5, 0.5), False),
        ("multi_label", (float("nan"),), False),
    ],
)
def test_outputs_that_a_task_cannot_have_are_told(task: str, values: tuple[float, ...], possible: bool) -> None:
    assert is_possible(TASKS[task], values) is possible
