"""Ensembles against values by hand."""

import numpy as np
import pytest

from mgdist.evaluate.combine import folds, learn, out_of_fold, stacked, voted, ways, weights
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

LABELS = Classify(("a", "b"))
TAGS = MultiLabel(("a", "b"))
NUMBERS = Regress(("x", "y"), (0.0, 0.0), (1.0, 1.0))
FUTURE = Forecast(("x",), 2, (), (0.0,), (1.0,), apart=False)
QUANTILES = Forecast(("x",), 2, (0.1, 0.5, 0.9), (0.0,), (1.0,), apart=False)
NONE = np.zeros(0, np.int64)


def array(*values: object) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_ways_are_those_that_make_sense_for_all_heads() -> None:
    assert ways({"a": LABELS, "b": Ordinal(("x", "y")), "c": TAGS}) == ("mean", "weighted", "vote", "stack")
    assert ways({"a": LABELS, "b": NUMBERS}) == ways({"a": FUTURE}) == ("mean", "weighted", "stack")
    assert ways({"a": QUANTILES}) == ("mean", "weighted")


def test_the_mean_is_that_of_the_members() -> None:
    members = array([[0.9, 0.1]], [[0.4, 0.6]])
    np.testing.assert_allclose(learn("mean", LABELS, members, NONE)(members), [[0.65, 0.35]], atol=1e-6)


def test_each_member_has_one_vote_and_the_mean_decides_where_votes_are_equal() -> None:
    members = array([[0.6, 0.4], [0.9, 0.1]], [[0.6, 0.4], [0.4, 0.6]], [[0.01, 0.99], [0.3, 0.7]])
    found = voted(LABELS, members)
    assert found.argmax(1).tolist() == [0, 1], "two of three, though the mean says otherwise"
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    even = voted(LABELS, members[1:])
    assert even.argmax(1).tolist() == [1, 1]


def test_each_label_of_several_is_voted_on_by_itself() -> None:
    members = array([[0.9, 0.2]], [[0.6, 0.6]], [[0.1, 0.4]])
    np.testing.assert_allclose(voted(TAGS, members), [[2 / 3, 1 / 3]], atol=1e-3)
    even = voted(TAGS, array([[0.9, 0.1]], [[0.2, 0.6]]))
    assert (even >= 0.5).tolist() == [[True, False]], "0.55 and 0.35 in the mean"


def test_weights_are_those_of_the_greedy_selection() -> None:
    # Both err by as much to opposite sides at first; 3 x the first and 1 x the second meet the targets.
    targets = array([0.0, 0.0], [1.0, 1.0])
    members = np.stack([targets + 1, targets - 3, targets + 10])
    np.testing.assert_allclose(weights(NUMBERS, members, targets), [0.75, 0.25, 0.0], atol=1e-6)


def test_a_member_that_is_always_wrong_has_no_weight() -> None:
    targets = np.array([0, 1] * 20)
    good = np.eye(2, dtype=np.float32)[targets] * 0.8 + 0.1
    found = weights(LABELS, np.stack([1 - good, good]), targets)
    assert found.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("task", [TAGS, NUMBERS])
def test_weights_add_up_to_one(task: Task) -> None:
    draw = np.random.default_rng(0)
    targets = (draw.random((50, 2)) > 0.5).astype(np.float32)
    members = np.clip(targets + draw.normal(0, 0.3, (3, 50, 2)), 0.01, 0.99).astype(np.float32)
    found = weights(task, members, targets)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).sum() >= 2, "errors that have nothing in common even out"


def test_a_stack_of_numbers_undoes_what_the_members_do_to_them() -> None:
    draw = np.random.default_rng(0)
    targets = draw.normal(size=(400, 2)).astype(np.float32)
    members = np.stack([2 * targets + 1, -targets])
    np.testing.assert_allclose(stacked(NUMBERS, members, targets)(members), targets, atol=0.02)


def test_a_stack_of_forecasts_keeps_their_layout() -> None:
    targets = np.random.default_rng(0).normal(size=(400, 1, 2)).astype(np.float32)
    members = np.stack([0.5 * targets.reshape(400, 2), 0.1 * targets.reshape(400, 2)])
    np.testing.assert_allclose(stacked(FUTURE, members, targets)(members), targets.reshape(400, 2), atol=0.05)


def test_a_stack_of_labels_learns_which_member_is_right_about_what() -> None:
    draw = np.random.default_rng(0)
    task, targets = Classify(("a", "b", "c")), draw.integers(0, 3, 600)
    right = np.eye(3, dtype=np.float32)[targets] * 0.7 + 0.1
    blind = np.where((targets == 0)[:, None], right, np.float32(1 / 3))
    found = stacked(task, np.stack([right[:, [1, 2, 0]], blind]), targets)(np.stack([right[:, [1, 2, 0]], blind]))
    assert (found.argmax(1) == targets).all(), "a member that is always wrong in the same way is worth its weight"
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    tags = np.eye(2, dtype=np.float32)[targets % 2]
    assert ((stacked(TAGS, np.stack([1 - tags * 0.8]), tags)(np.stack([1 - tags * 0.8])) >= 0.5) == tags).all()


def test_a_label_that_never_occurs_has_no_share_and_one_that_always_does_is_not_learned() -> None:
    task, members = Classify(("a", "b", "c")), np.full((2, 8, 3), 1 / 3, np.float32)
    found = stacked(task, members, np.array([0, 2] * 4))(members)
    assert (found[:, 1] == 0).all()
    assert np.array_equal(stacked(task, members, np.zeros(8, np.int64))(members), members.mean(0))
    assert np.array_equal(stacked(TAGS, members[:, :, :2], np.ones((8, 2)))(members[:, :, :2]), members[0, :, :2])


def test_folds_hold_each_row_once_and_windows_stay_side_by_side() -> None:
    assert sorted(np.concatenate([*folds(LABELS, 23, 5)])) == list(range(23))
    assert any((np.diff(fold) > 1).any() for fold in folds(LABELS, 23, 5))
    assert all((np.diff(fold) == 1).all() for fold in folds(FUTURE, 23, 5))
    assert [len(fold) for fold in folds(LABELS, 3, 5)] == [1, 1, 1]


@pytest.mark.parametrize("way", ["weighted", "stack"])
def test_the_rows_of_a_fold_have_no_part_in_what_answers_for_them(way: str) -> None:
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 2, 40)
    members = draw.dirichlet((1, 1), (3, 40)).astype(np.float32)
    (fold, *_) = folds(LABELS, 40, 5)
    other = targets.copy()
    other[fold] = 1 - other[fold]
    one, two = (out_of_fold(way, LABELS, members, each, 5) for each in (targets, other))  # type: ignore[arg-type]
    assert np.array_equal(one[fold], two[fold])
    assert not np.array_equal(one, two)


def test_a_stack_of_noise_looks_good_only_where_it_learned() -> None:
    draw = np.random.default_rng(0)
    task, targets = Classify(tuple("abcdefgh")), draw.integers(0, 8, 80)
    members = draw.dirichlet((0.3,) * 8, (5, 80)).astype(np.float32)
    learned = (stacked(task, members, targets)(members).argmax(1) == targets).mean()
    honest = (out_of_fold("stack", task, members, targets, 5).argmax(1) == targets).mean()
    assert learned > 0.6
    assert honest < 0.3
