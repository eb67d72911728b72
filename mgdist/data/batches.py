"""Batches: rows of a shard laid out for a network, and the order in which they are read.

Legend: B examples of a batch, N units of a level (of all B examples), S samples of the longest unit, O n-gram order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from mgdist.data.dataset import Shard


@dataclass(frozen=True)
class Batch:
    """Some examples, packed: the units of all of them one after another, and no padding units.

    Attributes:
        ids: of the words and n-grams in the units of the finest level.
        masks: for each level, 1 where a unit has a sample, 0 where it is padded.
        members: for each level above the finest, the finer level's unit that each sample is; 0 where padded.
        owners: for each level, the example that each unit belongs to.
        targets: the index of each example's label.
    """

    ids: Int[Tensor, "N S O"]
    masks: tuple[Float[Tensor, "_ _"], ...]
    members: tuple[Int[Tensor, "_ _"], ...]
    owners: tuple[Int[Tensor, " _"], ...]
    targets: Int[Tensor, " B"]

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""

        def moved(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(tensor.to(device) for tensor in tensors)

        return type(self)(
            self.ids.to(device), moved(self.masks), moved(self.members), moved(self.owners), self.targets.to(device)
        )


def batch(shard: Shard, rows: Int[np.ndarray, " B"]) -> Batch:
    """Lay out some rows of a shard, in the order asked for."""
    words, *units = (_spans(first, rows) for first in shard.first)
    levels = [_units(np.take(level, spans)) for level, (spans, _) in zip(shard.lengths, units, strict=True)]
    (finest, mask), *coarser = levels
    ids = np.take(np.take(shard.samples, words[0], axis=0), finest, axis=0)
    ids *= mask[..., None]
    return Batch(
        ids=torch.from_numpy(ids),
        masks=tuple(torch.from_numpy(mask.astype(np.float32)) for _, mask in levels),
        members=tuple(torch.from_numpy(members) for members, _ in coarser),
        owners=tuple(torch.from_numpy(np.repeat(np.arange(len(rows)), counts)) for _, counts in units),
        targets=torch.from_numpy(shard.targets[rows]),
    )


def _spans(first: NDArray[np.int64], rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of all elements of some rows, row after row, and how many each row has."""
    starts, counts = first[rows], first[rows + 1] - first[rows]
    ends = np.cumsum(counts)
    return np.repeat(starts - ends + counts, counts) + np.arange(counts.sum()), counts


def _units(lengths: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lay consecutive samples into units.

    Returns:
        the place of each unit's samples (N, S), 0 where the unit is padded, and its mask; S is at least 1.
    """
    inside = np.arange(max(1, lengths.max(initial=0)))
    mask = inside < lengths[:, None]
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return (starts[:, None] + inside) * mask, mask


def order(rows: int, *, epoch: int, seed: int) -> Int[np.ndarray, " R"]:
    """Return a permutation of the rows: another one each epoch, the same for the same seed."""
    return np.random.default_rng([seed, epoch]).permutation(rows)


def batches(
    shard: Shard, *, size: int, epoch: int, seed: int, rank: int = 0, world: int = 1, skip: int = 0
) -> Iterator[Batch]:
    """Yield one rank's part of each global batch of an epoch.

    All ranks together see the same global batches whatever their number. The rows behind the last whole
    global batch are left out; another permutation brings them in another epoch.

    Args:
        shard: the rows.
        size: examples of a global batch; a multiple of ``world``.
        epoch: counts from 0.
        seed: of the order.
        rank: which part of each global batch, from 0.
        world: parts of each global batch.
        skip: global batches that were trained on before a resume.
    """
    assert size % world == 0, f"{world} ranks do not divide a batch of {size}"
    part = size // world
    rows = order(len(shard), epoch=epoch, seed=seed)
    for start in range(skip * size, len(rows) - size + 1, size):
        yield batch(shard, rows[start + rank * part : start + (rank + 1) * part])


def evaluation_batches(shard: Shard, size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Yield a rank's contiguous share of all rows, in their order; every row comes once in all."""
    begin, end = len(shard) * rank // world, len(shard) * (rank + 1) // world
    for start, stop in pairwise([*range(begin, end, size), end]):
        yield batch(shard, np.arange(start, stop))
