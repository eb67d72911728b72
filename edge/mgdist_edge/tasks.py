"""What a network answers: from the numbers of its head to labels and values.

Legend: K outputs of a head.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields

Floats = NDArray[np.float32]
_MOST = 100_000


@dataclass(frozen=True)
class Label:
    """One label of several.

    Attributes:
        label: the most probable one.
        probability: its probability.
        probabilities: of all labels, in the order of the manifest.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]

    def top(self, count: int) -> dict[str, float]:
        """Return the ``count`` most probable labels, the most probable first."""
        return _top(self.probabilities, count)

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine; with the ``top`` most probable labels only, where a number is given."""
        shown = self.probabilities if top is None else self.top(top)
        return {"label": self.label, "probability": _short(self.probability), "probabilities": _shortened(shown)}

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people, one label a line."""
        yield from (f"{value:7.2%}  {label}" for label, value in self.top(top).items())


@dataclass(frozen=True)
class Labels:
    """Any number of labels.

    Attributes:
        labels: those that are more probable than not, the most probable first.
        probabilities: of all labels, each for itself, in the order of the manifest.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, float]

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine; with the ``top`` most probable labels only, where a number is given."""
        shown = self.probabilities if top is None else _top(self.probabilities, top)
        return {"labels": list(self.labels), "probabilities": _shortened(shown)}

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people: all that apply, and as many of the others as fill ``top`` lines."""
        ranked = _top(self.probabilities, max(top, len(self.labels)))
        yield from (
            f"{value:7.2%}  {label}{'' if label in self.labels else ' (no)'}" for label, value in ranked.items()
        )


@dataclass(frozen=True)
class Values:
    """Numbers by name."""

    values: Mapping[str, float]

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine; ``top`` says nothing here."""
        return {"values": _shortened(self.values)}

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people, one number a line; ``top`` says nothing here."""
        yield from (f"{value:12.6g}  {name}" for name, value in self.values.items())


Answer = Label | Labels | Values


@dataclass(frozen=True)
class Classify:
    """One of K labels; the head gives their probabilities."""

    labels: tuple[str, ...]
    kind = "classify"

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.labels)

    def answer(self, outputs: Floats) -> Label:
        """Return what the K outputs say."""
        best = int(outputs.argmax())
        return Label(self.labels[best], float(outputs[best]), dict(zip(self.labels, outputs.tolist(), strict=True)))


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
        best = int(outputs.argmax())
        return Label(self.labels[best], float(outputs[best]), dict(zip(self.labels, outputs.tolist(), strict=True)))


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
        return Labels(tuple(label for label, value in _top(probabilities, None).items() if value >= 0.5), probabilities)


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


Task = Classify | Ordinal | MultiLabel | Regress


def task_json(task: Task) -> dict[str, object]:
    """Return what a manifest holds of a task."""
    match task:
        case Classify(labels) | Ordinal(labels) | MultiLabel(labels):
            return {"kind": task.kind, "labels": list(labels)}
        case Regress(names, mean, std):
            return {"kind": task.kind, "names": list(names), "mean": list(mean), "std": list(std)}
        case _ as never:
            assert_never(never)


def read_task(fields: Fields) -> Task:
    """Return the task that a manifest describes.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds; or the kind is not known here.
    """
    match fields.line("kind"):
        case "classify":
            return Classify(_names(fields, "labels", least=2))
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
        case kind:
            known = "classify, ordinal, multi_label or regress"
            raise BundleError(f"{fields.where}.kind: expected {known}; got {kind!r}; upgrade mgdist-edge")


def labels_of(task: Task) -> tuple[str, ...]:
    """Return the names of a head's outputs: labels, or names of numbers."""
    return task.names if isinstance(task, Regress) else task.labels


def is_possible(task: Task, outputs: tuple[float, ...]) -> bool:
    """Say whether some outputs can be those of a task: finite, and probabilities where it gives such."""
    match task:
        case Classify() | Ordinal():
            return min(outputs) >= 0 and abs(sum(outputs) - 1) <= 0.01
        case MultiLabel():
            return min(outputs) >= 0 and max(outputs) <= 1
        case Regress():
            return all(map(math.isfinite, outputs))
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


def _top(probabilities: Mapping[str, float], count: int | None) -> dict[str, float]:
    return dict(sorted(probabilities.items(), key=lambda item: -item[1])[:count])


def _shortened(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _short(value) for name, value in values.items()}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
