from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
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


def spoken(*, rows: int = 20, speakers: int = 5, **counts: int) -> Examples:
    """Return examples of two labels by some speakers; of a speaker named here, so many rows more, all of label a."""
    groups = [f"s{speaker}" for speaker in range(speakers) for _ in range(rows)]
    labels = ["ab"[number % 2] for number in range(len(groups))]
    for name, count in counts.items():
        groups, labels = groups + [name] * count, labels + ["a"] * count
    texts = [f"{group} {number}" for number, group in enumerate(groups)]
    return Examples({"input": texts}, {"answer": labels}, groups=groups)


def speakers(part: Examples) -> set[str]:
    assert part.groups is not None
    assert part.groups == [text.split()[0] for text in part.raws["input"]]
    return set(part.groups)


BY: dict[str, Any] = {"by": "speaker", "valid": 0.2, "test": 0.2}


def test_whole_groups_are_held_out_and_no_row_is_lost() -> None:
    given = spoken()
    made = halves(Given(given), split=BY)
    held = [speakers(part) for part in (made.train, made.valid, made.test)]
    assert [len(each) for each in held] == [3, 1, 1]
    assert len(set.union(*held)) == 5
    assert texts(made.train, made.valid, made.test) == texts(given)
    assert halves(Given(given), split=BY) == made
    assert len({frozenset(speakers(halves(Given(given), split=BY, seed=seed).test)) for seed in range(12)}) > 2


def test_of_a_source_with_a_test_split_only_validation_is_drawn_by_group() -> None:
    test = documents(a=4, b=4)
    made = halves(Given(spoken(), test=test), split=BY)
    assert made.test == test
    assert len(speakers(made.valid)) == 1
    assert not speakers(made.valid) & speakers(made.train)


def test_rows_for_validation_may_come_from_all_groups_that_train() -> None:
    made = halves(Given(spoken()), split={**BY, "valid_by": "row"})
    assert len(speakers(made.test)) == 1
    assert speakers(made.valid) == speakers(made.train)
    assert not speakers(made.valid) & speakers(made.test)
    assert len(made.valid) == 20


@pytest.mark.parametrize("by", [{}, {"by": "speaker"}])
@pytest.mark.parametrize("valid_by", ["group", "row"])
def test_each_row_is_in_the_test_of_one_fold(by: dict[str, str], valid_by: str) -> None:
    given, found = spoken(), []
    if valid_by == "row" and by:
        by = {**by, "valid_by": "row"}
    for fold in range(4):
        made = halves(Given(given), split={"folds": 4, "fold": fold, **by})
        assert made.folds == ("0", "1", "2", "3")
        assert texts(made.train, made.valid, made.test) == texts(given)
        if by:
            assert not speakers(made.test) & (speakers(made.train) | speakers(made.valid))
            assert bool(speakers(made.valid) & speakers(made.train)) == (valid_by == "row")
        found += texts(made.test)
    assert sorted(found) == texts(given)


def test_each_group_is_a_fold_that_bears_its_name() -> None:
    made = [halves(Given(spoken()), split={"by": "speaker", "folds": "each", "fold": fold}) for fold in range(5)]
    assert [speakers(each.test) for each in made] == [{f"s{number}"} for number in range(5)]
    assert made[0].folds == ("s0", "s1", "s2", "s3", "s4")


def test_the_test_of_a_fold_may_lack_a_class_but_training_may_not() -> None:
    given = spoken(speakers=4, s9=20)
    each = {"by": "speaker", "folds": "each"}
    assert set(shares(halves(Given(given), split={**each, "fold": 4}).test)) == {"a"}
    only = replace(
        given, targets={"answer": ["c" if group == "s9" else "ab"[n % 2] for n, group in enumerate(given.groups or [])]}
    )
    with pytest.raises(
        DataError, match=r"^data\.split\.by: train has no row of 'c' when whole groups of speaker are held"
    ):
        halves(Given(only), split={**each, "fold": 4})


@pytest.mark.parametrize(
    ("given", "spec", "said"),
    [
        (
            spoken(speakers=2),
            {"by": "speaker"},
            "data.split.by: expected a group of speaker for each of 3 splits, test among them; got 2, s0, s1; choose "
            "another column, or set data.split.valid_by: row",
        ),
        (
            spoken(speakers=2),
            {"by": "speaker", "folds": "each"},
            "data.split.by: expected a group of speaker for each of 2 splits, valid among them; got 1, s1; choose "
            "another column, or set data.split.valid_by: row",
        ),
        (
            spoken(),
            {"by": "speaker", "folds": 6},
            "data.split.folds: expected at most 5, the groups of speaker; got 6; use each",
        ),
        (
            spoken(),
            {"by": "speaker", "folds": "each", "fold": 5},
            "data.split.fold: expected at most 4, the last of the folds; got 5",
        ),
        (
            Examples({"input": list("abcdef")}, {"answer": list("xxxyyy")}, groups=list("kkkmmn")),
            {"by": "speaker", "valid": 0.3, "test": 0.3},
            "data.split.by: test has no row of 'x' when whole groups of speaker are held out; remove the label, hold "
            "out more, choose another column, or try another seed",
        ),
    ],
)
def test_groups_that_cannot_be_split_are_said(given: Examples, spec: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        halves(Given(given), split=spec)
    assert str(caught.value) == said
