"""Rows held out in whole groups, and rows cut into folds.

Legend: R rows, G groups, K classes.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
DRAWS = 100
"""Random draws of groups that are compared."""


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Return the groups or labels that there are, numbers by their size and text by the alphabet."""
    found = set(names)
    if all(name.removeprefix("-").isdecimal() for name in found):
        return tuple(sorted(found, key=lambda name: (int(name), name)))
    return tuple(sorted(found))


def owners_of(groups: Sequence[str]) -> Rows:
    """Return the place of each row's group among those that there are, (R,)."""
    place = {name: number for number, name in enumerate(named(groups))}
    return np.array([place[name] for name in groups], np.int64)


def draw_groups(classes: Rows, owners: Rows, size: int, rng: np.random.Generator, *, leave: int) -> Rows:
    """Draw whole groups with about ``size`` rows in all, such that both sides have every class in its share.

    Of many random draws, the one is taken whose counts by class are nearest to what is asked for.

    Args:
        classes: (R,) the class of each row.
        owners: (R,) the group of each row, 0 to G - 1.
        size: rows to draw.
        rng: where chance comes from.
        leave: groups that are not drawn at least; less than G.

    Returns:
        the rows of one group at least, in rising order.
    """
    counts = _counts(classes, owners)
    total, best, least = counts.sum(0), np.zeros(0, np.int64), np.inf
    wanted = total * size / total.sum()
    for _ in range(DRAWS):
        order = rng.permutation(len(counts))[: len(counts) - leave]
        many = int(np.abs(np.cumsum(counts[order].sum(1)) - size).argmin()) + 1
        held = counts[order[:many]].sum(0)
        lacking = ((held == 0) | (held == total)) & (total > 0)
        cost = float(np.abs(held - wanted).sum() + total.sum() * lacking.sum())
        if cost < least:
            best, least = order[:many], cost
    return np.flatnonzero(np.isin(owners, best))


def deal_rows(classes: Rows, folds: int, rng: np.random.Generator) -> Rows:
    """Return the fold of each row, (R,): the rows of each class dealt out one by one."""
    shuffled = rng.permutation(len(classes))
    dealt = np.empty(len(classes), np.int64)
    dealt[shuffled[np.argsort(classes[shuffled], kind="stable")]] = np.arange(len(classes)) % folds
    return dealt


def deal_groups(classes: Rows, owners: Rows, folds: int, rng: np.random.Generator) -> Rows:
    """Return the fold of each row, (R,): whole groups, the largest first, each to the fold that lacks it most.

    What is kept small is the sum over folds of the squares of their shares of all rows and of each class.

    Args:
        classes: (R,) the class of each row.
        owners: (R,) the group of each row, 0 to G - 1.
        folds: at most G; each gets one group at least.
        rng: where the order of groups that are equally large comes from.
    """
    counts = _counts(classes, owners)
    shares = np.hstack([counts / np.maximum(counts.sum(0), 1), counts.sum(1, keepdims=True) / len(owners)])
    shuffled = rng.permutation(len(counts))
    held, fold_of = np.zeros((folds, shares.shape[1])), np.empty(len(counts), np.int64)
    for group in shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")]:
        fold_of[group] = fold = int((held @ shares[group]).argmin())
        held[fold] += shares[group]
    return fold_of[owners]


def _counts(classes: Rows, owners: Rows) -> Rows:
    """Return the rows of each class in each group, (G, K)."""
    width = int(classes.max()) + 1
    return np.bincount(owners * width + classes, minlength=(int(owners.max()) + 1) * width).reshape(-1, width)
