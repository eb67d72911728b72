"""Reading a text in part: so many units of its finest level, then more of them.

It gives the units that :class:`mgdist_edge.text.TextInput` gives, and looks at as much of the text as they need.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.chunks import END, sentences_of
from mgdist_edge.errors import InputError
from mgdist_edge.text import LONGEST, TextInput, lowered, unit_lengths
from mgdist_edge.views import Views

_CHUNKS = 14
"""Chunks that a unit is guessed to have; where it has more, there is another look."""


class Partial:
    """A text that is read a few units at a time.

    Args:
        fitted: what turns a text into ids, at two levels or more.
        raw: the text.

    Attributes:
        whole: whether all units have been read that reach the network.

    Raises:
        InputError: it is no text.
    """

    def __init__(self, fitted: TextInput, raw: object) -> None:
        text = fitted.read(raw)
        self.whole = False
        self._fitted = fitted
        self._all = fitted.views(text) if fitted.pieces else None
        self._parts: Iterator[list[str]] = iter(())
        if self._all is None:
            text = text[:LONGEST]
            self._parts = fitted.chunked(lowered(text) if fitted.lowercase else text)
        self._chunks: list[str] = []
        self._keys: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._units = self._words = 0

    def read(self, most: int | None = None) -> Views:
        """Read on, up to so many units of the finest level since the beginning; to the end where it is None.

        Returns:
            samples of the units that are new, and the lengths of all units that were read.

        Raises:
            InputError: there is no word in the text.
        """
        lengths = self._lengths(most)
        new = lengths[0][self._units :]
        words = int(new.sum())
        if self._all is None:
            held = self._keys[self._keys != END][self._words : self._words + words]
            samples: NDArray[np.generic] = self._fitted.rows_of(held, new)
        else:
            assert self._all.samples[0] is not None, "the finest level reads the ids"
            samples = self._all.samples[0][self._words : self._words + words]
        self._units, self._words = len(lengths[0]), self._words + words
        return Views((samples, *[None] * (len(lengths) - 1)), lengths)

    def _lengths(self, most: int | None) -> tuple[NDArray[np.int32], ...]:
        if self._all is not None:
            self.whole = most is None or most >= len(self._all.lengths[0])
            return self._all.lengths if self.whole or most is None else beginning(self._all, most).lengths
        units, paragraphs = self._found(most)
        if not units:
            raise InputError("expected a text with at least one word; got an empty one")
        if most is not None and most < self._fitted.longest[-1]:  # so many fit, however they are nested
            self.whole = len(units) <= most
            return unit_lengths(units, paragraphs, self._fitted.longest, most)
        lengths = unit_lengths(units, paragraphs, self._fitted.longest, None if most is None else most + 1)
        self.whole = most is None or len(lengths[0]) <= most  # the network holds no more, or there are no more
        return lengths if self.whole else unit_lengths(units, paragraphs, self._fitted.longest, most)

    def _found(self, most: int | None) -> tuple[list[int], list[int]]:
        """Return the units and paragraphs of what was looked at: more than so many units, unless the text ends."""
        held, longest = self._units, self._fitted.longest[0]
        while True:
            more = self._look(None if most is None else _CHUNKS * (most + 1 - held))
            units, paragraphs = sentences_of(self._keys, longest)
            held = len(units)
            if not more or (most is not None and held > most):
                return units, paragraphs

    def _look(self, wanted: int | None) -> bool:
        """Look so many chunks up, or all; return whether there may be more of them."""
        while (wanted is None or len(self._chunks) < wanted) and (part := next(self._parts, None)) is not None:
            self._chunks += part
        taken, self._chunks = self._chunks[:wanted], self._chunks[len(self._chunks) if wanted is None else wanted :]
        if taken:
            found = self._fitted.chunks.keys_of(taken)
            self._keys = np.concatenate([self._keys, found]) if len(self._keys) else found
        return wanted is not None and len(taken) == wanted


def beginning(views: Views, units: int) -> Views:
    """Return the first units of the finest level, and of each coarser one what holds them; all where there are fewer.

    Args:
        views: of a text.
        units: at least 1.
    """
    if units >= len(views.lengths[0]):
        return views
    lengths = _begun(views.lengths, units)
    samples = views.samples[0]
    assert samples is not None, "the finest level reads a raw view"
    return Views((samples[: int(lengths[0].sum())], *views.samples[1:]), lengths)


def _begun(lengths: tuple[NDArray[np.int32], ...], units: int) -> tuple[NDArray[np.int32], ...]:
    """Return the lengths of each level's units, of the first ``units`` of the finest level."""
    found = [lengths[0][:units]]
    for level in lengths[1:]:
        held = len(found[-1])
        ends = level.cumsum()
        count = int(np.searchsorted(ends, held)) + 1
        kept = level[:count].copy()
        kept[-1] -= int(ends[count - 1]) - held
        found.append(kept)
    return tuple(found)
