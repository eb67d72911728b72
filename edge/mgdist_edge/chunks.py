"""Words by what stands between white space: each such chunk is looked up once, and remembered.

Most of a text's chunks were met before, so that a whole text costs one look-up a chunk and a few passes over arrays.
Where the part in C was built, that looks up all chunks of a text at once, which takes a fifth of the time.
"""

import re
import sys
from array import array
from collections.abc import Mapping
from functools import partial
from string import punctuation
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

try:
    from mgdist_edge._lookup import Lookup
except ImportError:  # a wheel for any processor has no part in machine code
    Lookup = None  # type: ignore[assignment, misc]

WORDS = re.compile(r"\w+|[^\w\s]")
STRANGER = 2**31
"""Keys from here on are of words that are not in the vocabulary."""
END = 0
"""Stands behind the words of a sentence; no word has this key, which is the padding's. Two of them end a paragraph."""
BREAK = "\n\n"
"""Stands among the chunks where a blank line is; no chunk has white space in it."""
CLOSING = "\"')]"
"""What may stand between the full stop of a sentence and the white space behind it."""
_STOPS = ".!?"
_ENDS = _STOPS + CLOSING
_MARKS = punctuation.replace("_", "")
"""Those of ASCII, of which each is a word of its own."""
_STOP = re.compile(rf"[.!?][{re.escape(CLOSING)}]*\Z")
_END = END.to_bytes(4, sys.byteorder)
_MOST = 2**15


class Chunks(dict[str, bytes]):
    """The keys (uint32) of the words in a chunk of a text, and END behind them where a sentence ends.

    Brackets and quotation marks between the full stop and the white space that follows belong to no sentence. Where
    no white space follows, a chunk that ends with such a mark is looked up with a space behind it.

    Args:
        vocabulary: word -> id.
        sentences: a sentence ends at a chunk that ends with a full stop or the like.
        breaks: ENDs that stand for a blank line.
    """

    def __init__(self, vocabulary: Mapping[str, int], *, sentences: bool, breaks: int) -> None:
        super().__init__()
        self._vocabulary, self._sentences, self._breaks = vocabulary, sentences, breaks
        self._ends = {mark: self._key(mark) + (_END if sentences and mark in _STOPS else b"") for mark in _MARKS}
        self._compiled = None if Lookup is None else Lookup(dict(vocabulary), sentences, breaks)

    def __missing__(self, chunk: str) -> bytes:
        """Look a chunk up, and remember it; all are forgotten when there are too many."""
        if len(self) >= _MOST:
            self.clear()
        found = self[chunk] = _END * self._breaks if chunk == BREAK else self._keys(chunk)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Begin anew in another process."""
        return partial(Chunks, sentences=self._sentences, breaks=self._breaks), (self._vocabulary,)

    def keys_of(self, chunks: list[str]) -> NDArray[np.uint32]:
        """Return the keys of all chunks, one after another, (T,), with END where sentences and paragraphs end."""
        found = self._compiled.keys(chunks) if self._compiled else b"".join(map(self.__getitem__, chunks))
        return np.frombuffer(found, np.uint32)

    def _keys(self, chunk: str) -> bytes:
        # Most chunks are a word, or a word and a mark: to search them costs three times as much.
        if chunk.isalnum():
            return self._key(chunk)
        word, mark = chunk[:-1], chunk[-1]
        if mark in self._ends and word.isalnum():
            return self._key(word) + self._ends[mark]
        stop = _STOP.search(chunk) if self._sentences and mark in _ENDS else None
        words = WORDS.findall(chunk if stop is None else chunk[: stop.start() + 1])
        lookup = self._vocabulary.get
        keys = [lookup(word) or crc32(word.encode("utf-8", "surrogatepass")) | STRANGER for word in words]
        return array("I", keys).tobytes() + (b"" if stop is None else _END)

    def _key(self, word: str) -> bytes:
        return (self._vocabulary.get(word) or stranger(word)).to_bytes(4, sys.byteorder)


def lookup_version() -> str:
    """Return which of the two ways words are looked up in here."""
    return "words in Python" if Lookup is None else "words in C"


def stranger(word: str) -> int:
    """Return the key of a word that is not in the vocabulary: the CRC-32 of its UTF-8 bytes, with the highest bit set.

    A known word's key is its id. So an n-gram is told from others by words that have no vector of their own, too.
    """
    return crc32(word.encode("utf-8", "surrogatepass")) | STRANGER


def sentences_of(keys: NDArray[np.uint32], longest: int) -> tuple[list[int], list[int]]:
    """Return the words of each unit, (N,), and the units of each paragraph, (P,).

    Args:
        keys: of a whole text, or of as much as was read, with ENDs.
        longest: words of a unit at most; a longer sentence goes on in the next one.
    """
    units: list[int] = []
    paragraphs: list[int] = []
    start = before = 0
    ends = (keys == END).nonzero()[0].tolist()
    ends.append(len(keys))
    for end in ends:  # of as few sentences as a text has, plain numbers take half the time that arrays do
        length = end - start
        start = end + 1
        if not length:
            if len(units) > before:
                paragraphs.append(len(units) - before)
                before = len(units)
            continue
        while length > longest:
            units.append(longest)
            length -= longest
        units.append(length)
    if len(units) > before:
        paragraphs.append(len(units) - before)
    return units, paragraphs
