"""One field of a table: which ids it has, and how a cell becomes an id and a value.

Every field owns consecutive ids. The first is that of a missing cell; a number has one more; categories, and numbers
that are told apart by their value, have one for those that were not seen often enough, and one each.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.cells import PARTS
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields

MOST_ROWS = 2**24
"""Ids at most: they travel as float32, which holds whole numbers up to here."""
_MOST_KNOTS = 10_000
FURTHEST = 1e6
"""Scaled numbers are below this: no number of the training rows can be so many standard deviations from their mean."""


@dataclass(frozen=True)
class Standard:
    """Subtract the mean, divide by the standard deviation."""

    mean: float
    std: float

    def scaled(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers around 0, of any shape."""
        with np.errstate(over="ignore"):  # infinity is refused
            return (numbers - self.mean) / self.std

    def scaled_one(self, number: float) -> float:
        """Return what ``scaled`` does for one number."""
        return (number - self.mean) / self.std

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "standard", "mean": self.mean, "std": self.std}


@dataclass(frozen=True)
class Quantiles:
    """Map a number to the normal distribution's value at the same quantile, straight between the knots.

    As scikit-learn's QuantileTransformer does between the outermost knots; beyond, a number counts as the outermost.

    Attributes:
        knots: numbers of the training rows, rising.
        places: the normal distribution's value at each.
    """

    knots: tuple[float, ...]
    places: tuple[float, ...]

    def scaled(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers around 0, of any shape; NaN stays."""
        return np.interp(numbers, *self._arrays)

    def scaled_one(self, number: float) -> float:
        """Return what ``scaled`` does for one number."""
        return float(np.interp(number, *self._arrays))

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array(self.knots), np.array(self.places)

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "quantile", "knots": list(self.knots), "places": list(self.places)}


@dataclass(frozen=True)
class Piece:
    """Say how far a number has come through one piece of its range: 0 before it, 1 behind it.

    After Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022, section 3.2.
    """

    low: float
    high: float

    def scaled(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers from 0 to 1, of any shape; NaN stays."""
        return np.clip((numbers - self.low) / (self.high - self.low), 0.0, 1.0)

    def scaled_one(self, number: float) -> float:
        """Return what ``scaled`` does for one number."""
        return min(1.0, max(0.0, (number - self.low) / (self.high - self.low)))

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "piece", "low": self.low, "high": self.high}


Scale = Standard | Quantiles | Piece


@dataclass(frozen=True)
class NumberField:
    """A number, which shares one vector and is multiplied with it.

    Attributes:
        column: where it stands.
        part: which part of the column's date; None where the column holds numbers.
        scale: what brings it near to 0.
    """

    column: str
    part: str | None
    scale: Scale

    @property
    def rows(self) -> int:
        """Ids of the field: missing, number."""
        return 2

    def sample(self, first: int, number: float | None) -> tuple[float, float]:
        """Return id and value of one number.

        Raises:
            InputError: it is absurdly far from those of the training rows.
        """
        if number is None:
            return float(first), 1.0
        scaled = self.scale.scaled_one(number)
        if not -FURTHEST < scaled < FURTHEST:
            raise _far(number)
        return first + 1.0, scaled

    def samples(self, first: int, numbers: Sequence[float | None]) -> NDArray[np.float32]:
        """Return id and value of each number, (R, 2).

        Raises:
            InputError: as ``sample``, with the row, which counts from 1.
        """
        read = np.array(numbers, np.float64)  # None becomes NaN
        scaled = self.scale.scaled(read)
        if (far := np.abs(scaled) >= FURTHEST).any():
            row = int(far.argmax())
            raise InputError(f"row {row + 1}: {_far(read[row])}")
        missing = np.isnan(read)
        return np.stack([first + ~missing, np.where(missing, 1.0, scaled)], axis=1).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "number", "column": self.column, "part": self.part, "scale": self.scale.as_json()}


