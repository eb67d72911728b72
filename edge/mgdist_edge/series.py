"""From a series of readings to normalised windows.

The same code runs in training and on the device. Legend: B examples, L readings, C channels, U units, S samples,
H readings to forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.levels import LONGEST, Chain, chains, levels_json, read_levels
from mgdist_edge.readings import MISSING, Missing, readings
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

Normalize = Literal["none", "last", "mean", "standard"]
"""What is taken off each example and channel: nothing, its last reading, its mean, or its mean, and divided by its
standard deviation."""
NORMALIZES: tuple[Normalize, ...] = ("none", "last", "mean", "standard")
EPSILON = 1e-5
"""Added to the variance of an example, in units of the training split's, so that a constant one can be divided by."""

Readings = NDArray[np.float32]
_MOST = 2**31 - 1
_SMALLEST = 1e-30
"""What float32 can divide by, and still square."""
_Known = TypeVar("_Known", bound=str)


@dataclass(frozen=True)
class SeriesInput:
    """The fitted numbers that turn a series into normalised windows.

    Attributes:
        levels: granularity -> what a unit covers, finest first.
        columns: name of each channel.
        centre: taken off each channel: its training mean, or minimum.
        spread: what each channel is divided by then: its training standard deviation, or range; above 0.
        length: readings of every example; None where they differ.
        normalize: reversible normalisation of each example and channel, after Kim et al., "Reversible Instance
            Normalization for Accurate Time-Series Forecasting against Distribution Shift", ICLR 2022.
        missing: what becomes of a missing reading.
        apart: each channel is an example of its own with one channel, as in DLinear (Zeng et al., AAAI 2023) and
            PatchTST (Nie et al., ICLR 2023).
    """

    levels: Mapping[str, Window]
    columns: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    length: int | None = None
    normalize: Normalize = "none"
    missing: Missing = "fail"
    apart: bool = False
    kind = "series"
    axes = 1

    @cached_property
    def channels(self) -> Mapping[str, int]:
        """Numbers of a sample, by level that reads a raw view."""
        raw = zip(self.levels, self._chains, strict=True)
        return {name: 1 if self.apart else len(self.columns) for name, chain in raw if chain is not None}

    @cached_property
    def capacity(self) -> int:
        """Readings of the longest example: what one unit of the coarsest level covers."""
        return next(chain.reach for chain in reversed(self._chains) if chain is not None)

    def read(self, raw: object) -> Readings:
        """Return the readings of what a caller hands in, (L, C), also where the channels are apart.

        A mapping with a list for each column; or an array or nested list (L, C), one row a reading; or (L,) of the only
        channel.

        Raises:
            InputError: it is neither, channels differ in length, a reading is missing and not filled or not finite, or
                there are other than ``length`` readings, or more than the levels hold: nothing is left out silently.
        """
        found = readings(raw, self.columns, self.missing)
        if self.length is not None and len(found) != self.length:
            raise InputError(f"expected {self.length} readings; got {len(found)}; cut the series to windows of them")
        if len(found) > self.capacity:
            expected = f"at most {self.capacity} readings, which the levels hold"
            raise InputError(f"expected {expected}; got {len(found)}; cut the series, or train with longer levels")
        return found

    def cut(self, raws: Readings) -> tuple[Readings | None, ...]:
        """Cut a batch of series of one length into windows.

        A sample of a raw view is the mean of ``scale`` readings; the rest at the end is averaged over what is there.

        Args:
            raws: (B, L, C), each as ``read`` gives it.

        Returns:
            for each level (B, U, S, C), with zeros behind a last unit that is not full (``lengths`` says which);
            None where the level builds on the one before it. Where the channels are apart: (B * C, U, S, 1), the
            channels of one example one after another.
        """
        shift, factor = self._moments(raws)
        return tuple(
            None if chain is None else self._windows((_averages(raws, chain.scale) - shift) / factor, chain.lengths[0])
            for chain in self._chains
        )

    def lengths(self, raws: Readings) -> tuple[NDArray[np.int32], ...]:
        """Return for each level the samples of each unit, (U,), of every series of a batch (B, L, C)."""
        found: list[NDArray[np.int32]] = []
        for window, chain in zip(self.levels.values(), self._chains, strict=True):
            samples = -(-raws.shape[1] // chain.scale) if chain else len(found[-1])
            found.append(_units(samples, window.length))
        return tuple(found)

    def views(self, raw: object) -> Views:
        """Read and cut one series; its views have all channels, also where they are apart.

        Raises:
            InputError: the series cannot be read.
        """
        return self.viewed(self.read(raw))

    def viewed(self, series: Readings) -> Views:
        """Cut one series (L, C), as ``read`` gives it."""
        raws = series[None]
        cut, lengths = self.cut(raws), self.lengths(raws)
        counts = [int(each.sum()) for each in lengths]
        flat = [None if each is None else np.concatenate(each.reshape(len(each), -1, each.shape[3]), 1) for each in cut]
        factor, shift = self.standing(raws)
        samples = tuple(f if f is None else f[:count] for f, count in zip(flat, counts, strict=True))
        return Views(samples, lengths, (factor[0], shift[0]))

    def standing(self, raws: Readings) -> tuple[Readings, Readings]:
        """Return what turns forecasts from the scale of each example to readings standardised by the training split.

        Args:
            raws: (B, L, C), the examples.

        Returns:
            what is multiplied by, and what is added then, both (B, C).
        """
        shift, factor = self._moments(raws)
        centre, spread = self._scaling
        shape = (len(raws), len(self.columns))
        added = np.broadcast_to((shift - centre) / spread, (shape[0], 1, shape[1])).reshape(shape)
        multiplied = np.broadcast_to(factor / spread, (shape[0], 1, shape[1])).reshape(shape)
        return multiplied.astype(np.float32), added.astype(np.float32)

    def normalise(self, raws: Readings, values: Readings) -> Readings:
        """Bring readings that follow the examples to the scale that the network sees and forecasts.

        Args:
            raws: (B, L, C), the examples, as ``read`` gives them.
            values: (B, H, C) in the units of the readings.

        Returns:
            (B, H, C), or (B * C, H, 1) where the channels are apart.
        """
        shift, factor = self._moments(raws)
        return self._folded((values - shift) / factor)

    def restore(self, raws: Readings, outputs: Readings) -> Readings:
        """Bring forecasts back to the units of the readings: the inverse of ``normalise``.

        Args:
            raws: (B, L, C), the examples that were forecast from; or one, (L, C).
            outputs: (B, H, C), or (B * C, H, 1) where the channels are apart; of one example (H, C), or (C, H, 1).

        Returns:
            (B, H, C); of one example (H, C).
        """
        if raws.ndim == 2:
            one: Readings = self.restore(raws[None], outputs if self.apart else outputs[None])[0]
            return one
        shift, factor = self._moments(raws)
        channels = len(self.columns)
        together = outputs.reshape(-1, channels, outputs.shape[1]).swapaxes(1, 2) if self.apart else outputs
        restored: Readings = together * factor + shift
        return restored

    def scaled(self, values: Readings) -> Readings:
        """Return readings (..., C) by the training split's centre and spread alone, as forecasts are compared."""
        centre, spread = self._scaling
        found: Readings = ((values - centre[0, 0]) / spread[0, 0]).astype(np.float32)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {
            "kind": self.kind,
            "levels": levels_json(self.levels),
            "columns": list(self.columns),
            "centre": list(self.centre),
            "spread": list(self.spread),
            "length": self.length,
            "normalize": self.normalize,
            "missing": self.missing,
            "apart": self.apart,
        }

    @cached_property
    def _chains(self) -> tuple[Chain | None, ...]:
        return chains(self.levels.values())

    @cached_property
    def _scaling(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The centre and the spread, (1, 1, C)."""
        return np.array(self.centre)[None, None], np.array(self.spread)[None, None]

    def _moments(self, raws: Readings) -> tuple[Readings, Readings]:
        """Return what is taken off each example's channels, and what they are divided by then, both (B, 1, C)."""
        shift, factor = self._scaling
        if self.normalize != "none":
            # Copied into one order of memory, so that sums do not depend on how a batch lies there.
            exact = np.ascontiguousarray(raws, np.float64)
            shift = exact[:, -1:] if self.normalize == "last" else _mean(exact)
            if self.normalize == "standard":
                factor = np.sqrt(_mean((exact - shift) ** 2) + EPSILON * factor**2)
        return shift.astype(np.float32), factor.astype(np.float32)

    def _windows(self, samples: Readings, length: int) -> Readings:
        """Lay samples (B, T, C) into units (B, U, S, C), apart (B * C, U, S, 1), with zeros behind the last one's."""
        folded = self._folded(samples)
        rest = -folded.shape[1] % length
        if rest:
            folded = np.concatenate([folded, np.zeros((len(folded), rest, folded.shape[2]), np.float32)], axis=1)
        return folded.reshape(len(folded), -1, length, folded.shape[2])

    def _folded(self, values: Readings) -> Readings:
        """Return (B, T, C), or (B * C, T, 1) where the channels are apart."""
        return values.swapaxes(1, 2).reshape(-1, values.shape[1], 1) if self.apart else values


def _averages(raws: Readings, scale: int) -> Readings:
    """Return the means of ``scale`` readings each, (B, T, C); the last one of what is left."""
    if scale == 1:
        return raws
    batch, count, channels = raws.shape
    exact, whole = np.ascontiguousarray(raws, np.float64), count // scale
    means = _mean(exact[:, : whole * scale].reshape(-1, scale, channels)).reshape(batch, whole, channels)
    if count % scale:
        means = np.concatenate([means, _mean(exact[:, whole * scale :])], axis=1)
    return means.astype(np.float32)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over axis 1, which stays: ``np.mean`` says the same in twice the time."""
    means: NDArray[np.float64] = np.add.reduce(values, 1, keepdims=True) / values.shape[1]
    return means


def _units(samples: int, length: int) -> NDArray[np.int32]:
    """Return the samples of each unit: all are full but the last."""
    units = np.full(-(-samples // length), length, np.int32)
    units[-1] = samples - (len(units) - 1) * length
    return units


def read_series(fields: Fields) -> SeriesInput:
    """Return the input that a manifest describes.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or the levels are too short for ``length``.
    """
    named = fields.many("columns", least=1, most=LONGEST)
    columns = tuple(named.line(place) for place in named)
    count = len(columns)
    centres, spreads = (fields.many(name, least=count, most=count) for name in ("centre", "spread"))
    centre, spread = (tuple(given.number(place) for place in given) for given in (centres, spreads))
    if min(spread) < _SMALLEST or max(map(abs, (*centre, *spread))) > 1 / _SMALLEST:
        expected = f"numbers from {_SMALLEST:g} to {1 / _SMALLEST:g}, centre of either sign"
        raise BundleError(f"{spreads.where}: expected {expected}; got {list(spread)[:8]}; make the bundle again")
    ragged = fields.values.get("length", 0) is None
    found = SeriesInput(
        levels=read_levels(fields.inner("levels")),
        columns=columns,
        centre=centre,
        spread=spread,
        length=None if ragged else fields.whole("length", least=1, most=_MOST),
        normalize=_one_of(fields, "normalize", NORMALIZES),
        missing=_one_of(fields, "missing", MISSING),
        apart=fields.truth("apart"),
    )
    if found.length is not None and found.length > found.capacity:
        expected = f"at most {found.capacity}, which the levels hold"
        raise BundleError(f"{fields.where}.length: expected {expected}; got {found.length}; make the bundle again")
    return found


def _one_of(fields: Fields, name: str, known: Sequence[_Known]) -> _Known:
    for each in known:
        if fields.line(name) == each:
            return each
    expected = ", ".join(known)
    raise BundleError(f"{fields.where}.{name}: expected {expected}; got {fields.line(name)!r}; upgrade mgdist-edge")
