"""What a network answers: from the numbers of its head to labels and values.

Legend: K outputs of a head.
"""

import math
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.above import Above, read_above
from mgdist_edge.answers import Future, Label, Labels, Values, most_probable
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.tags import Tag, Tags

Floats = NDArray[np.float32]
_MOST = 100_000

Answer = Label | Labels | Values | Future | Tags


@dataclass(frozen=True)
class Classify:
    """One of K labels; the head gives their probabilities.

    Attributes:
        labels: in the order of the outputs.
        above: which of them the labels of a finer head belong to; None where there is no such head.
    """

    labels: tuple[str, ...]
    above: Above | None = None
    kind = "classify"

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.labels)

    def answer(self, outputs: Floats) -> Label:
        """Return what the K outputs say."""
        return _likeliest(self.labels, outputs)


@dataclass(frozen=True)
class Ordinal:
    """One of K labels that have an order; the head gives their probabilities.

    Attributes:
        labels: from the lowest to the highest.
    """

    labels: tuple[str, ...]
    kind = "ordinal"

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.labels)

    def answer(self, outputs: Floats) -> Label:
        """Return what the K outputs say."""
        return _likeliest(self.labels, outputs)


@dataclass(frozen=True)
class MultiLabel:
    """Any of K labels; the head gives the probability of each for itself."""

    labels: tuple[str, ...]
    kind = "multi_label"

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.labels)

    def answer(self, outputs: Floats) -> Labels:
        """Return what the K outputs say."""
        probabilities = dict(zip(self.labels, outputs.tolist(), strict=True))
        return Labels(
            tuple(label for label, value in most_probable(probabilities, None).items() if value >= 0.5), probabilities
        )


@dataclass(frozen=True)
class Regress:
    """K numbers; the head gives them standardised.

    Attributes:
        names: of the numbers.
        mean: of each in the training split.
        std: standard deviation of each in the training split.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind = "regress"

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.names)

    def restored(self, outputs: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return standardised numbers (..., K) in their own units."""
        return outputs * np.array(self.std, outputs.dtype) + np.array(self.mean, outputs.dtype)

    def answer(self, outputs: Floats) -> Values:
        """Return what the K outputs say."""
        return Values(dict(zip(self.names, self.restored(outputs).tolist(), strict=True)))


@dataclass(frozen=True)
class Forecast:
    """The next readings of each channel; the head gives them on the scale of the example.

    Attributes:
        columns: the channels, C.
        horizon: steps foretold, H.
        quantiles: which ones, rising, with 0.5; empty where the mean is foretold.
        mean: of each channel in the training split.
        std: standard deviation of each channel in the training split.
        apart: the head is asked once for each channel.
    """

    columns: tuple[str, ...]
    horizon: int
    quantiles: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    apart: bool
    kind = "forecast"

    @property
    def outputs(self) -> int:
        """C x H, or C x H x Q, in this order: standardised readings."""
        return len(self.columns) * self.horizon * self.ways

    @property
    def ways(self) -> int:
        """Q, or 1 where the mean is foretold."""
        return max(1, len(self.quantiles))

    @property
    def middle(self) -> int:
        """Which of the ways is the forecast itself: the median."""
        return self.quantiles.index(0.5) if self.quantiles else 0

    def laid(self, outputs: NDArray[np.floating]) -> NDArray[np.floating]:
        """Lay outputs (..., K) out as (..., C, H, Q); quantiles that cross are sorted.

        After Chernozhukov, Fernandez-Val and Galichon, "Quantile and Probability Curves without Crossing", 2010.
        """
        return np.sort(outputs.reshape(*outputs.shape[:-1], len(self.columns), self.horizon, self.ways), axis=-1)

    def answer(self, outputs: Floats) -> Future:
        """Return what the K outputs say, in the units of the readings."""
        scale, shift = (np.array(each, np.float64)[:, None, None] for each in (self.std, self.mean))
        found = self.laid(outputs) * scale + shift
        values = {name: tuple(each[:, self.middle].tolist()) for name, each in zip(self.columns, found, strict=True)}
        return Future(
            values,
            {
                name: {share: tuple(each[:, way].tolist()) for way, share in enumerate(self.quantiles)}
                for name, each in zip(self.columns, found, strict=True)
                if self.quantiles
            },
        )


Task = Classify | Ordinal | MultiLabel | Regress | Forecast | Tag


def head_outputs(task: Task) -> int:
    """Return how many numbers the head gives at a time: all K, or those of one channel where they are apart."""
    return task.outputs // len(task.columns) if isinstance(task, Forecast) and task.apart else task.outputs