class _OwnField(ABC):
    """What fields have in common of which some cells have a vector of their own; others share one."""

    @property
    @abstractmethod
    def own(self) -> Sequence[str | float]:
        """The cells that have one."""

    @property
    def rows(self) -> int:
        """Ids of the field: missing, another one, each of its own."""
        return 2 + len(self.own)

    @cached_property
    def _places(self) -> dict[str | float | None, int]:
        places: dict[str | float | None, int] = {cell: place for place, cell in enumerate(self.own, start=2)}
        return {**places, None: 0}

    def sample(self, first: int, cell: str | float | None) -> tuple[float, float]:
        """Return id and value of one cell."""
        return float(first + self._places.get(cell, 1)), 1.0

    def samples(self, first: int, cells: Sequence[str | float | None]) -> NDArray[np.float32]:
        """Return id and value of each cell, (R, 2)."""
        found = np.ones((len(cells), 2), np.float32)
        found[:, 0] = [first + self._places.get(cell, 1) for cell in cells]
        return found


@dataclass(frozen=True)
class CategoryField(_OwnField):
    """One of several categories, each with a vector of its own.

    Attributes:
        column: where it stands.
        part: which part of the column's date; None where the column holds categories.
        categories: those with a vector of their own; others share one.
    """

    column: str
    part: str | None
    categories: tuple[str, ...]

    @property
    def own(self) -> tuple[str, ...]:
        """The categories."""
        return self.categories

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "category", "column": self.column, "part": self.part, "categories": list(self.categories)}


@dataclass(frozen=True)
class ValueField(_OwnField):
    """A number of which some values have a vector of their own, such as the amounts that a law names.

    Attributes:
        column: where it stands.
        values: those with a vector of their own; others share one.
    """

    column: str
    values: tuple[float, ...]
    part: ClassVar[None] = None

    @property
    def own(self) -> tuple[float, ...]:
        """The values."""
        return self.values

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": "value", "column": self.column, "values": list(self.values)}


Field = NumberField | CategoryField | ValueField


def _far(number: float) -> InputError:
    return InputError(f"expected a number within {FURTHEST:.0f} standard deviations of the training rows; got {number}")


def read_field(fields: Fields) -> Field:
    """Return the field that a manifest describes, as ``as_json`` gives it.

    Raises:
        BundleError: it is none, or out of bounds.
    """
    column = fields.text("column")
    part = None if fields.values.get("part") is None else fields.text("part")
    if part is not None and part not in PARTS:
        raise wrong(fields, "part", f"one of {', '.join(PARTS)}", repr(part))
    match fields.line("kind"):
        case "number":
            return NumberField(column, part, _read_scale(fields.inner("scale")))
        case "category":
            names = tuple(texts_of(fields.many("categories", least=0, most=MOST_ROWS)))
            if len(set(names)) != len(names):
                raise wrong(fields, "categories", "different ones", "one twice")
            return CategoryField(column, part, names)
        case "value":
            values = _numbers(fields.many("values", least=0, most=MOST_ROWS))
            if len(set(values)) != len(values):
                raise wrong(fields, "values", "different ones", "one twice")
            return ValueField(column, values)
        case kind:
            known = "number, category or value"
            raise BundleError(f"{fields.where}.kind: expected {known}; got {kind!r}; upgrade mgdist-edge")


def _read_scale(fields: Fields) -> Scale:
    match fields.line("kind"):
        case "standard":
            if (std := fields.number("std")) <= 0:
                raise wrong(fields, "std", "a number above 0", f"{std}")
            return Standard(fields.number("mean"), std)
        case "quantile":
            knots = _numbers(fields.many("knots", least=1, most=_MOST_KNOTS))
            places = _numbers(fields.many("places", least=len(knots), most=len(knots)))
            if any(low >= high for low, high in pairwise(knots)):
                raise wrong(fields, "knots", "rising numbers", "others")
            return Quantiles(knots, places)
        case "piece":
            low, high = fields.number("low"), fields.number("high")
            if low >= high:
                raise wrong(fields, "high", f"a number above {low}", f"{high}")
            return Piece(low, high)
        case kind:
            known = "standard, quantile or piece"
            raise BundleError(f"{fields.where}.kind: expected {known}; got {kind!r}; upgrade mgdist-edge")


def texts_of(listed: Fields) -> Iterator[str]:
    """Yield the texts of a list."""
    return (listed.text(place) for place in listed)


def _numbers(listed: Fields) -> tuple[float, ...]:
    return tuple(listed.number(place) for place in listed)


def wrong(fields: Fields, name: str, expected: str, got: str) -> BundleError:
    """Return the error for a field that contradicts the rest."""
    return BundleError(f"{fields.where}.{name}: expected {expected}; got {got}; make the bundle again")
