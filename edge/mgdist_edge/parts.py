"""The parts of an example that can be left out, and the example without each.

The rules are those of ``edge/web/js/explain.js``; paragraphs, and tiles of coarser levels, are told here only.
Legend: H and W pixels, L readings, C channels.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never, cast

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput
from mgdist_edge.chunks import WORDS
from mgdist_edge.grid import Grid, divide
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.places import Box, Column, Place, Span
from mgdist_edge.raws import Raw
from mgdist_edge.series import SeriesInput
from mgdist_edge.table import TableInput
from mgdist_edge.text import PARAGRAPHS, SENTENCES, TextInput

MOST_WORDS, MOST_SENTENCES = 250, 100
"""Words and sentences of a text that are left out one by one, at most; as many paragraphs as sentences."""
MOMENTS = 16
"""Moments that a recording, or a series, is cut into."""
SQUARES, MOST_TILES = 8, 256
"""Squares along a side of an image whose finest level has one unit only, or more than so many."""
_LETTERS = re.compile(r"\w+")
_CLOSING = re.compile(r"[\"')\]]*")
_LONGEST = 90


@dataclass(frozen=True)
class Part:
    """A part of an example.

    Attributes:
        granularity: paragraph, sentence, word; a level of the image, or square; moment; column.
        place: where it stands in the raw value.
        shown: names it to people.
        without: gives the raw value without it.
    """

    granularity: str
    place: Place
    shown: str
    without: Callable[[], Raw]


def parts_of(fitted: Input, raw: object) -> Iterator[Part]:
    """Yield the parts of a raw value, coarse ones first; an array that the model reads as it is has none.

    Raises:
        InputError: it cannot be read.
    """
    match fitted:
        case TextInput():
            yield from _parts_of_text(fitted, fitted.read(raw))
        case ImageInput():
            yield from _parts_of_image(fitted, fitted.read(raw))
        case SeriesInput():
            readings = fitted.read(raw)
            yield from _moments(readings, readings.mean(0), lambda span: f"readings {span.start}-{span.stop - 1}")
        case AudioInput():
            rate, silence = fitted.spectrum.rate, np.zeros((), np.float32)
            heard = fitted.read(raw)
            yield from _moments(heard, silence, lambda span: f"{span.start / rate:.2f}-{span.stop / rate:.2f} s")
        case TableInput():
            row = dict(cast(Mapping[str, str | float | None], raw))
            for name in fitted.columns:
                yield Part("column", Column(name), f"{name} = {row[name]}", lambda name=name: {**row, name: None})  # type: ignore[misc]
        case ArrayInput():
            return
        case _ as never:
            assert_never(never)


def _parts_of_text(fitted: TextInput, text: str) -> Iterator[Part]:
    paragraphs = _pieces(text, PARAGRAPHS) if "paragraph" in fitted.levels else []
    sentences = _pieces(text, SENTENCES)
    words = [Span(*word.span()) for word in _LETTERS.finditer(text)]
    for granularity, spans, most in (
        ("paragraph", paragraphs, MOST_SENTENCES),
        ("sentence", sentences, MOST_SENTENCES),
        ("word", words, MOST_WORDS),
    ):
        for span in spans[:most] if len(spans) > 1 else ():
            shown = _shortened(" ".join(text[span.start : span.stop].split()))
            yield Part(granularity, span, shown, lambda span=span: text[: span.start] + text[span.stop :])  # type: ignore[misc]


def _pieces(text: str, gaps: re.Pattern[str]) -> list[Span]:
    """Return the pieces of a text with the marks that close them; those without a word are left out."""
    found, start = [], 0
    for gap, end in [*(each.span() for each in gaps.finditer(text)), (len(text), len(text))]:
        closed = _CLOSING.match(text, gap, end)
        stop = closed.end() if closed else gap
        if WORDS.search(text, start, stop):
            found.append(Span(start, stop))
        start = end
    return found


def _parts_of_image(fitted: ImageInput, pixels: NDArray[np.uint8]) -> Iterator[Part]:
    """Yield the tiles of each level; a tile without its pixels has the mean of the training images."""
    grids = divide(fitted.size, fitted.levels)[0]
    known = {name: grid for name, grid in grids.items() if 1 < grid.rows * grid.columns <= MOST_TILES}
    finest = next(iter(grids))
    if finest not in known:
        known = {"square": Grid(*(min(SQUARES, side) for side in fitted.size))} | known
    grey = np.floor(255 * np.array(fitted.mean) + 0.5).astype(np.uint8)
    for name, grid in reversed(known.items()):
        for box in _boxes(fitted.size, grid):

            def without(box: Box = box) -> Raw:
                rest = pixels.copy()
                rest[box.row : box.row + box.height, box.column : box.column + box.width] = grey
                return rest

            yield Part(name, box, f"row {box.row + 1}, column {box.column + 1}", without)


def _boxes(size: tuple[int, int], grid: Grid) -> Iterator[Box]:
    rows, columns = (_edges(count, length) for count, length in zip(grid, size, strict=True))
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield Box(top, left, bottom - top, right - left)


def _moments(
    readings: NDArray[np.float32], filling: NDArray[np.float32], named: Callable[[Span], str]
) -> Iterator[Part]:
    """Yield the moments of readings (L,) or (L, C); one that is left out is filled with one value, or one a channel."""
    for start, stop in pairwise(_edges(min(MOMENTS, len(readings)), len(readings))):

        def without(start: int = start, stop: int = stop) -> Raw:
            rest = readings.copy()
            rest[start:stop] = filling
            return rest

        yield Part("moment", Span(start, stop), named(Span(start, stop)), without)


def _edges(count: int, length: int) -> list[int]:
    """Return where ``count`` pieces of about equal length begin and end; halves are rounded up, as in JavaScript."""
    return [(2 * place * length + count) // (2 * count) for place in range(count + 1)]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]}…"