def task_json(task: Task) -> dict[str, object]:
    """Return what a manifest holds of a task."""
    match task:
        case Classify(labels, above) if above is not None:
            return {"kind": task.kind, "labels": list(labels), "above": above.as_json()}
        case Classify(labels) | Ordinal(labels) | MultiLabel(labels):
            return {"kind": task.kind, "labels": list(labels)}
        case Tag(labels, level):
            return {"kind": task.kind, "labels": list(labels), "level": level}
        case Regress(names, mean, std):
            return {"kind": task.kind, "names": list(names), "mean": list(mean), "std": list(std)}
        case Forecast():
            return {
                "kind": task.kind,
                "columns": list(task.columns),
                "horizon": task.horizon,
                "quantiles": list(task.quantiles),
                "mean": list(task.mean),
                "std": list(task.std),
                "apart": task.apart,
            }
        case _ as never:
            assert_never(never)


def read_task(fields: Fields) -> Task:
    """Return the task that a manifest describes.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds; or the kind is not known here.
    """
    match fields.line("kind"):
        case "classify":
            labels = _names(fields, "labels", least=2)
            return Classify(labels, read_above(fields.inner("above"), len(labels)) if "above" in fields else None)
        case "ordinal":
            return Ordinal(_names(fields, "labels", least=2))
        case "multi_label":
            return MultiLabel(_names(fields, "labels", least=1))
        case "regress":
            names = _names(fields, "names", least=1)
            mean, std = (_numbers(fields, name, len(names)) for name in ("mean", "std"))
            if min(std) <= 0:
                raise BundleError(f"{fields.where}.std: expected numbers above 0; got others; make the bundle again")
            return Regress(names, mean, std)
        case "forecast":
            return _read_forecast(fields)
        case "tag":
            return Tag(_names(fields, "labels", least=2), fields.line("level"))
        case kind:
            known = "classify, ordinal, multi_label, regress, forecast or tag"
            raise BundleError(f"{fields.where}.kind: expected {known}; got {kind!r}; upgrade mgdist-edge")


def _read_forecast(fields: Fields) -> Forecast:
    columns = _names(fields, "columns", least=1)
    mean, std = (_numbers(fields, name, len(columns)) for name in ("mean", "std"))
    if min(std) <= 0:
        raise BundleError(f"{fields.where}.std: expected numbers above 0; got others; make the bundle again")
    listed = fields.many("quantiles", least=0, most=_MOST)
    quantiles = tuple(listed.number(place) for place in listed)
    if quantiles and (0.5 not in quantiles or list(quantiles) != sorted({q for q in quantiles if 0 < q < 1})):
        expected = "rising numbers between 0 and 1, with 0.5"
        raise BundleError(f"{listed.where}: expected {expected}; got {list(quantiles)[:8]}; make the bundle again")
    horizon = fields.whole("horizon", least=1, most=_MOST)
    return Forecast(columns, horizon, quantiles, mean, std, fields.truth("apart"))


def labels_of(task: Task) -> tuple[str, ...]:
    """Return the names of a head's outputs: labels, or names of numbers or channels."""
    match task:
        case Regress(names):
            return names
        case Forecast(columns):
            return columns
        case _:
            return task.labels


def is_possible(task: Task, outputs: tuple[float, ...]) -> bool:
    """Say whether some outputs can be those of a task: finite, and probabilities where it gives such."""
    match task:
        case Classify() | Ordinal():
            return min(outputs) >= 0 and abs(sum(outputs) - 1) <= 0.01
        case MultiLabel():
            return min(outputs) >= 0 and max(outputs) <= 1
        case Regress() | Forecast():
            return all(map(math.isfinite, outputs))
        case Tag():
            return task.is_possible(outputs)
        case _ as never:
            assert_never(never)


def _names(fields: Fields, name: str, *, least: int) -> tuple[str, ...]:
    listed = fields.many(name, least=least, most=_MOST)
    names = tuple(listed.line(place) for place in listed)
    if len(set(names)) != len(names):
        raise BundleError(f"{listed.where}: expected different ones; got one twice; make the bundle again")
    return names


def _numbers(fields: Fields, name: str, count: int) -> tuple[float, ...]:
    listed = fields.many(name, least=count, most=count)
    return tuple(listed.number(place) for place in listed)


def _likeliest(labels: tuple[str, ...], outputs: Floats) -> Label:
    values = outputs.tolist()
    highest = max(values)
    return Label(labels[values.index(highest)], highest, dict(zip(labels, values, strict=True)))
