"""What is laid over the outputs of a user's own model, so that they are what a head answers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ending:
    """The last step of a device model.

    Attributes:
        logits: a softmax comes over the outputs, or a sigmoid over the only one.
        pair: the only output is the probability of the second label of two.
        mean: taken off numbers; empty where there are labels.
        std: what they are divided by then.
    """

    logits: bool = False
    pair: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def over(
        self, outputs: Any, softmax: Callable[[Any], Any], sigmoid: Callable[[Any], Any], joined: Callable[..., Any]
    ) -> Any:
        """Return the outputs (B, K) of the head, with the functions of one framework."""
        if self.logits:
            outputs = (sigmoid if self.pair else softmax)(outputs)
        if self.pair:
            outputs = joined([1 - outputs, outputs])
        if self.mean:
            columns = [
                (outputs[:, k : k + 1] - m) / s for k, (m, s) in enumerate(zip(self.mean, self.std, strict=True))
            ]
            outputs = columns[0] if len(columns) == 1 else joined(columns)
        return outputs

    def on_numpy(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the same of arrays."""
        found: NDArray[np.float64] = self.over(outputs.astype(np.float64), _softmax, _sigmoid, _joined)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Ending":
        """Return what ``as_json`` was made of."""
        mean, std = (tuple(map(float, document[name])) for name in ("mean", "std"))
        return cls(bool(document["logits"]), bool(document["pair"]), mean, std)


def _softmax(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(outputs - outputs.max(1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return found


def _sigmoid(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 1 / (1 + np.exp(-outputs))
    return found


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts, 1)
