"""One example at all its granularities, and how ragged units become rectangular.

Legend: T samples of a view, C channels, N units, S samples of the longest unit.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_FEW = 32
"""Units that are laid out one by one."""


@dataclass(frozen=True)
class Views:
    """One example of one input, read at every granularity, without padding.

    A level reads a raw view of its own, or it builds on the level before it, whose units are then its samples.

    Attributes:
        samples: for each level, finest first: (T, C) of its raw view in reading order, ids (int32) or readings
            (float32); None where it builds on the level before it.
        lengths: for each level, (N,) int32: how many samples each of its units holds.
        standing: of a series, what its forecasts are multiplied by, and what is added then, both (C,), so that they are
            standardised readings. Its views have all channels, also where each is an example of its own.
    """

    samples: tuple[NDArray[np.generic] | None, ...]
    lengths: tuple[NDArray[np.int32], ...]
    standing: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


def pad(
    samples: NDArray[np.generic], lengths: NDArray[np.int32], size: int | None = None
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Lay consecutive samples into units of equal length.

    Args:
        samples: (T, ...) the samples of all units, one unit after another.
        lengths: (N,) samples of each unit; they sum to T.
        size: S of the result; the longest unit where it is None.

    Returns:
        (N, S, ...) with zeros behind each unit's samples, and its mask (N, S).
    """
    longest = int(lengths.max(initial=0)) if size is None else size
    return lay(samples, lengths, longest, len(lengths)), real(lengths, longest)


def real(lengths: NDArray[np.int32], size: int) -> NDArray[np.bool_]:
    """Return which samples (N, S) of units are no padding; S is ``size``."""
    mask: NDArray[np.bool_] = _counted(size) < lengths[:, None]
    return mask


def weights(lengths: NDArray[np.int32], size: int, rows: int) -> NDArray[np.float32]:
    """Return 1 for the samples of units that are no padding, else 0, as signatures read it.

    Args:
        lengths: (N,) samples of each unit.
        size: S of the result.
        rows: units of the result, at least N; those behind N are padding.

    Returns:
        (rows, S), not to be written to.
    """
    if rows == 1:
        return _weights_of(int(lengths[0]), size)
    found = np.zeros((rows, size), np.float32)
    found[: len(lengths)] = real(lengths, size)
    return found


@lru_cache(maxsize=1024)
def _weights_of(length: int, size: int) -> NDArray[np.float32]:
    return (_counted(size) < length).astype(np.float32)[None]


@lru_cache(maxsize=64)
def _counted(size: int) -> NDArray[np.int64]:
    return np.arange(size)


def lay(samples: NDArray[np.generic], lengths: NDArray[np.int32], size: int, rows: int) -> NDArray[np.generic]:
    """Lay consecutive samples into units of equal length, and units of padding behind them.

    Args:
        samples: (T, ...) the samples of all units, one unit after another.
        lengths: (N,) samples of each unit; they sum to T.
        size: S of the result.
        rows: units of the result, at least N.

    Returns:
        (rows, S, ...) with zeros behind each unit's samples.
    """
    units = np.zeros((rows, size, *samples.shape[1:]), samples.dtype)
    if len(lengths) > _FEW:
        units[: len(lengths)][real(lengths, size)] = samples
        return units
    start = 0
    for place, length in enumerate(lengths.tolist()):  # half the time that a mask takes
        units[place, :length] = samples[start : start + length]
        start += length
    return units


def covering(
    counts: NDArray[np.integer], span: int, coarse_counts: NDArray[np.integer], coarse_span: int
) -> NDArray[np.int64]:
    """Return for each sample of some examples the sample of another level that covers its middle in time.

    Where the other level builds on the first one, that is the unit that the sample is in.

    Args:
        counts: (B,) samples of each example.
        span: readings that a sample covers.
        coarse_counts: (B,) samples of each example at the other level, at least 1.
        coarse_span: readings that one of those covers.

    Returns:
        (T,) places among the other level's samples, example after example.
    """
    total = int(counts.sum())
    place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    within = np.minimum((place * span + span // 2) // coarse_span, np.repeat(coarse_counts - 1, counts))
    found: NDArray[np.int64] = np.repeat(np.cumsum(coarse_counts) - coarse_counts, counts) + within
    return found
