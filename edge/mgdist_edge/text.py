"""From a text to ids: paragraphs, sentences, words, and hashed n-grams.

The same code runs in training and on the device. The rules use nothing that another language lacks
(regular expressions over Unicode letters and digits, 32-bit integer arithmetic), so that a port can
be proved right with the golden examples of a bundle.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import InputError
from mgdist_edge.kept import Kept
from mgdist_edge.views import Views
from mgdist_edge.windows import Window
from mgdist_edge.wordpiece import MARKS, WordPiece

PADDING, UNKNOWN = "<PAD>", "<UNKNOWN>"
"""The first two words of every vocabulary: ids 0 and 1."""

WORDS = re.compile(r"\w+|[^\w\s]")
PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
SENTENCES = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n[^\S\n]*\n\s*")
SENTENCE_ENDS, WINDOWS = "sentences", "windows"
"""How a text is cut into units; the first is what a manifest means that says nothing of it."""
STRANGER = 2**31
"""Keys from here on are of words that are not in the vocabulary."""
FIRST, PRIME, MIXER = 2166136261, 16777619, 0x2C1B3C6D
"""Numbers of the hash of n-grams."""
LONGEST = 1_000_000
"""Characters of a text that are read; the rest could not reach the network anyway."""


def words(text: str, *, lowercase: bool) -> list[str]:
    """Return the words and the punctuation marks of a text, in order."""
    # Python alone makes a capital sigma at the end of a word another letter than elsewhere.
    return WORDS.findall(text.replace("\u03a3", "\u03c3").lower() if lowercase else text)


@dataclass(frozen=True)
class TextInput:
    """The fitted numbers that turn a text into ids.

    Attributes:
        vocabulary: word -> id; ``<PAD>`` is 0, ``<UNKNOWN>`` is 1.
        lowercase: read capital letters as small ones.
        levels: granularity -> what a unit covers, finest first.
        order: longest n-gram with an id of its own; 1 is words only.
        buckets: ids that the hashed n-grams share, behind those of the words.
        pieces: the tokenizer of a pre-trained encoder, in place of words: then the vocabulary is its own, in which
            id 1 has no meaning, and each unit of the finest level stands between two tokens of its own.
        kept: which ids still have a row, where the vocabulary was pruned and is what was left; None where all have one.
        windows: units are full ones wherever sentences end, as a client cuts that has nothing but a tokenizer.
    """

    vocabulary: Mapping[str, int]
    lowercase: bool
    levels: Mapping[str, Window]
    order: int = 1
    buckets: int = 0
    pieces: WordPiece | None = None
    kept: Kept | None = None
    windows: bool = False
    kind = "text"
    axes = 1

    @property
    def channels(self) -> Mapping[str, int]:
        """Ids of a sample, by level that reads a raw view."""
        return {"word": self.order}

    @cached_property
    def rows(self) -> int:
        """Rows of the embedding: one for each id, or for each that was kept."""
        return self.kept.rows if self.kept else self.words + self.buckets

    @property
    def words(self) -> int:
        """Ids of words; those of n-grams come behind them."""
        return self.kept.words if self.kept else len(self.vocabulary)

    def cuts(self, level: str) -> bool:
        """Say whether a text is cut where its sentences, or its paragraphs, end."""
        return level in self.levels and not self.windows

    def read(self, raw: object) -> str:
        """Return what a caller handed in, if it is a text.

        Raises:
            InputError: it is something else.
        """
        if not isinstance(raw, str):
            raise InputError(f"expected a text; got {type(raw).__name__}")
        return raw

    def views(self, raw: object) -> Views:
        """Cut a text into ids.

        Words beyond a unit go on in the next one; what is beyond the last unit of the coarsest level is
        left out.

        Returns:
            samples (T, order) int32: the row of the word, then that of the pair and the triple that end at it
            (0 where they would begin before the unit, or were pruned), and the lengths of all units.

        Raises:
            InputError: it is no text, or there is no word in it.
        """
        nested = [list(self._units(part)) for part in self._parts(self.read(raw)[:LONGEST])]
        nested = [units for units in nested if units]
        if not nested:
            raise InputError("expected a text with at least one word; got an empty one")
        lengths = unit_lengths(nested, [window.length for window in self.levels.values()])
        keys = np.fromiter(chain.from_iterable(chain.from_iterable(nested)), np.uint32)[: int(lengths[0].sum())]
        ids = ngrams(keys, lengths[0], self.order, self.words, self.buckets)
        rows = self.kept.places[ids] if self.kept else ids
        return Views((rows, *[None] * (len(lengths) - 1)), lengths)

    def _parts(self, text: str) -> list[str]:
        return PARAGRAPHS.split(text) if self.cuts("paragraph") else [text]

    def _units(self, part: str) -> Iterator[list[int]]:
        for piece in SENTENCES.split(part) if self.cuts("sentence") else [part]:
            yield from self.units(piece)

    def units(self, piece: str) -> Iterator[list[int]]:
        """Yield the keys of the words in each unit of a sentence, or of what is not cut into such.

        There are at most as many words in a unit as the finest level allows.
        """
        longest = self.levels["word"].length - (MARKS if self.pieces else 0)
        keys = self._keys(piece)
        if len(self.levels) == 1:
            keys = keys[:longest]
        for start in range(0, len(keys), longest):
            unit = keys[start : start + longest]
            yield self.pieces.unit(unit) if self.pieces else unit

    def _keys(self, text: str) -> list[int]:
        if self.pieces:
            return self.pieces.ids(text)
        lookup = self.vocabulary.get
        return [lookup(word) or stranger(word) for word in words(text, lowercase=self.lowercase)]

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds; the vocabulary travels as tokenizer.json."""
        return {
            "kind": self.kind,
            "lowercase": self.lowercase,
            "levels": {name: window.length for name, window in self.levels.items()},
            "order": self.order,
            "buckets": self.buckets,
            **({"kept": self.kept.as_json()} if self.kept else {}),
            **({"cut": WINDOWS} if self.windows else {}),
        }


