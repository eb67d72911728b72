"""What is done about classes of which there are few examples. Legend: R rows, K classes."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mgdist.data.dataset import Shard
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Ordinal, Task


def class_weights(tasks: Mapping[str, Task], shard: Shard) -> dict[str, Float[Tensor, " K"]]:
    """Return for each head of one label a weight a class, R / (K x its rows): in the mean over the rows they are 1.

    Of labelled samples R are the samples.

    After King and Zeng, "Logistic Regression in Rare Events Data", 2001.
    """
    return {
        name: torch.from_numpy(_weights(shard.targets[name], task.outputs)).float()
        for name, task in tasks.items()
        if isinstance(task, Classify | Ordinal | Tag)
    }


def shares(tasks: Mapping[str, Task], shard: Shard) -> NDArray[np.float64]:
    """Return how often each row is drawn, such that all classes of the first head are drawn alike; they add up to 1."""
    name, task = next(iter(tasks.items()))
    found = _weights(shard.targets[name], task.outputs)[shard.targets[name]]
    drawn: NDArray[np.float64] = found / found.sum()
    return drawn


def _weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    counts = np.bincount(targets, minlength=classes)
    weights: NDArray[np.float64] = len(targets) / (classes * np.maximum(counts, 1))
    return weights
