"""From a text to ids: paragraphs, sentences, words, and hashed n-grams.

The same code runs in training and on the device. The rules use nothing that another language lacks
(regular expressions over Unicode letters and digits, 32-bit integer arithmetic), so that a port can
be proved right with the golden examples of a bundle.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.chunks import BREAK, CLOSING, END, WORDS, Chunks, sentences_of
from mgdist_edge.errors import InputError
from mgdist_edge.kept import Kept
from mgdist_edge.views import Views
from mgdist_edge.windows import Window
from mgdist_edge.wordpiece import MARKS, WordPiece

PADDING, UNKNOWN = "<PAD>", "<UNKNOWN>"
"""The first two words of every vocabulary: ids 0 and 1."""

PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
SENTENCES = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n[^\S\n]*\n\s*")
SENTENCE_ENDS, WINDOWS = "sentences", "windows"
"""How a text is cut into units; the first is what a manifest means that says nothing of it."""
FIRST, PRIME, MIXER = 2166136261, 16777619, 0x2C1B3C6D
"""Numbers of the hash of n-grams."""
_FIRST, _PRIME, _MIXER, _HALF, _REST, _SIGN = (np.array(each, np.uint32) for each in (FIRST, PRIME, MIXER, 15, 12, 31))
"""As arrays, which take half the time that NumPy's scalars do."""
LONGEST = 1_000_000
"""Characters of a text that are read; the rest could not reach the network anyway."""
Read = tuple[NDArray[np.uint32], list[int], list[int]]
"""The keys of words (T,), the words of each unit of the finest level (N,), and the units of each paragraph (P,)."""


def words(text: str, *, lowercase: bool) -> list[str]:
    """Return the words and the punctuation marks of a text, in order."""
    return WORDS.findall(lowered(text) if lowercase else text)


