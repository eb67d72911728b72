from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mgdist.data.sources.examples import Examples, Given
from mgdist.data.split import Splits, draw, split
from mgdist.errors import DataError
from mgdist.job.spec import Job
from tests.data.rows import files


def documents(**counts: int) -> Examples:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return Examples({"input": [f"{label} {number}" for number, label in enumerate(labels)]}, {"answer": labels})


def asked(*, seed: int = 1, **changes: Any) -> Job:
    return files("train.csv", seed=seed, **{f"data__{name}": value for name, value in changes.items()})


def halves(given: Given, **changes: Any) -> Splits:
    return split(given, asked(**changes))


def shares(part: Examples) -> Mapping[str, int]:
    return Counter(part.targets["answer"])


def texts(*parts: Examples) -> list[str]:
    return sorted(text for part in parts for text in part.raws["input"])


def test_each_drawn_split_keeps_the_shares_of_the_classes() -> None:
    made = halves(Given(documents(a=100, b=50, c=10)), split={"valid": 0.1, "test": 0.2})
    assert shares(made.valid) == {"a": 10, "b": 5, "c": 1}
    assert shares(made.test) == {"a": 20, "b": 10, "c": 2}
    assert shares(made.train) == {"a": 70, "b": 35, "c": 7}


def test_no_row_is_lost_and_none_is_in_two_splits() -> None:
    given = documents(a=37, b=11, c=3)
    made = halves(Given(given))
    assert texts(made.train, made.valid, made.test) == texts(given)


def test_every_class_is_in_every_split_even_where_its_share_is_less_than_a_row() -> None:
    made = halves(Given(documents(a=1000, b=3)), split={"valid": 0.01, "test": 0.01})
    assert [shares(part)["b"] for part in (made.train, made.valid, made.test)] == [1, 1, 1]


def test_the_same_seed_draws_the_same_rows_and_another_one_others() -> None:
    given = Given(documents(a=100, b=100))
    assert halves(given, seed=1) == halves(given, seed=1)
    assert halves(given, seed=1).valid != halves(given, seed=2).valid


def test_given_splits_are_left_as_they_are() -> None:
    given = Given(documents(a=4, b=4), documents(a=2, b=1), documents(b=3))
    made = halves(given)
    assert (made.train, made.valid, made.test) == (given.train, given.valid, given.test)


def test_only_what_the_source_lacks_is_drawn() -> None:
    given = Given(documents(a=50, b=50), test=documents(a=5))
    made = halves(given)
    assert (len(made.train), len(made.valid), made.test) == (90, 10, given.test)


@pytest.mark.parametrize(
    ("labels", "order"),
    [(["b", "a", "C"], ("C", "a", "b")), (["10", "9", "-1"], ("-1", "9", "10")), (["10", "9", "x"], ("10", "9", "x"))],
)
def test_labels_are_in_the_order_of_letters_or_of_numbers(labels: list[str], order: tuple[str, ...]) -> None:
    assert halves(Given(documents(**dict.fromkeys(labels, 3)))).tasks["answer"].labels == order


def test_a_limit_holds_for_each_split_and_keeps_the_shares() -> None:
    made = halves(Given(documents(a=400, b=200), test=documents(a=300, b=10)), limit=60)
    assert shares(made.train) == {"a": 40, "b": 20}
    assert shares(made.valid) == {"a": 40, "b": 20}
    assert shares(made.test) == {"a": 58, "b": 2}
    assert halves(Given(documents(a=400, b=200)), limit=60) == halves(Given(documents(a=400, b=200)), limit=60)


@pytest.mark.parametrize("size", [0, 1, 7, 50, 99])
def test_about_as_many_rows_are_drawn_as_asked_for(size: int) -> None:
    classes = np.repeat(np.arange(4), [50, 30, 19, 1])
    rows = draw(classes, size, np.random.default_rng(0), leave=0)
    assert abs(len(rows) - size) <= 4
    assert set(classes[rows]) == {0, 1, 2, 3}
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    ("given", "changes", "said"),
    [
        (
            Given(documents(a=5, b=1)),
            {},
            "task.label: 'b' has 1 example; expected at least 3 to train on and to hold "
            "out; add some, remove the label, or set data.on_bad_record: skip",
        ),
        (Given(documents(a=5, b=2), documents(a=1)), {}, None),
        (
            Given(documents(a=5, b=1), documents(a=1), documents(a=1)),
            {},
            "task.label: 'b' has 1 example; expected at least 2 to train on",
        ),
        (Given(documents(a=5, b=2)), {}, "task.label: 'b' has 2 examples; expected at least 3"),
        (
            Given(documents(a=5, **{f"r{n}": 1 for n in range(7)})),
            {},
            "task.label: 'r0' has 1 example, 'r1' has 1 "
            "example, 'r2' has 1 example, 'r3' has 1 example, 'r4' has 1 example, and 2 labels more; expected",
        ),
        (Given(documents(a=5)), {}, "task.label: expected at least two classes; all rows are 'a'; choose another"),
        (Given(documents()), {}, "data.source.train: expected rows; it has none"),
        (Given(documents(a=5, b=5), documents()), {}, "data.source.valid: expected rows; it has none"),
        (
            Given(documents(a=5, b=5), test=Examples({"input": []}, {"answer": []}, ("t.csv:2: label: empty",), 3)),
            {},
            "data.source.test: expected rows; it has none; 3 bad records were left out, first t.csv:2: label: empty",
        ),
        (
            Given(documents(a=5, b=5), test=documents(a=1, z=1, y=1)),
            {},
            "data.source.test: label 'y', 'z' is not among the training labels; remove these rows, or train on some",
        ),
        (
            Given(documents(a=5, b=5, c=5)),
            {"limit": 2},
            "data.limit: expected at least one row for each of 3 labels; got 2",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_cannot_be_learned_from_is_said(given: Given, changes: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert len(halves(given, **changes).train) == 5
        return
    with pytest.raises(DataError) as caught:
        halves(given, **changes)
    assert str(caught.value).startswith(said)


def test_rows_of_a_class_too_rare_are_left_out_and_counted_where_bad_records_are() -> None:
    made = halves(Given(documents(a=10, b=10, c=1, d=2)), on_bad_record="skip")
    assert made.tasks["answer"].labels == ("a", "b")
    assert made.train.left_out == 3
    assert made.train.skipped == ("task.label: 'c' has 1 of 3 examples", "task.label: 'd' has 2 of 3 examples")
