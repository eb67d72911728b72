"""The baseline of a forecast: ridge regression over the look-back without its last reading, beside repeating that.

Legend: B windows of a piece, L readings of the look-back, H readings foretold, C channels.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset, Shard
from mgdist.data.stored import Dense
from mgdist.evaluate.scores import Scores
from mgdist.evaluate.values import ValueScores, score_forecast
from mgdist_edge.tasks import Forecast

PENALTY = 1.0
"""Of the ridge, on standardised readings."""
PIECE = 512
"""Windows at a time."""
Numbers = NDArray[np.float32]


def foretold(dataset: Dataset, task: Forecast) -> dict[str, dict[str, Scores]]:
    """Score a linear model with the same weights for all channels, in closed form (Zeng et al., AAAI 2023, NLinear).

    Args:
        dataset: the windows of its training split only are learned from.
        task: what is foretold; where quantiles are, the baseline gives its mean for each.

    Returns:
        the scores of the head on the splits ``valid`` and ``test``, each with those of repeating the last reading.
    """
    ((name, _),) = dataset.tasks.items()
    lookback = next(_pieces(dataset.train))[0].shape[2]
    square, product = np.zeros((lookback, lookback)), np.zeros((lookback, task.horizon))
    for seen, _, follow in _pieces(dataset.train):
        rows = seen.reshape(-1, lookback)
        square += rows.T @ rows
        product += rows.T @ follow.reshape(-1, task.horizon)
    weights = np.linalg.solve(square + PENALTY * np.eye(lookback), product).astype(np.float32)
    return {
        split: {name: _scored(shard, task, weights)}
        for split, shard in (("valid", dataset.valid), ("test", dataset.test))
    }


def _scored(shard: Shard, task: Forecast, weights: Numbers) -> ValueScores:
    (targets,) = shard.targets.values()
    outputs, repeated = [], []
    for seen, last, _ in _pieces(shard):
        outputs.append(_each_way(seen @ weights + last, task))
        repeated.append(_each_way(np.broadcast_to(last, (*last.shape[:2], task.horizon)), task))
    naive = score_forecast(task, np.concatenate(repeated), targets)
    return replace(score_forecast(task, np.concatenate(outputs), targets), repeated=naive.mse)


def _each_way(found: Numbers, task: Forecast) -> Numbers:
    """Return forecasts (B, C, H) as outputs (B, K)."""
    return np.repeat(found.reshape(len(found), -1), task.ways, axis=1)


def _pieces(shard: Shard) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """Yield the look-backs without their last reading (B, C, L), that (B, C, 1), and what follows without it."""
    (stored,), (targets,) = shard.inputs.values(), shard.targets.values()
    assert isinstance(stored, Dense), "windows are of one length"
    assert shard.foretells is not None, "a forecast reads windows"
    for start in range(0, len(shard), PIECE):
        seen = shard.foretells.scaled(stored.raws[start : start + PIECE]).swapaxes(1, 2)
        last = seen[:, :, -1:]
        yield seen - last, last, targets[start : start + PIECE] - last