def unit_lengths(nested: Sequence[Sequence[Sized]], longest: Sequence[int]) -> tuple[NDArray[np.int32], ...]:
    """Return the lengths of each level's units, from the units of the finest level in each paragraph."""
    lengths = [[len(unit) for units in nested for unit in units]]
    if len(longest) == 3:
        lengths.append([size for units in nested for size in _wrapped(len(units), longest[1])])
    if len(longest) > 1:
        lengths.append([min(len(lengths[-1]), longest[-1])])
        for level in reversed(range(len(lengths) - 1)):
            lengths[level] = lengths[level][: sum(lengths[level + 1])]
    return tuple(np.array(level, np.int32) for level in lengths)


def _wrapped(count: int, longest: int) -> list[int]:
    return [min(longest, count - start) for start in range(0, count, longest)]


def stranger(word: str) -> int:
    """Return the key of a word that is not in the vocabulary: the CRC-32 of its UTF-8 bytes, with the highest bit set.

    A known word's key is its id. So an n-gram is told from others by words that have no vector of their own, too.
    """
    return crc32(word.encode("utf-8", "surrogatepass")) | STRANGER


def ngrams(
    keys: NDArray[np.uint32], lengths: NDArray[np.int32], order: int, vocabulary: int, buckets: int
) -> NDArray[np.int32]:
    """Put beside each word's id those of the n-grams that end at it.

    Args:
        keys: (T,) of the words: the id of a known one, :func:`stranger` of another.
        lengths: (N,) words of each unit; an n-gram does not cross units.
        order: longest n-gram.
        vocabulary: ids of words; those of n-grams come behind them.
        buckets: ids of n-grams.

    Returns:
        (T, order) int32; the word's id comes first, and 0 stands where an n-gram would begin before its unit.
    """
    columns = np.zeros((len(keys), order), np.int32)
    columns[:, 0] = np.where(keys < STRANGER, keys, 1)
    if order > 1:
        starts = np.cumsum(lengths) - lengths
        place = np.arange(len(keys)) - np.repeat(starts, lengths)
        for n in range(2, order + 1):
            hashed = _hash(np.stack([keys[n - 1 - back : len(keys) - back] for back in range(n)]))
            inside = place[n - 1 :] >= n - 1
            columns[n - 1 :, n - 1] = np.where(inside, vocabulary + hashed % np.uint32(buckets), 0)
    return columns


def _hash(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Hash each column of (n, T) keys: FNV-1a over whole keys, then two rounds of mixing, all modulo 2**32."""
    mixed = np.full(keys.shape[1], FIRST, np.uint32)
    for row in keys:
        mixed = (mixed ^ row) * np.uint32(PRIME)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(MIXER)
    return mixed ^ (mixed >> np.uint32(12))
