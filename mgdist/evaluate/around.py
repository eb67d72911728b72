"""The baseline of labelled samples: logistic regression on what is around each of them.

Legend: L readings of a recording, C channels, T labelled samples of it, K labels.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.classes import ClassScores, score_classes
from mgdist_edge.tags import Tag

SIDES = 50
"""Samples on either side of one that the statistics are of."""
MOST = 50_000
"""Training samples at most that are learned from, evenly chosen."""
SPLITS = ("valid", "test")
Numbers = NDArray[np.float32]


def labelled(dataset: Dataset, name: str, task: Tag) -> dict[str, ClassScores]:
    """Score a logistic regression that knows nothing of the network's levels; untuned on purpose.

    Of each sample it reads the mean of its own readings, and the mean and the standard deviation of those of
    the ``SIDES`` samples on either side of it.

    Args:
        dataset: the rows of its training split only are learned from.
        name: of the head.
        task: what it answers.

    Returns:
        the scores on the splits ``valid`` and ``test``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, targets = np.concatenate(list(_features(dataset.train))), dataset.train.targets[name]
    step = -(-len(train) // MOST)
    machine = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=100))
    machine.fit(train[::step], targets[::step])
    scores = {}
    for split, shard in zip(SPLITS, (dataset.valid, dataset.test), strict=True):
        found = np.zeros((len(shard.targets[name]), task.outputs))
        found[:, machine[-1].classes_] = machine.predict_proba(np.concatenate(list(_features(shard))))
        scores[split] = score_classes(found, shard.targets[name])
    return scores


def _features(shard: Shard) -> Iterator[Numbers]:
    """Yield what is read of the samples of each recording, (T, 3 C)."""
    assert shard.tagged is not None, "its samples are labelled"
    (raws,) = shard.raws.values()
    for raw in raws:
        yield around(np.asarray(raw, np.float64), shard.tagged.span)


def around(readings: NDArray[np.float64], span: int) -> Numbers:
    """Return what the baseline reads of each sample.

    Args:
        readings: (L, C).
        span: readings that a sample covers.

    Returns:
        (T, 3 C): means of the sample, means and standard deviations around it.
    """
    sums, squares = (np.pad(np.cumsum(each, 0), ((1, 0), (0, 0))) for each in (readings, readings**2))
    starts = np.arange(0, len(readings), span)
    stops = np.minimum(starts + span, len(readings))
    low, high = np.maximum(starts - SIDES * span, 0), np.minimum(stops + SIDES * span, len(readings))
    own = (sums[stops] - sums[starts]) / (stops - starts)[:, None]
    mean, square = ((each[high] - each[low]) / (high - low)[:, None] for each in (sums, squares))
    return np.concatenate([own, mean, np.sqrt(np.maximum(square - mean**2, 0))], 1).astype(np.float32)
