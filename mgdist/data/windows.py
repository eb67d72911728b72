"""Windows over one long table, for forecasts: a look-back, and the horizon behind it.

Legend: L rows of the table, N windows, B windows of a batch, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mgdist.errors import DataError

Readings = NDArray[np.float32]
Rows = NDArray[np.int64] | Sequence[int] | slice | int


@dataclass(frozen=True)
class Windows:
    """All windows of a stretch of a table, cut when they are asked for.

    Attributes:
        table: (L, C) the stretch; it is not copied.
        lookback: readings that a forecast sees.
        horizon: readings that it foretells, right behind those.
        stride: rows from one window to the next.
    """

    table: Readings
    lookback: int
    horizon: int
    stride: int = 1

    def __len__(self) -> int:
        return max(0, (len(self.table) - self.lookback - self.horizon) // self.stride + 1)

    def __getitem__(self, rows: Rows) -> tuple[Readings, Readings]:
        """Return the look-backs (B, lookback, C) and the horizons (B, horizon, C) of some windows.

        A slice copies nothing, whatever its length; a list of rows copies those windows; a single row gives
        (lookback, C) and (horizon, C).
        """
        found = self._all[rows]
        return found[..., : self.lookback, :], found[..., self.lookback :, :]

    @cached_property
    def _all(self) -> Readings:
        """(N, lookback + horizon, C), all in the memory of the table."""
        reach = self.lookback + self.horizon
        if len(self.table) < reach:
            return np.empty((0, reach, self.table.shape[1]), np.float32)
        return sliding_window_view(self.table, reach, axis=0)[:: self.stride].swapaxes(1, 2)


def split_windows(
    table: Readings, *, sizes: tuple[int, int, int], lookback: int, horizon: int, stride: int = 1
) -> tuple[Windows, Windows, Windows]:
    """Return the windows of training, validation and test, which follow each other in one table.

    The published protocol of the ETT sets (Zhou et al., "Informer", AAAI 2021): the first window of validation and of
    test looks back into the split before it, so that every row of theirs is foretold; no horizon crosses a split.

    Args:
        table: (L, C) in the order of time.
        sizes: rows of training, validation and test; what is behind them is not used. ETTh1 has 8640, 2880, 2880.
        lookback: readings that a forecast sees.
        horizon: readings that it foretells.
        stride: rows from one training window to the next; validation and test use every window.

    Raises:
        DataError: the table is shorter than the splits, or a split holds no window.
    """
    if len(table) < sum(sizes):
        raise DataError(f"data.source: expected {sum(sizes)} rows for the splits; got {len(table)}")
    stops = np.cumsum(sizes).tolist()
    found = []
    for number, (name, size, stop) in enumerate(zip(("train", "valid", "test"), sizes, stops, strict=True)):
        least = horizon if number else lookback + horizon
        start = stop - size - (lookback if number else 0)
        if size < least or start < 0:
            raise DataError(
                f"data.split: {name} has {size} rows, and {sizes[0]} come first; a window looks back {lookback} and "
                f"foretells {horizon}; make the split larger, or the window smaller"
            )
        found.append(Windows(table[start:stop], lookback, horizon, 1 if number else stride))
    train, valid, test = found
    return train, valid, test
