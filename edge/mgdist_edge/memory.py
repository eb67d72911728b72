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

    Args:
        most: units of each level that are remembered at least; see :class:`Recent`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._levels: dict[str, Recent[bytes, bytes]] = {}

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
        """
        recent = self._levels.setdefault(level, Recent(self._most))
        units = _units(samples, lengths)
        found = recent.get_all(units)
        new = [place for place, vector in enumerate(found) if vector is None]
        if new:
            content = np.frombuffer(b"".join([units[place] for place in new]), samples.dtype)
            rows = compute(content.reshape(-1, samples.shape[1]), lengths[new])
            for place, row in zip(new, rows, strict=True):
                found[place] = vector = row.tobytes()
                recent.put(units[place], vector)
        return np.frombuffer(b"".join([each for each in found if each]), np.float32).reshape(len(units), -1)


def _units(samples: NDArray[np.generic], lengths: NDArray[np.int32]) -> list[bytes]:
    """Return the bytes of each unit's samples, which tell their number too."""
    whole, size = samples.tobytes(), samples.itemsize * samples.shape[1]
    ends = [0, *(lengths.cumsum() * size).tolist()]
    return [whole[start:end] for start, end in pairwise(ends)]
