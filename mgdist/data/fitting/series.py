"""The numbers of a series input that are fitted to the training split: what scales each channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist.job.series import SeriesSpec
from mgdist_edge.readings import readings
from mgdist_edge.series import SeriesInput
from mgdist_edge.windows import Window

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """What is known of the readings of each channel.

    Attributes:
        count: readings of a channel.
        mean: (C,) of them.
        squares: (C,) sum of their squared distances to the mean.
        low: (C,) the smallest.
        high: (C,) the largest.
    """

    count: int
    mean: Numbers
    squares: Numbers
    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Moments":
        """Return those of one series (L, C)."""
        exact = values.astype(np.float64)
        mean = exact.mean(0)
        return cls(len(exact), mean, ((exact - mean) ** 2).sum(0), exact.min(0), exact.max(0))

    def with_(self, other: "Moments") -> "Moments":
        """Return those of both together (Chan, Golub and LeVeque, "Updating Formulae ...", 1982)."""
        count, apart = self.count + other.count, other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * other.count / count,
            self.squares + other.squares + apart**2 * self.count * other.count / count,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )


def fit_series(values: Iterable[object], spec: SeriesSpec, levels: Mapping[str, Window]) -> SeriesInput:
    """Fit a series input to the training split.

    Args:
        values: what ``SeriesInput.read`` accepts, of any length; for forecasts the training rows of the one table.
        spec: says columns, scaling and normalisation.
        levels: granularity -> what a unit covers, finest first.

    Raises:
        DataError: there is no series, or a channel that is to be scaled is the same everywhere.
        InputError: a series cannot be read.
    """
    moments: Moments | None = None
    for value in values:
        found = Moments.of(readings(value, spec.columns, spec.missing))
        moments = found if moments is None else moments.with_(found)
    if moments is None:
        raise DataError("data.input: expected series to train on; got none")
    centre, spread = _scaling(moments, spec)
    return SeriesInput(
        levels=levels,
        columns=spec.columns,
        centre=tuple(centre.tolist()),
        spread=tuple(spread.tolist()),
        length=spec.length,
        normalize=spec.normalize,
        missing=spec.missing,
        apart=spec.channels == "apart",
    )


def _scaling(moments: Moments, spec: SeriesSpec) -> tuple[Numbers, Numbers]:
    """Return what is taken off each channel, and what it is divided by then."""
    if spec.scaling == "none":
        return np.zeros_like(moments.mean), np.ones_like(moments.mean)
    for name, low, high in zip(spec.columns, moments.low, moments.high, strict=True):
        if low == high:
            raise DataError(
                f"data.input.columns: {name} is {low:g} in every training reading; "
                "leave it out, or set data.input.scaling: none"
            )
    match spec.scaling:
        case "standard":
            return moments.mean, np.sqrt(moments.squares / moments.count)
        case "minmax":
            return moments.low, moments.high - moments.low
        case never:
            assert_never(never)
