"""Labels of single samples: whose they are, and what each of them may read.

Legend: R rows (examples) of a split, B of a batch, T labelled samples of all of them, N units, S samples of a unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.data.stored import Units
from mgdist_edge.levels import spans
from mgdist_edge.manifest import tagged_level
from mgdist_edge.series import SeriesInput
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Task
from mgdist_edge.views import covering

FIRST = "tags.npy"
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Tagged:
    """The labelled samples of a split.

    Attributes:
        heads: that label them.
        first: (R + 1,) where those of each example begin among all of them.
        span: readings that one of them covers.
        spans: for each level that is read, the readings that one of its samples covers; None where it is finer than
            they are, so that its own states do not reach the labels.
    """

    heads: tuple[str, ...]
    first: Rows
    span: int
    spans: tuple[int | None, ...]

    def narrowed(self, places: Sequence[int]) -> "Tagged":
        """Return the same samples where only some levels are read."""
        return replace(self, spans=tuple(self.spans[place] for place in places))

    def places(self, rows: Rows) -> Rows:
        """Return where the samples of some examples stand among all of them, (T,)."""
        starts, counts = self.first[rows], self.first[rows + 1] - self.first[rows]
        ends = np.cumsum(counts)
        found: Rows = np.repeat(starts - ends + counts, counts) + np.arange(counts.sum())
        return found

    def covers(self, rows: Rows, levels: Sequence[Units]) -> tuple[Rows | None, ...]:
        """Return for each level the state that each sample of some examples reads: its place in (N x S,).

        Args:
            rows: the examples.
            levels: their units, level by level.
        """
        counts = self.first[rows + 1] - self.first[rows]
        return tuple(
            None if span is None else _covers(counts, self.span, units, span)
            for span, units in zip(self.spans, levels, strict=True)
        )


def _covers(counts: Rows, span: int, units: Units, coarse_span: int) -> Rows:
    owners = np.repeat(np.arange(len(units.counts)), units.counts)
    samples = np.bincount(owners, units.mask.sum(1), len(units.counts)).astype(np.int64)
    found: Rows = np.flatnonzero(units.mask)[covering(counts, span, samples, coarse_span)]
    return found


def open_tagged(folder: Path, tasks: Mapping[str, Task], fitted: SeriesInput) -> Tagged | None:
    """Return the labelled samples of the split in a folder; None where its heads label none."""
    level = tagged_level(tasks)
    if level is None:
        return None
    names, reach = list(fitted.levels), spans(fitted.levels.values())
    place = names.index(level)
    heads = tuple(name for name, task in tasks.items() if isinstance(task, Tag))
    read = tuple(span if number >= place else None for number, span in enumerate(reach))
    return Tagged(heads, np.load(folder / FIRST), reach[place], read)
