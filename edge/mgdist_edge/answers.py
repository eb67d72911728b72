"""What a network says: labels, numbers, and the readings that follow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


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
        return most_probable(self.probabilities, count)

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
        shown = self.probabilities if top is None else most_probable(self.probabilities, top)
        return {"labels": list(self.labels), "probabilities": _shortened(shown)}

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people: all that apply, and as many of the others as fill ``top`` lines."""
        ranked = most_probable(self.probabilities, max(top, len(self.labels)))
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


@dataclass(frozen=True)
class Future:
    """The readings that follow, by channel.

    Attributes:
        values: the reading of each step, or its median.
        quantiles: by channel, the reading of each step that is not exceeded with a probability; none where the mean
            is foretold.
    """

    values: Mapping[str, tuple[float, ...]]
    quantiles: Mapping[str, Mapping[float, tuple[float, ...]]]

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine; ``top`` says nothing here."""
        told: dict[str, object] = {"forecast": {name: list(map(_short, each)) for name, each in self.values.items()}}
        if self.quantiles:
            told["quantiles"] = {
                name: {f"{share:g}": list(map(_short, each)) for share, each in found.items()}
                for name, found in self.quantiles.items()
            }
        return told

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people, one channel a line, with its first ``top`` steps."""
        for name, each in self.values.items():
            more = " ..." if len(each) > top else ""
            yield f"{name}: {' '.join(f'{value:.6g}' for value in each[:top])}{more}"


def most_probable(probabilities: Mapping[str, float], count: int | None) -> dict[str, float]:
    """Return the ``count`` most probable labels, or all, the most probable first."""
    return dict(sorted(probabilities.items(), key=lambda item: -item[1])[:count])


def _shortened(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _short(value) for name, value in values.items()}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
