"""Vectors of units that were computed before, by what the units hold.

Legend: T samples, N units, C channels, W numbers of a unit's vector.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Compute = Callable[[NDArray[np.generic], NDArray[np.int32]], Floats]
Key = TypeVar("Key")
Value = TypeVar("Value")
_COUNT = np.dtype(np.int32).itemsize
_FEWEST = 32
"""Units that there is room for from the start."""


class Recent(Generic[Key, Value]):
    """The values that were asked for lately: at least the last ``most`` different ones, at most twice as many.

    There are two generations, and what is found in the old one becomes young again; when the young one is full, the old
    one is forgotten. So a value that is found costs one look-up, and no order is kept.

    Args:
        most: values of a generation.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """Return what is remembered under a key, or None."""
        value = self._young.get(key)
        if value is None and (value := self._old.pop(key, None)) is not None:
            self.put(key, value)
        return value

    def get_all(self, keys: list[Key]) -> list[Value | None]:
        """Return what ``get`` does for each key, in less time where most are young."""
        found = list(map(self._young.get, keys))
        if self._old and None in found:
            return [self.get(key) if value is None else value for key, value in zip(keys, found, strict=True)]
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remember a value."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value


class Memory:
    """What the levels of a network gave for the units that were seen lately.

    Of each level it holds the units of the latest example, one behind another, so that those before the first change
    are not even looked up (nor is found there what a later unit repeats); and those that were there before it.

    Args:
        most: units of each level that are remembered at least, beside those of the latest example; see :class:`Recent`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._levels: dict[str, _Latest] = {}

    def __len__(self) -> int:
        """The units that are remembered, of all levels."""
        return sum(map(len, self._levels.values()))

    def vectors(self, level: str, samples: NDArray[np.generic], lengths: NDArray[np.int32], compute: Compute) -> Floats:
        """Return the vectors of units, (N, W); only those are computed whose content is new.

        Args:
            level: its key.
            samples: (T, C) of all units, one unit after another.
            lengths: (N,) samples of each.
            compute: what gives the vectors of some units, (N, W), from their samples and lengths.

        Returns:
            an array that the next call for this level may write to.
        """
        latest = self._levels.get(level)
        if latest is None:
            latest = self._levels[level] = _Latest(self._most)
        return latest.vectors(samples, lengths, compute)


class _Latest:
    """The units of one level: those of the latest example, with their vectors in one array, and those before it."""

    def __init__(self, most: int) -> None:
        self._before: Recent[bytes, bytes] = Recent(most)
        self._content = self._lengths = b""
        self._last = 0  # where the content of the last unit begins
        self._vectors: Floats = np.empty((0, 0), np.float32)
        self._units = 0

    def __len__(self) -> int:
        return self._units + len(self._before)

    def vectors(self, samples: NDArray[np.generic], lengths: NDArray[np.int32], compute: Compute) -> Floats:
        """See :meth:`Memory.vectors`."""
        content, counts, units = samples.tobytes(), lengths.tobytes(), len(lengths)
        size = samples.itemsize * samples.shape[1]
        if content.startswith(self._content) and counts.startswith(self._lengths):
            same, begin = self._units, len(self._content)  # all that was there, and maybe more
        else:
            same, begin = self._front(content, counts, size)
            self._put_aside(same, begin)
        if same < units:
            rest, new = samples[begin // size :], lengths[same:]
            rows = self._rest(content[begin:], rest, new, compute) if len(self._before) else compute(rest, new)
            self._keep(same, rows)
        self._content, self._lengths, self._units = content, counts, units
        self._last = len(content) - size * int(lengths[-1])
        return self._vectors[:units]

    def _front(self, content: bytes, counts: bytes, size: int) -> tuple[int, int]:
        """Return how many units are the same from the front on, and the bytes of their samples, of ``size`` each."""
        if counts.startswith(self._lengths[:-_COUNT]) and content.startswith(self._content[: self._last]):
            return self._units - 1, self._last  # all but the last one, where somebody types
        alike = _same(counts, self._lengths) // _COUNT
        ends = np.frombuffer(counts, np.int32, alike).cumsum() * size
        same = int(np.searchsorted(ends, _same(content, self._content), side="right"))
        return same, int(ends[same - 1]) if same else 0

    def _put_aside(self, same: int, begin: int) -> None:
        """Remember the units that the latest example had from the first change on."""
        if same == self._units - 1:
            units = [self._content[begin:]]
        else:
            units = _cut(self._content[begin:], np.frombuffer(self._lengths, np.int32)[same:])
        for unit, vector in zip(units, self._vectors[same : self._units], strict=True):
            self._before.put(unit, vector.tobytes())

    def _rest(
        self, content: bytes, samples: NDArray[np.generic], lengths: NDArray[np.int32], compute: Compute
    ) -> Floats:
        """Return the vectors of the units from the first change on, (N, W)."""
        units = _cut(content, lengths) if len(lengths) > 1 else [content]
        found = self._before.get_all(units)
        new = [place for place, vector in enumerate(found) if vector is None]
        if len(new) == len(units):
            return compute(samples, lengths)
        if new:
            read = np.frombuffer(b"".join([units[place] for place in new]), samples.dtype)
            for place, row in zip(new, compute(read.reshape(-1, samples.shape[1]), lengths[new]), strict=True):
                found[place] = row.tobytes()
        return np.frombuffer(b"".join([each for each in found if each]), np.float32).reshape(len(units), -1)

    def _keep(self, same: int, rows: Floats) -> None:
        """Put vectors behind those that are the same."""
        units = same + len(rows)
        if units > len(self._vectors) or not same:
            larger = np.empty((max(_FEWEST, 2 * units), rows.shape[1]), np.float32)
            if same:
                larger[:same] = self._vectors[:same]
            self._vectors = larger
        self._vectors[same:units] = rows


def _same(one: bytes, other: bytes) -> int:
    """Return how many bytes are the same from the front on."""
    shorter = min(len(one), len(other))
    apart = np.frombuffer(one, np.uint8, shorter) != np.frombuffer(other, np.uint8, shorter)
    first = int(apart.argmax()) if shorter else 0
    return first if shorter and apart[first] else shorter


def _cut(content: bytes, lengths: NDArray[np.int32]) -> list[bytes]:
    """Return the bytes of each unit's samples, which tell their number too."""
    if not len(lengths):
        return []
    ends = lengths.cumsum()
    places = [0, *(ends * (len(content) // int(ends[-1]))).tolist()]
    return [content[start:end] for start, end in pairwise(places)]
