"""Which ids of a pruned vocabulary still have a row in the embedding.

Words keep their ids when others are taken out, since the hashes of n-grams are made of them; only the rows move up.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields

_UNKNOWN = 1


@dataclass(frozen=True)
class Kept:
    """The ids that still have a row.

    Attributes:
        words: ids of words before any was taken out; those of n-grams come behind them.
        bits: one bit an id, that of id 0 the highest of the first byte; 1 where it has a row.
    """

    words: int
    bits: bytes

    @classmethod
    def of(cls, words: int, ids: NDArray[np.bool_]) -> "Kept":
        """Return which of all ids have a row, (ids,)."""
        return cls(words, np.packbits(ids).tobytes())

    @cached_property
    def ids(self) -> NDArray[np.bool_]:
        """Which ids have a row, (ids,); a few behind the last one stand for nothing."""
        return np.unpackbits(np.frombuffer(self.bits, np.uint8)).astype(np.bool_)

    @cached_property
    def rows(self) -> int:
        """Rows of the embedding."""
        return int(self.ids.sum())

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """The row of each id, (ids,): that of the unknown word for a word without one, 0 for such an n-gram."""
        places = np.cumsum(self.ids, dtype=np.int32) - 1
        places[~self.ids] = 0
        places[: self.words][~self.ids[: self.words]] = places[_UNKNOWN]
        return places

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"words": self.words, "bits": b64encode(self.bits).decode()}


def read_kept(asked: Fields, buckets: int) -> Kept:
    """Return which ids have a row.

    Args:
        asked: as :meth:`Kept.as_json` gives it.
        buckets: ids of n-grams.

    Raises:
        BundleError: it does not hold a bit for each id, or not even padding and the unknown word have a row.
    """
    words = asked.whole("words", least=2, most=2**31 - 1 - buckets)
    try:
        bits = b64decode(asked.text("bits"), validate=True)
    except ValueError:
        bits = b""
    found = Kept(words, bits)
    if len(bits) != -(-(words + buckets) // 8) or not found.ids[:2].all() or found.ids[words + buckets :].any():
        expected = f"base64 of a bit for each of {words + buckets} ids, the first two set"
        raise BundleError(f"{asked.where}.bits: expected {expected}; got something else; make the bundle again")
    return found
