"""Reading a text that grows or is edited: what did not change is not looked at again.

It gives the very views that :class:`mgdist_edge.text.TextInput` gives.
"""

import re
from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.chunks import STRANGER
from mgdist_edge.errors import InputError
from mgdist_edge.memory import Recent
from mgdist_edge.text import FIRST, LONGEST, MIXER, PARAGRAPHS, PRIME, SENTENCES, TextInput, unit_lengths
from mgdist_edge.views import Views

_WORD = 2**32 - 1
Units = tuple[bytes, ...]
"""The rows of the words of each unit of the finest level, (S, order) int32."""


class Cutter:
    """Cuts a text again and again; up to the piece before the first change, it is not searched again.

    Where a piece ends is told by what stands up to the first character of the next piece, so all pieces but the last
    one of the front that is still the same are still right.

    Args:
        gaps: pattern of what stands between two pieces; it takes all the white space that it can.
    """

    def __init__(self, gaps: re.Pattern[str]) -> None:
        self._gaps = gaps
        self._text = ""
        self._pieces: list[str] = []
        self._starts: list[int] = []

    def cut(self, text: str) -> tuple[list[str], int]:
        """Return the pieces of a text, as ``gaps.split`` does, and how many are those of before from the front on."""
        kept = max(0, self._same(text) - 1)
        if kept and not self._pieces[kept]:  # nothing stands behind the last gap, which may be longer now
            kept -= 1
        start = self._starts[kept] if kept else 0
        pieces, starts = self._pieces[:kept], self._starts[:kept]
        for gap in self._gaps.finditer(text, start):
            pieces.append(text[start : gap.start()])
            starts.append(start)
            start = gap.end()
        pieces.append(text[start:])
        starts.append(start)
        self._text, self._pieces, self._starts = text, pieces, starts
        return pieces, kept

    def _same(self, text: str) -> int:
        """Return how many pieces a text begins with, with all that stands behind each."""
        if text.startswith(self._text):
            return len(self._pieces)
        ends = [*self._starts[1:], len(self._text)]
        for place, (start, end) in enumerate(zip(self._starts, ends, strict=True)):
            if not text.startswith(self._text[start:end], start):
                return place
        return len(self._pieces)


class Reader:
    """A text input that remembers the units of the latest paragraphs and sentences, by their text.

    Args:
        fitted: what turns a text into ids.
        most: sentences that are remembered at least, and as many paragraphs.
    """

    def __init__(self, fitted: TextInput, most: int) -> None:
        self._fitted = fitted
        self._width = 4 * fitted.order
        self._paragraphs = Cutter(PARAGRAPHS) if fitted.cuts("paragraph") else None
        self._sentences = Cutter(SENTENCES) if fitted.cuts("sentence") else None
        self._of_paragraph: Recent[str, Units] = Recent(most)
        self._of_sentence: Recent[str, Units] = Recent(most)
        self._of_parts: list[Units] = []
        self._of_pieces: list[Units] = []

    def views(self, raw: object) -> Views:
        """Cut a text into ids.

        Raises:
            InputError: it is no text, or there is no word in it.
        """
        text = self._fitted.read(raw)[:LONGEST]
        parts, same = self._paragraphs.cut(text) if self._paragraphs else ([text], 0)
        del self._of_parts[same:]
        for part in parts[same:]:
            # The first that changed is where somebody types: it is another one each time, and read on where it was.
            self._of_parts.append(self._read_on(part) if len(self._of_parts) == same else self._remembered(part))
        units = list(chain.from_iterable(self._of_parts))
        if not units:
            raise InputError("expected a text with at least one word; got an empty one")
        sizes = [len(unit) // self._width for unit in units]
        lengths = unit_lengths(sizes, [len(part) for part in self._of_parts if part], self._fitted.longest)
        samples = np.frombuffer(b"".join(units[: len(lengths[0])]), np.int32).reshape(-1, self._fitted.order)
        return Views((samples, *[None] * (len(lengths) - 1)), lengths)

    def _read_on(self, part: str) -> Units:
        pieces, same = self._sentences.cut(part) if self._sentences else ([part], 0)
        del self._of_pieces[same:]
        self._of_pieces += map(self._sentence, pieces[same:])
        return tuple(chain.from_iterable(self._of_pieces))

    def _remembered(self, part: str) -> Units:
        units = self._of_paragraph.get(part)
        if units is None:
            pieces = SENTENCES.split(part) if self._sentences else [part]
            units = tuple(chain.from_iterable(map(self._sentence, pieces)))
            self._of_paragraph.put(part, units)
        return units

    def _sentence(self, piece: str) -> Units:
        units = self._of_sentence.get(piece)
        if units is None:
            units = tuple(_rows(self._fitted, *self._fitted.units(piece)))
            self._of_sentence.put(piece, units)
        return units


def _rows(fitted: TextInput, keys: NDArray[np.uint32], lengths: list[int]) -> Iterator[bytes]:
    """Yield the rows of the words and n-grams of each unit, (S, order) int32, as ``TextInput.rows_of`` gives them.

    For as few words as a sentence has, plain numbers take half the time that arrays do.
    """
    order, words, buckets = fitted.order, fitted.words, fitted.buckets
    listed, start = keys.tolist(), 0
    for length in lengths:
        unit, ids = listed[start : start + length], list[int]()
        start += length
        for place, key in enumerate(unit):
            ids.append(key if key < STRANGER else 1)
            state = (FIRST ^ key) * PRIME & _WORD
            for back in range(1, order):
                if back > place:
                    ids.append(0)
                    continue
                state = (state ^ unit[place - back]) * PRIME & _WORD
                mixed = (state ^ state >> 15) * MIXER & _WORD
                ids.append(words + (mixed ^ mixed >> 12) % buckets)
        rows = np.array(ids, np.int32)
        yield (fitted.kept.places[rows] if fitted.kept else rows).tobytes()
