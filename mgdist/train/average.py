"""The weights averaged over the steps of a training, which ship in place of the last ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Average:
    """An exponential moving average (Polyak and Juditsky, 1992; as in Tarvainen and Valpola, "Mean Teacher", 2017).

    Its memory is short at first, as the steps behind it are few: weights from before the first steps do not linger.

    Args:
        decay: share of the average that a step keeps, at most.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.weights: dict[str, Tensor] = {}

    def update(self, weights: Mapping[str, Tensor]) -> None:
        """Take in the weights behind a step; counters are copied."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        with torch.no_grad():
            for name, value in weights.items():
                if name in self.weights and value.is_floating_point():
                    self.weights[name].lerp_(value, 1 - decay)
                else:
                    self.weights[name] = value.detach().clone()

    def forget(self) -> None:
        """Begin anew at the next step, with its weights alone."""
        self.steps, self.weights = 0, {}

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load` needs to go on."""
        return {"steps": self.steps, "weights": self.weights}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state` was asked for."""
        self.steps, self.weights = state["steps"], dict(state["weights"])
