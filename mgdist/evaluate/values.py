"""How good a head is that gives numbers.

Legend: N examples, K numbers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist_edge.tasks import Forecast


@dataclass(frozen=True)
class ValueScores:
    """What is measured on a split of a head that gives numbers, standardised by the training split.

    Attributes:
        r2: share of the variance that is explained, the mean over the numbers; 1 is perfect, 0 is the mean of the
            split, and so is a number that never changes there, unless it is met.
        mse: mean squared error.
        mae: mean absolute error.
        examples: N.
        steps: of a forecast, the mean squared error of each step.
        pinball: of a forecast of quantiles, the mean pinball loss.
        repeated: of the baseline of a forecast, the mean squared error of repeating the last reading.
    """

    r2: float
    mse: float
    mae: float
    examples: int
    steps: tuple[float, ...] = ()
    pinball: float | None = None
    repeated: float | None = None
    kind = "values"

    @property
    def loss(self) -> float:
        """Return the mean squared error; of a forecast of quantiles, the pinball loss."""
        return self.mse if self.pinball is None else self.pinball

    @property
    def quality(self) -> float:
        """Return what a job chooses by, unless it says otherwise: the explained share."""
        return self.r2

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers that are shown, by name."""
        told = {"r2": self.r2, "mse": self.mse, "mae": self.mae}
        more = {"pinball": self.pinball, "mse_of_last": self.repeated}
        return told | {name: value for name, value in more.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """Return plain mappings, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ValueScores":
        """Return what ``as_json`` was made of."""
        return cls(**{**document, "steps": tuple(document.get("steps", ()))})


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


def score_forecast(
    task: Forecast, outputs: Float[np.ndarray, "N K"], targets: Float[np.ndarray, "N C H"]
) -> ValueScores:
    """Compare standardised forecasts with the true readings, over all windows, steps and channels; N is at least 1.

    The explained share is that of all numbers together, against each channel's mean in the split: a channel that
    hardly changes there does not rule it.
    """
    assert len(targets), "no examples to score"
    laid = task.laid(outputs)
    found = laid[..., task.middle]
    steps: NDArray[np.float64] = np.mean((found - targets) ** 2, axis=(0, 1), dtype=np.float64)
    mean = targets.mean((0, 2), dtype=np.float64, keepdims=True)
    variance = float(np.mean((targets - mean) ** 2))
    mse = float(steps.mean())
    return ValueScores(
        r2=1 - mse / variance if variance > 0 else float(mse == 0),
        mse=mse,
        mae=float(np.mean(np.abs(found - targets), dtype=np.float64)),
        examples=len(targets),
        steps=tuple(steps.tolist()),
        pinball=_pinball(task, laid, targets) if task.quantiles else None,
    )


def _pinball(task: Forecast, laid: Float[np.ndarray, "N C H Q"], targets: Float[np.ndarray, "N C H"]) -> float:
    """Return the mean pinball loss (Koenker and Bassett, "Regression Quantiles", 1978)."""
    missed = [(share, targets - laid[..., way]) for way, share in enumerate(task.quantiles)]
    return float(np.mean([np.maximum(q * each, (q - 1) * each).mean(dtype=np.float64) for q, each in missed]))
