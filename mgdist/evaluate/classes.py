"""How good a head that names one class is, in numbers.

Legend: N examples, K classes, F classes of a finer head.
"""

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
class ClassScores:
    """What is measured on a split of a head that names one class of several.

    Attributes:
        accuracy: share of examples whose most probable class is right, 0 to 1.
        macro_f1: mean over the classes of their F1, 0 to 1.
        loss: mean cross-entropy in nats.
        ece: expected calibration error, 0 to 1: how far confidence and accuracy are apart (Guo et al., "On
            Calibration of Modern Neural Networks", 2017).
        auc: area under the curve of true against false positives, 0 to 1; of several classes the mean over those that
            occur, each against the others (Hand and Till, 2001, give the pairwise mean instead).
        confusion: (K, K) examples, by true class and then by predicted class.
        per_class: one a class.
        consistent: share of examples whose answer is the one that the answer of a finer head belongs to, 0 to 1; None
            where the head stands above none.
    """

    accuracy: float
    macro_f1: float
    loss: float
    ece: float
    auc: float
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]
    consistent: float | None = None

    kind = "classes"

    @property
    def examples(self) -> int:
        """Return N."""
        return sum(map(sum, self.confusion))

    @property
    def quality(self) -> float:
        """Return what a job chooses by, unless it says otherwise: the accuracy."""
        return self.accuracy

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers that are shown, by name."""
        found = {"accuracy": self.accuracy, "macro_f1": self.macro_f1, "auc": self.auc, "ece": self.ece}
        return found if self.consistent is None else {**found, "consistent": self.consistent}

    @property
    def chance(self) -> float:
        """Return the accuracy of always naming the most frequent class."""
        return max(map(sum, self.confusion)) / self.examples

    def as_json(self) -> dict[str, Any]:
        """Return plain mappings, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ClassScores":
        """Return what ``as_json`` was made of."""
        confusion = tuple(tuple(row) for row in document["confusion"])
        per_class = tuple(ClassScore(**fields) for fields in document["per_class"])
        return cls(**{**document, "confusion": confusion, "per_class": per_class})


def score_classes(probabilities: Float[np.ndarray, "N K"], targets: Int[np.ndarray, " N"]) -> ClassScores:
    """Compare probabilities with the true classes; N is at least 1."""
    assert len(targets), "no examples to score"
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    of_truth = np.maximum(probabilities[np.arange(len(targets)), targets].astype(np.float64), SMALLEST)
    confusion = np.bincount(targets * classes + predicted, minlength=classes**2).reshape(classes, classes)
    hits, named, real = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    precision, recall = hits / np.maximum(named, 1), hits / np.maximum(real, 1)
    f1 = 2 * hits / np.maximum(named + real, 1)
    table = zip(precision.tolist(), recall.tolist(), f1.tolist(), real.tolist(), strict=True)
    return ClassScores(
        accuracy=float(hits.sum() / len(targets)),
        macro_f1=float(f1[named + real > 0].mean()),
        loss=float(-np.log(of_truth).mean()),
        ece=calibration_error(probabilities.max(axis=1), predicted == targets),
        auc=area(probabilities, targets),
        confusion=tuple(map(tuple, confusion.tolist())),
        per_class=tuple(ClassScore(*row) for row in table),
    )


def consistency(
    coarse: Float[np.ndarray, "N K"], fine: Float[np.ndarray, "N F"], parents: Int[np.ndarray, " F"]
) -> float:
    """Return the share of examples whose coarse answer is the one that the fine answer belongs to; N is at least 1."""
    return float(np.mean(parents[fine.argmax(axis=1)] == coarse.argmax(axis=1)))


def area(probabilities: Float[np.ndarray, "N K"], targets: Int[np.ndarray, " N"]) -> float:
    """Return the area under the curve of true against false positives; one half where only one class occurs."""
    from scipy.stats import rankdata

    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    found = []
    for number in classes:
        real = targets == number
        count = int(real.sum())
        if 0 < count < len(targets):
            ranks = rankdata(probabilities[:, number])[real].sum()
            found.append(float(ranks - count * (count + 1) / 2) / (count * (len(targets) - count)))
    return float(np.mean(found)) if found else 0.5


def calibration_error(confidence: Float[np.ndarray, " N"], right: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over equal bins, weighted by their examples."""
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))
