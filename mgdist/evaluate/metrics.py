"""How good a classifier is, in numbers and in plain words.

Legend: N examples, K classes.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

BINS = 15
"""Of the calibration error, as in Guo et al. (2017)."""
SMALLEST = 1e-12
"""Probability below which the loss of an example no longer grows."""


@dataclass(frozen=True)
class ClassScore:
    """One class: of those given the label, how many are right; of those that have it, how many are found."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """What is measured on a split.

    Attributes:
        accuracy: share of examples whose most probable class is right, 0 to 1.
        macro_f1: mean over the classes of their F1, 0 to 1.
        loss: mean cross-entropy in nats.
        ece: expected calibration error, 0 to 1: how far confidence and accuracy are apart (Guo et al., "On
            Calibration of Modern Neural Networks", 2017).
        confusion: (K, K) examples, by true class and then by predicted class.
        per_class: one a class.
    """

    accuracy: float
    macro_f1: float
    loss: float
    ece: float
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]

    @property
    def examples(self) -> int:
        """Return N."""
        return sum(map(sum, self.confusion))

    @property
    def chance(self) -> float:
        """Return the accuracy of always naming the most frequent class."""
        return max(map(sum, self.confusion)) / self.examples

    def as_json(self) -> dict[str, Any]:
        """Return plain mappings, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Scores":
        """Return what ``as_json`` was made of."""
        confusion = tuple(tuple(row) for row in document["confusion"])
        per_class = tuple(ClassScore(**fields) for fields in document["per_class"])
        return cls(**{**document, "confusion": confusion, "per_class": per_class})


def score(probabilities: Float[np.ndarray, "N K"], targets: Int[np.ndarray, " N"]) -> Scores:
    """Compare probabilities with the true classes; N is at least 1."""
    assert len(targets), "no examples to score"
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    of_truth = np.maximum(probabilities[np.arange(len(targets)), targets].astype(np.float64), SMALLEST)
    confusion = np.bincount(targets * classes + predicted, minlength=classes**2).reshape(classes, classes)
    hits, named, real = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    precision, recall = hits / np.maximum(named, 1), hits / np.maximum(real, 1)
    f1 = 2 * hits / np.maximum(named + real, 1)
    table = zip(precision.tolist(), recall.tolist(), f1.tolist(), real.tolist(), strict=True)
    return Scores(
        accuracy=float(hits.sum() / len(targets)),
        macro_f1=float(f1[named + real > 0].mean()),
        loss=float(-np.log(of_truth).mean()),
        ece=calibration_error(probabilities.max(axis=1), predicted == targets),
        confusion=tuple(map(tuple, confusion.tolist())),
        per_class=tuple(ClassScore(*row) for row in table),
    )


def calibration_error(confidence: Float[np.ndarray, " N"], right: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over equal bins, weighted by their examples."""
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def verdict(network: Scores, baseline: Scores) -> tuple[str, ...]:
    """Say in plain words that a network is no better than chance, or worse than the linear baseline.

    It is at chance when its accuracy is within two standard errors of the share of the most frequent class.

    Args:
        network: on some split.
        baseline: on the same rows.

    Returns:
        one sentence for each; none for a network that beats both.
    """
    said = []
    chance = network.chance
    if network.accuracy <= chance + 2 * math.sqrt(chance * (1 - chance) / network.examples):
        said.append(
            f"The network has learned nothing: its accuracy of {network.accuracy:.4f} on {network.examples:,} examples "
            f"is what always naming the most frequent class gives ({chance:.4f}). Change train.lr or the encoders."
        )
    if network.accuracy < baseline.accuracy:
        said.append(
            f"The network is below the linear baseline: accuracy {network.accuracy:.4f} against "
            f"{baseline.accuracy:.4f} of TF-IDF and LinearSVC on the same rows."
        )
    return tuple(said)
