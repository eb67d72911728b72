"""A label for each sample of an example: what each reading of a recording belongs to.

Legend: T samples of an example, K labels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Stretch(NamedTuple):
    """Neighbouring samples of one label.

    Attributes:
        first: place of its first sample, from 0.
        last: place of its last one.
        label: that all of them have.
        probability: of the label, the mean over its samples.
    """

    first: int
    last: int
    label: str
    probability: float


@dataclass(frozen=True)
class Tags:
    """A label for each sample.

    Attributes:
        labels: the most probable one of each sample, T of them.
        probabilities: of each label, in the order of the manifest, T of them.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, tuple[float, ...]]

    @property
    def runs(self) -> tuple[Stretch, ...]:
        """The stretches of one label, in their order."""
        found, first = list[Stretch](), 0
        for place in range(1, len(self.labels) + 1):
            label = self.labels[first]
            if place == len(self.labels) or self.labels[place] != label:
                mean = float(np.mean(self.probabilities[label][first:place]))
                found.append(Stretch(first, place - 1, label, mean))
                first = place
        return tuple(found)

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine: each sample's label, and the stretches; ``top`` says nothing here."""
        runs = [run._asdict() | {"probability": float(f"{run.probability:.4g}")} for run in self.runs]
        return {"labels": list(self.labels), "runs": runs}

    def lines(self, top: int) -> Iterator[str]:
        """Yield it for people, one stretch a line; ``top`` says nothing here."""
        spans = [f"{run.first}-{run.last}" for run in self.runs]
        widest = max(map(len, spans))
        yield from (
            f"{span:<{widest}}  {run.label}  {run.probability:.0%}" for span, run in zip(spans, self.runs, strict=True)
        )


@dataclass(frozen=True)
class Tag:
    """One of K labels for each sample of one level; the head gives their probabilities, (T, K).

    Attributes:
        labels: K of them.
        level: whose samples are labelled.
    """

    labels: tuple[str, ...]
    level: str
    kind = "tag"

    @property
    def outputs(self) -> int:
        """K, of each sample."""
        return len(self.labels)

    def answer(self, outputs: NDArray[np.float32]) -> Tags:
        """Return what the outputs (T, K) say."""
        labels = tuple(self.labels[best] for best in outputs.argmax(1).tolist())
        shares = {label: tuple(each) for label, each in zip(self.labels, outputs.T.tolist(), strict=True)}
        return Tags(labels, shares)

    def is_possible(self, outputs: tuple[float, ...]) -> bool:
        """Say whether T x K numbers, sample after sample, can be those of the head."""
        if not outputs or len(outputs) % self.outputs:
            return False
        shares = np.reshape(outputs, (-1, self.outputs))
        return bool(shares.min() >= 0 and np.abs(shares.sum(1) - 1).max() <= 0.01)
