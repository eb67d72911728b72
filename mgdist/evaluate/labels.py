"""How good a head is that names any number of labels.

Legend: N examples, K labels.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

SMALLEST = 1e-7
"""Probability below which the loss of a label no longer grows."""


@dataclass(frozen=True)
class LabelScores:
    """What is measured on a split of a head that names any number of labels.

    Attributes:
        micro_f1: F1 over all labels of all examples together, 0 to 1.
        macro_f1: mean over the labels of their F1, 0 to 1, of those that occur or are named.
        subset_accuracy: share of examples whose labels are all right, 0 to 1.
        loss: mean binary cross-entropy of an example, added over its labels, in nats.
        examples: N.
        frequent_f1: micro-F1 of always naming the labels that more than half of the examples have.
    """

    micro_f1: float
    macro_f1: float
    subset_accuracy: float
    loss: float
    examples: int
    frequent_f1: float
    kind = "labels"

    @property
    def quality(self) -> float:
        """Return what a job chooses by, unless it says otherwise: the micro-F1."""
        return self.micro_f1

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers that are shown, by name."""
        return {"micro_f1": self.micro_f1, "macro_f1": self.macro_f1, "subset_accuracy": self.subset_accuracy}

    def as_json(self) -> dict[str, Any]:
        """Return plain mappings, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LabelScores":
        """Return what ``as_json`` was made of."""
        return cls(**document)


def score_labels(probabilities: Float[np.ndarray, "N K"], targets: Float[np.ndarray, "N K"]) -> LabelScores:
    """Compare the probability of each label, for itself, with the labels that apply; N is at least 1."""
    assert len(targets), "no examples to score"
    named, real = probabilities >= 0.5, targets > 0.5
    kept = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    loss = -np.where(real, np.log(kept), np.log(1 - kept)).sum(1).mean()
    hits, total = (named & real).sum(0), named.sum(0) + real.sum(0)
    frequent = np.broadcast_to(real.mean(0) > 0.5, real.shape)
    return LabelScores(
        micro_f1=_f1(hits.sum(), total.sum()),
        macro_f1=float((2 * hits / np.maximum(total, 1))[total > 0].mean()) if total.any() else 0.0,
        subset_accuracy=float((named == real).all(1).mean()),
        loss=float(loss),
        examples=len(targets),
        frequent_f1=_f1((frequent & real).sum(), frequent.sum() + real.sum()),
    )


def _f1(hits: np.integer[Any], total: np.integer[Any]) -> float:
    return float(2 * hits / max(1, int(total)))
