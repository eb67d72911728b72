"""How the examples of an input lie on disk, and how some of them become the units of a batch.

Legend: R examples, T samples of all of them, N units of a level (of all examples of a batch), S samples of the longest
unit, C channels.
"""

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mgdist.data.raws import ARRAYS, open_windows, save
from mgdist_edge.array import ArrayInput
from mgdist_edge.image import ImageInput
from mgdist_edge.series import SeriesInput
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

Rows = NDArray[np.int64]
Vary = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
"""Raw examples (B, ...) -> others of the same shape, that ask for the same answer."""
Hide = Callable[[NDArray[Any], NDArray[np.bool_], NDArray[np.int64], np.random.Generator], NDArray[Any]]
"""Samples (N, S, C), their mask, the example of each unit -> the samples with some of them hidden."""
DENSE, LENGTHS = "dense.npy", "lengths.npz"


@runtime_checkable
class Cutter(Protocol):
    """A fitted input whose examples are all of one size."""

    def cut(self, raws: NDArray[Any]) -> tuple[NDArray[Any] | None, ...]:
        """Cut raw examples (B, ...) into units: for each level (B, U, S, C); None where it builds on the one before."""


@dataclass(frozen=True)
class Units:
    """The units of a level, packed: those of all examples one after another, and no padding units.

    Attributes:
        samples: (N, S, C) of a raw view, zero where padded; None where the level builds on the one before it.
        members: (N, S) the finer level's unit that each sample is, 0 where padded; None where it reads a raw view.
        mask: (N, S) true where a unit has a sample.
        counts: (B,) units of each example.
    """

    samples: NDArray[np.generic] | None
    members: NDArray[np.int64] | None
    mask: NDArray[np.bool_]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Examples of differing length, cut once.

    Attributes:
        samples: for each level, finest first, (T, C) of its raw view; None where it builds on the level before it.
        lengths: for each level, (N,) int32 samples of each unit.
        first: for each level, (2, R + 1) int64 where each example begins in ``samples`` and in ``lengths``.
        hide: what is hidden of the training examples each time they are seen; None for nothing.
        ends: for each level, (2, R) where each example ends, before the next one begins; None where it is read whole.
        versions: of each example; the first R are as they were read, and one of all is drawn for training.
    """

    samples: tuple[NDArray[Any] | None, ...]
    lengths: tuple[NDArray[np.int32], ...]
    first: tuple[NDArray[np.int64], ...]
    hide: Hide | None = None
    ends: tuple[NDArray[np.int64] | None, ...] | None = None
    versions: int = 1

    def units(self, rows: Rows, chance: np.random.Generator | None = None) -> tuple[Units, ...]:
        """Lay out some examples, in the order asked for; see :meth:`Dense.units`."""
        ends = self.ends or (None,) * len(self.lengths)
        if self.versions > 1 and chance is not None:
            examples = (self.first[0].shape[1] - 1) // self.versions
            rows = rows + examples * chance.integers(self.versions, size=len(rows))
        found = [
            _units(samples, lengths, first, first[:, 1:] if end is None else end, rows)
            for samples, lengths, first, end in zip(self.samples, self.lengths, self.first, ends, strict=True)
        ]
        if self.hide is not None and chance is not None:
            found = [_hidden(units, self.hide, chance) for units in found]
        return tuple(found)

    def narrowed(self, places: Sequence[int], most: Mapping[int, int], coarser: Mapping[int, int]) -> "Ragged":
        """Return the same examples at some of the levels, and of each only so much.

        Args:
            places: of the levels; with one, those that it builds on.
            most: place of a level that reads a raw view -> units of an example at most; the levels that build on it
                are cut short with it.
            coarser: of none of them: they were cut once.
        """
        assert not coarser, "examples of differing length are cut at one scale"
        lengths, first = list(self.lengths), list(self.first)
        ends: list[NDArray[np.int64] | None] = [None] * len(lengths)
        kept: NDArray[np.int64] | None = None
        for place, samples in enumerate(self.samples):
            if samples is not None:
                kept = None
                if place in most:
                    ends[place] = end = _ends(lengths[place], first[place], most[place])
                    kept = end[1] - first[place][1, :-1]
            elif kept is not None:
                lengths[place], first[place] = _shortened(lengths[place], first[place], kept)
                kept = np.diff(first[place][1])
        return Ragged(
            tuple(self.samples[place] for place in places),
            tuple(lengths[place] for place in places),
            tuple(first[place] for place in places),
            self.hide,
            tuple(ends[place] for place in places),
            self.versions,
        )

    def views(self, row: int) -> Views:
        """Return the views of one example, as the device cuts them."""
        found = []
        for samples, lengths, first in zip(self.samples, self.lengths, self.first, strict=True):
            (start, begin), (stop, end) = first[:, row], first[:, row + 1]
            found.append((None if samples is None else np.asarray(samples[start:stop]), np.asarray(lengths[begin:end])))
        return Views(tuple(each for each, _ in found), tuple(each for _, each in found))

    @classmethod
    def open(cls, folder: Path, levels: Sequence[str], hide: Hide | None = None, versions: int = 1) -> "Ragged":
        """Map what :func:`save_ragged` wrote into memory."""
        names = [folder / f"samples_{level}.npy" for level in levels]
        return cls(
            tuple(_mapped(name) if name.is_file() else None for name in names),
            tuple(_mapped(folder / f"lengths_{level}.npy") for level in levels),
            tuple(np.load(folder / f"first_{level}.npy") for level in levels),
            hide,
            versions=versions,
        )


def save_ragged(folder: Path, levels: Sequence[str], views: Sequence[Views]) -> None:
    """Write the views of all examples of an input; those of further versions come behind, version by version."""
    for place, level in enumerate(levels):
        lengths = [each.lengths[place] for each in views]
        raw = [samples for each in views if (samples := each.samples[place]) is not None]
        counts = np.array([[len(samples) for samples in raw] or [0] * len(views), list(map(len, lengths))])
        if raw:
            save(folder / f"samples_{level}.npy", np.concatenate(raw))
        save(folder / f"lengths_{level}.npy", np.concatenate(lengths))
        save(folder / f"first_{level}.npy", np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0))))


@dataclass(frozen=True)
class Dense:
    """Examples of one size, kept as they were read, and cut a batch at a time.

    Attributes:
        raws: (R, ...) what the input cuts.
        cutter: the fitted input.
        lengths: for each level, (U,) int32 samples of each unit; the same for all examples.
        vary: what is done to the training examples each time they are seen; None for nothing.
        places: of the levels that are laid out, among those that the cutter gives; None for all.
    """

    raws: NDArray[Any]
    cutter: Cutter
    lengths: tuple[NDArray[np.int32], ...]
    vary: Vary | None = None
    places: tuple[int, ...] | None = None

    def units(self, rows: Rows, chance: np.random.Generator | None = None) -> tuple[Units, ...]:
        """Lay out some examples, in the order asked for.

        Args:
            rows: of the examples.
            chance: where the variation of training examples comes from; None for none.
        """
        raws = self.raws[rows]
        if self.vary is not None and chance is not None:
            raws = self.vary(raws, chance)
        finer, found = 0, []
        cut = self.cutter.cut(raws)
        assert cut[0] is not None, "the finest level reads a raw view"
        for samples, lengths in zip(cut, self.lengths, strict=True):
            found.append(_full(samples, lengths, finer, len(cut[0])))
            finer = len(lengths)
        return tuple(found if self.places is None else [found[place] for place in self.places])

    def narrowed(self, places: Sequence[int], most: Mapping[int, int], coarser: Mapping[int, int]) -> "Dense":
        """Return the same examples at some of the levels; see :meth:`Ragged.narrowed`.

        Args:
            places: of the levels.
            most: of none of them: examples of one size are read whole.
            coarser: place of a level that reads a raw view -> how many of its samples along an axis become one, their
                mean; its units cover what they did before.
        """
        assert not most, "examples of one size are read whole"
        if not isinstance(self.cutter, ImageInput | SeriesInput):
            return replace(self, places=tuple(places))
        levels = list(self.cutter.levels.items())
        less = replace(self.cutter, levels={levels[p][0]: _coarser(levels[p][1], coarser.get(p, 1)) for p in places})
        return replace(self, cutter=less, lengths=less.lengths(self.raws[:1]))

    def views(self, row: int) -> Views:
        """Return the views of one example, as the device cuts them."""
        if isinstance(self.cutter, SeriesInput | ArrayInput):
            return self.cutter.viewed(self.raws[row])
        cut = self.cutter.cut(self.raws[row : row + 1])
        return Views(tuple(map(_unpadded, cut, self.lengths)), self.lengths)

    @classmethod
    def open(cls, folder: Path, cutter: Cutter, vary: Vary | None = None) -> "Dense":
        """Map what :func:`save_dense` wrote into memory."""
        if (windows := open_windows(folder)) is not None:
            raws = windows[:][0]
        else:
            raws = _mapped(folder / DENSE if (folder / DENSE).is_file() else folder / ARRAYS)
        return cls(raws, cutter, tuple(np.load(folder / LENGTHS).values()), vary)


def save_dense(folder: Path, raws: NDArray[Any] | None, lengths: Sequence[NDArray[np.int32]]) -> None:
    """Write the examples of an input that are all of one size.

    Args:
        folder: of the input.
        raws: what the input cuts; None where these are the raw values themselves, which lie there already.
        lengths: for each level, samples of each unit.
    """
    if raws is not None:
        save(folder / DENSE, raws)
    np.savez(folder / LENGTHS, allow_pickle=False, **{str(place): each for place, each in enumerate(lengths)})


Stored = Ragged | Dense


def _coarser(window: Window, factor: int) -> Window:
    return Window(window.length // factor, window.scale and window.scale * factor)


def _full(samples: NDArray[Any] | None, lengths: NDArray[np.int32], finer: int, examples: int) -> Units:
    """Lay out a level that has the same units in every example.

    Args:
        samples: (B, U, S, C) of a raw view; None where the level builds on the one before it.
        lengths: (U,).
        finer: units of the level before it in each example.
        examples: B.
    """
    places, mask = _laid(lengths)
    counts = np.full(examples, len(lengths), np.int64)
    if samples is not None:
        mask = np.arange(samples.shape[2]) < lengths[:, None]
        return Units(samples.reshape(-1, *samples.shape[2:]), None, np.tile(mask, (examples, 1)), counts)
    members = (places + finer * np.arange(examples)[:, None, None]) * mask
    return Units(None, members.reshape(-1, places.shape[1]), np.tile(mask, (examples, 1)), counts)


def _unpadded(cut: NDArray[Any] | None, lengths: NDArray[np.int32]) -> NDArray[Any] | None:
    """Return (T, C) of the one example that was cut to (1, U, S, C)."""
    return None if cut is None else cut[0][np.arange(cut.shape[2]) < lengths[:, None]]


def _mapped(path: Path) -> NDArray[Any]:
    """Return a plain array over a mapped file. Where a row fills pages, no more is read than the rows asked for."""
    found = np.load(path, mmap_mode="r")
    if found.nbytes >= len(found) * mmap.PAGESIZE > 0:
        found._mmap.madvise(mmap.MADV_RANDOM)
    return np.asarray(found)


def _ends(lengths: NDArray[np.int32], first: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return (2, R) where each example ends, in samples and in units, if it has ``most`` units at most."""
    units = np.minimum(first[1, 1:], first[1, :-1] + most)
    before = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return np.stack([first[0, :-1] + before[units] - before[first[1, :-1]], units])


