import numpy as np
import pytest

from mgdist.data.groups import deal_groups, deal_rows, draw_groups, named, owners_of

RNG = np.random.default_rng(5)
OWNERS = np.sort(RNG.integers(0, 40, 2000))
CLASSES = RNG.integers(0, 4, 2000)


@pytest.mark.parametrize(
    ("groups", "order"), [(["10", "9", "10", "-1"], ("-1", "9", "10")), (["b", "10", "a"], ("10", "a", "b"))]
)
def test_groups_are_in_the_order_of_numbers_or_of_letters(groups: list[str], order: tuple[str, ...]) -> None:
    assert named(groups) == order
    assert [order[place] for place in owners_of(groups)] == groups


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_whole_groups_are_drawn_with_about_the_rows_and_the_classes_asked_for(share: float) -> None:
    drawn = draw_groups(CLASSES, OWNERS, round(share * 2000), np.random.default_rng(1), leave=1)
    assert not set(OWNERS[drawn]) & set(np.delete(OWNERS, drawn))
    assert abs(len(drawn) - share * 2000) < 40
    wanted = np.bincount(CLASSES) * share
    assert np.abs(np.bincount(CLASSES[drawn]) / wanted - 1).max() < 0.2


def test_a_class_that_stands_in_two_groups_of_many_is_on_both_sides() -> None:
    owners = np.repeat(np.arange(20), 50)
    classes = np.zeros(1000, np.int64)
    classes[[0, 999]] = 1  # the first and the last group
    for seed in range(5):
        drawn = draw_groups(classes, owners, 200, np.random.default_rng(seed), leave=1)
        assert classes[drawn].sum() == 1


def test_one_group_is_drawn_at_least_and_as_many_left_as_asked_for() -> None:
    owners, classes = np.repeat(np.arange(4), 10), np.zeros(40, np.int64)
    assert len(draw_groups(classes, owners, 1, np.random.default_rng(0), leave=1)) == 10
    assert len(draw_groups(classes, owners, 39, np.random.default_rng(0), leave=2)) == 20


def test_another_seed_draws_other_groups_and_the_same_one_the_same() -> None:
    first, again, other = (draw_groups(CLASSES, OWNERS, 300, np.random.default_rng(s), leave=1) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other) or (first != other).any()


def test_rows_are_dealt_alike_in_number_and_in_each_class() -> None:
    folds = deal_rows(CLASSES, 7, np.random.default_rng(0))
    assert np.ptp(np.bincount(folds)) <= 1
    for number in range(4):
        assert np.ptp(np.bincount(folds[number == CLASSES])) <= 1


@pytest.mark.parametrize("folds", [2, 5, 40])
def test_groups_are_dealt_whole_and_every_fold_gets_one(folds: int) -> None:
    dealt = deal_groups(CLASSES, OWNERS, folds, np.random.default_rng(0))
    assert len(set(zip(OWNERS, dealt, strict=True))) == 40
    sizes = np.bincount(dealt, minlength=folds)
    assert sizes.min() > 0
    if folds == 5:
        assert np.ptp(sizes) < 40


def test_groups_of_one_class_each_are_dealt_such_that_folds_have_all_classes() -> None:
    owners = np.repeat(np.arange(12), 10)
    classes = owners % 3
    dealt = deal_groups(classes, owners, 4, np.random.default_rng(0))
    assert [sorted(set(classes[dealt == fold])) for fold in range(4)] == [[0, 1, 2]] * 4