def lowered(text: str) -> str:
    """Return a text in small letters."""
    # Python alone makes a capital sigma at the end of a word another letter than elsewhere.
    return text.replace("\u03a3", "\u03c3").lower()


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

    @cached_property
    def longest(self) -> tuple[int, ...]:
        """Samples of a unit of each level at most."""
        return tuple(window.length for window in self.levels.values())

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
        text = self.read(raw)[:LONGEST]
        keys, units, paragraphs = self._nested(text) if self.pieces else self._sentences(text)
        if not units:
            raise InputError("expected a text with at least one word; got an empty one")
        lengths = unit_lengths(units, paragraphs, self.longest)
        keys = keys[: int(lengths[0].sum())]
        return Views((self.rows_of(keys, lengths[0]), *[None] * (len(lengths) - 1)), lengths)

    def rows_of(self, keys: NDArray[np.uint32], lengths: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the rows (T, order) of words and n-grams, from the keys (T,) and the lengths (N,) of all units."""
        ids = ngrams(keys, lengths, self.order, self.words, self.buckets)
        return self.kept.places[ids] if self.kept else ids

    @cached_property
    def chunks(self) -> Chunks:
        """The keys of the chunks that were met."""
        breaks = 0 if self.windows else len(self.levels) - 1
        return Chunks(self.vocabulary, sentences=self.cuts("sentence"), breaks=breaks)

    def chunked(self, text: str) -> Iterator[list[str]]:
        """Yield the chunks of each part of a lowered text, with BREAK where a blank line ends what a unit may hold."""
        if len(self.levels) == 1 or self.windows:
            yield text.split()
            return
        start = 0
        for gap in PARAGRAPHS.finditer(text):
            yield self._part(text[start : gap.start()], white="paragraph" not in self.levels)
            start = gap.end()
        yield self._part(text[start:], white=False)

    def _part(self, part: str, *, white: bool) -> list[str]:
        """Return the chunks of a part; ``white``: the white space behind it may end a sentence."""
        chunks = part.split()
        if not white and chunks and part[-1] in CLOSING:
            chunks[-1] += " "
        chunks.append(BREAK)
        return chunks

    def _sentences(self, text: str) -> Read:
        keys = self.chunks.keys_of(list(chain.from_iterable(self.chunked(lowered(text) if self.lowercase else text))))
        longest = self.levels["word"].length
        units, paragraphs = sentences_of(keys, longest)
        if len(self.levels) == 1:
            return keys, units[:1], paragraphs
        return keys[keys != END], units, paragraphs

    def _nested(self, text: str) -> Read:
        """Read a text with the tokenizer of a pre-trained encoder."""
        parts = PARAGRAPHS.split(text) if self.cuts("paragraph") else [text]
        pieces = [SENTENCES.split(part) if self.cuts("sentence") else [part] for part in parts]
        nested = [[self.units(piece) for piece in each] for each in pieces]
        units = [list(chain.from_iterable(lengths for _, lengths in each)) for each in nested]
        keys = [keys for each in nested for keys, _ in each]
        return np.concatenate(keys), list(chain.from_iterable(units)), [len(each) for each in units if each]

    def units(self, piece: str) -> tuple[NDArray[np.uint32], list[int]]:
        """Return the keys (T,) of the words in a sentence, or in what is not cut into such, and the words of each unit.

        There are at most as many words in a unit as the finest level allows.
        """
        longest = self.longest[0]
        if self.pieces:
            ids, words = self.pieces.ids(piece), longest - MARKS
            if len(self.levels) == 1:
                ids = ids[:words]
            units = [self.pieces.unit(ids[start : start + words]) for start in range(0, len(ids), words)]
            return np.fromiter(chain.from_iterable(units), np.uint32), list(map(len, units))
        keys = self.chunks.keys_of(self._part(lowered(piece) if self.lowercase else piece, white=False))
        keys = keys[: longest if len(self.levels) == 1 else np.count_nonzero(keys)]  # ENDs stand behind the last word
        return keys, [min(longest, len(keys) - start) for start in range(0, len(keys), longest)]

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


def unit_lengths(
    units: list[int], paragraphs: list[int], longest: Sequence[int], most: int | None = None
) -> tuple[NDArray[np.int32], ...]:
    """Return the lengths of each level's units.

    Args:
        units: samples of each unit of the finest level, (N,).
        paragraphs: units of each paragraph, (P,).
        longest: samples of a unit of each level at most.
        most: units of the finest level that are wanted; None for all that the coarsest level holds.
    """
    lengths = [units if most is None else units[:most]]
    if len(longest) == 3:
        left, sizes = len(lengths[0]), list[int]()
        for count in paragraphs:
            held = min(count, left)
            left -= held
            sizes += [min(longest[1], held - start) for start in range(0, held, longest[1])]
        lengths.append(sizes)
    if len(longest) > 1:
        lengths.append([min(len(lengths[-1]), longest[-1])])
        for level in reversed(range(len(lengths) - 1)):
            lengths[level] = lengths[level][: sum(lengths[level + 1])]
    return tuple([np.array(level, np.int32) for level in lengths])


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
    columns = np.empty((len(keys), order), np.int32)
    np.maximum(keys.view(np.int32), (keys >> _SIGN).view(np.int32), out=columns[:, 0])  # 1 for the highest bit
    if order == 1:
        return columns
    starts = lengths.cumsum()
    starts -= lengths
    state = keys ^ _FIRST
    state *= _PRIME
    for n in range(1, order):
        # Of all places, also those before which too little stands: these are set to 0 behind it.
        state[n:] ^= keys[: max(0, len(keys) - n)]
        state *= _PRIME
        hashed = state >> _HALF
        hashed ^= state
        hashed *= _MIXER
        hashed ^= hashed >> _REST
        hashed %= np.array(buckets, np.uint32)
        hashed += np.array(vocabulary, np.uint32)
        columns[:, n] = hashed
        for place in range(n):
            columns[_inside(starts + place, len(keys)), n] = 0
    return columns


def _inside(places: NDArray[np.integer], stop: int) -> NDArray[np.integer]:
    """Return the places that are before ``stop``; they rise."""
    return places if len(places) == 0 or places[-1] < stop else places[places < stop]