def _shortened(
    lengths: NDArray[np.int32], first: NDArray[np.int64], kept: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the units of a level that builds on the one before it, of which only the first so many were kept.

    Args:
        lengths: (N,) finer units of each unit.
        first: (2, R + 1) of the level.
        kept: (R,) finer units of each example.
    """
    counts = np.diff(first[1])
    owners = np.repeat(np.arange(len(counts)), counts)
    total = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    before = total[:-1] - total[first[1, :-1]][owners]
    shorter = np.clip(kept[owners] - before, 0, lengths).astype(np.int32)
    fewer = np.bincount(owners[shorter > 0], minlength=len(counts))
    return shorter[shorter > 0], np.stack([first[0], np.concatenate([[0], np.cumsum(fewer)])])


def _units(
    samples: NDArray[Any] | None,
    lengths: NDArray[np.int32],
    first: NDArray[np.int64],
    ends: NDArray[np.int64],
    rows: Rows,
) -> Units:
    spans, counts = _spans(first[1], ends[1], rows)
    places, mask = _laid(np.take(lengths, spans))
    if samples is None:
        return Units(None, places, mask, counts)
    mine = np.take(samples, _spans(first[0], ends[0], rows)[0], axis=0)
    found = np.take(mine, places, axis=0)
    found *= mask[..., None]
    return Units(found, None, mask, counts)


def _hidden(units: Units, hide: Hide, chance: np.random.Generator) -> Units:
    if units.samples is None:
        return units
    owners = np.repeat(np.arange(len(units.counts)), units.counts)
    return replace(units, samples=hide(units.samples, units.mask, owners, chance))


def _spans(
    first: NDArray[np.int64], last: NDArray[np.int64], rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of all elements of some rows, row after row, and how many each row has."""
    starts, counts = first[rows], last[rows] - first[rows]
    ends = np.cumsum(counts)
    return np.repeat(starts - ends + counts, counts) + np.arange(counts.sum()), counts


def _laid(lengths: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lay consecutive samples into units.

    Returns:
        the place of each unit's samples (N, S), 0 where the unit is padded, and its mask; S is at least 1.
    """
    inside = np.arange(max(1, lengths.max(initial=0)))
    mask = inside < lengths[:, None]
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return (starts[:, None] + inside) * mask, mask
