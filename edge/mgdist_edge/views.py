"""One example at all its granularities, and how ragged units become rectangular.

Legend: T samples of an example, C channels, N units, S samples of the longest unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Views:
    """One example, read at every granularity, without padding.

    Attributes:
        samples: (T, C) the finest samples in reading order: ids (int32) or readings (float32).
        lengths: for each level, finest first, how many samples each of its units holds. The units of
            one level are the samples of the next; the last level has one unit, the example.
    """

    samples: NDArray[np.generic]
    lengths: tuple[NDArray[np.int32], ...]


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
    mask = np.arange(longest) < lengths[:, None]
    units = np.zeros((len(lengths), longest, *samples.shape[1:]), samples.dtype)
    units[mask] = samples
    return units, mask
