"""Raw values on disk: texts and rows one a line, arrays side by side in one file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.data.windows import Windows
from mgdist.runs import write
from mgdist_edge.raws import Raw

LINES, ARRAYS, FIRST = "raws.jsonl", "raws.npy", "raws_first.npy"
TABLE, WINDOWS = "table.npy", "windows.json"


def save_raws(folder: Path, raws: Sequence[Raw]) -> None:
    """Write the raw values of an input, one an example, into a folder."""
    if not isinstance(raws[0], np.ndarray):
        write(folder / LINES, "".join(json.dumps(raw) + "\n" for raw in raws))
        return
    arrays = [raw for raw in raws if isinstance(raw, np.ndarray)]
    if len({array.shape for array in arrays}) == 1:
        save(folder / ARRAYS, np.stack(arrays))
    else:
        save(folder / ARRAYS, np.concatenate(arrays))
        save(folder / FIRST, np.cumsum([0, *map(len, arrays)]))


def save_windows(folder: Path, windows: Windows) -> None:
    """Write the stretch of a table that windows are cut from, and how they are cut."""
    save(folder / TABLE, windows.table)
    about = {"lookback": windows.lookback, "horizon": windows.horizon, "stride": windows.stride}
    write(folder / WINDOWS, json.dumps(about))


def open_windows(folder: Path) -> Windows | None:
    """Return the windows that lie in a folder; None where there are examples of another kind."""
    if not (folder / WINDOWS).is_file():
        return None
    return Windows(np.load(folder / TABLE), **json.loads((folder / WINDOWS).read_text()))


def open_raws(folder: Path) -> Sequence[Raw]:
    """Return the raw values that lie in a folder, in the order of the examples."""
    if (windows := open_windows(folder)) is not None:
        return Arrays(windows[:][0], None)
    if (folder / LINES).is_file():
        with (folder / LINES).open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    arrays = np.load(folder / ARRAYS, mmap_mode="r")
    first = np.load(folder / FIRST) if (folder / FIRST).is_file() else None
    return Arrays(arrays, first)


class Arrays(Sequence[Raw]):
    """Arrays in a mapped file, read as they are asked for.

    Args:
        values: (R, ...), or (sum of the lengths, ...) where the arrays differ in length.
        first: (R + 1,) where each begins; None where they are equally long.
    """

    def __init__(self, values: NDArray[np.generic], first: NDArray[np.int64] | None) -> None:
        self.values, self.first = values, first

    def __len__(self) -> int:
        return len(self.values) if self.first is None else len(self.first) - 1

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        found = self.values[row] if self.first is None else self.values[self.first[row] : self.first[row + 1]]
        return np.array(found)

    def __iter__(self) -> Iterator[Raw]:
        return (self[row] for row in range(len(self)))


def save(path: Path, array: NDArray[np.generic]) -> None:
    """Write an array as ``np.save`` does, which itself does not tell why a write failed, such as a full disk."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)
