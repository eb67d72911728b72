"""How good a head is that gives numbers.

Legend: N examples, K numbers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class ValueScores:
    """What is measured on a split of a head that gives numbers, standardised by the training split.

    Attributes:
        r2: share of the variance that is explained, the mean over the numbers; 1 is perfect, 0 is the mean of the
            split, and so is a number that never changes there, unless it is met.
        mse: mean squared error.
        mae: mean absolute error.
        examples: N.
    """

    r2: float
    mse: float
    mae: float
    examples: int
    kind = "values"

    @property
    def loss(self) -> float:
        """Return the mean squared error."""
        return self.mse

    @property
    def quality(self) -> float:
        """Return what a job chooses by, unless it says otherwise: the explained share."""
        return self.r2

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers that are shown, by name."""
        return {"r2": self.r2, "mse": self.mse, "mae": self.mae}

    def as_json(self) -> dict[str, Any]:
        """Return plain mappings, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ValueScores":
        """Return what ``as_json`` was made of."""
        return cls(**document)


def score_values(outputs: Float[np.ndarray, "N K"], targets: Float[np.ndarray, "N K"]) -> ValueScores:
    """Compare standardised numbers with the true ones; N is at least 1."""
    assert len(targets), "no examples to score"
    errors = outputs.astype(np.float64) - targets
    squared = (errors**2).mean(0)
    variance = targets.astype(np.float64).var(0)
    # A number that never changes in a split has no variance to explain.
    explained = np.where(variance > 0, 1 - squared / np.where(variance > 0, variance, 1), squared == 0)
    return ValueScores(
        r2=float(explained.mean()),
        mse=float(squared.mean()),
        mae=float(np.abs(errors).mean()),
        examples=len(targets),
    )
