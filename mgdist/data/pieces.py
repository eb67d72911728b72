"""Examples out of long recordings of which every reading has a label, such as what a person does.

Legend: L readings of a recording, C channels, N pieces, S readings of a piece.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mgdist.errors import DataError


class Pieces(NamedTuple):
    """Pieces of one recording.

    Attributes:
        readings: (N, S, C), in the memory of the recording.
        labels: (N,) the most frequent label of each; of equally frequent ones the smallest.
    """

    readings: NDArray[np.float32]
    labels: NDArray[np.generic]


def pieces(readings: NDArray[np.float32], labels: NDArray[np.generic], *, length: int, stride: int) -> Pieces:
    """Cut a recording into pieces of one length.

    What is left at the end and fills no piece is not used; a recording that is shorter than a piece gives none. Split
    by recording, or by person, before: pieces that overlap must not be on both sides of a split.

    Args:
        readings: (L, C), as ``mgdist_edge.readings.readings`` gives them.
        labels: (L,) of each reading.
        length: S.
        stride: readings from the start of one piece to that of the next.

    Raises:
        DataError: there are other than L labels.
    """
    if labels.shape != (len(readings),):
        raise DataError(f"task.label: expected a label for each of {len(readings)} readings; got {labels.shape}")
    if len(readings) < length:
        return Pieces(np.empty((0, length, readings.shape[1]), np.float32), labels[:0])
    names, codes = np.unique(labels, return_inverse=True)
    counts = np.concatenate(
        [np.zeros((1, len(names)), np.int64), np.cumsum(codes[:, None] == np.arange(len(names)), 0)]
    )
    starts = np.arange(0, len(readings) - length + 1, stride)
    frequent = (counts[starts + length] - counts[starts]).argmax(1)
    return Pieces(sliding_window_view(readings, length, axis=0)[::stride].swapaxes(1, 2), names[frequent])
