"""The grids that formats round weights to, as ai-edge-quantizer lays them, for training that knows of them.

Legend: R rows of a weight (outputs of a layer, or rows of an embedding), C numbers of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.compress.quantize import BITS, BLOCK, ROWS, Shared, is_cut, shared
from mgdist.job.compress import Aware
from mgdist.models.encoders.recurrent import Direction
from mgdist.models.network import Network

LAYERS = (nn.Linear, nn.Conv2d, nn.RNNBase)
"""Layers whose matrices a device model holds as weights of its operators."""
GATES = 4
"""Of an LSTM."""
LEAST = 1e-9
"""Largest number of a group at least, so that its scale is not zero."""
SAMPLED, ROUNDS = 1 << 16, 10
"""Numbers of a weight that its one clip is worked out from at most, and how often it is made better."""


@dataclass(frozen=True)
class Grid:
    """Where the numbers of a weight may lie: at whole multiples of a scale, as many as the bits have.

    A norm that the converter folds into a layer multiplies whole channels, and so changes their scales alone.

    Attributes:
        bits: of a number.
        shared: what shares a scale: ``gate`` is one of an LSTM that is one operator.
    """

    bits: int
    shared: Shared | Literal["gate"]

    def rounded(self, weight: Tensor) -> Tensor:
        """Return the nearest numbers that are on the grid, which is laid by the weight itself; of its shape."""
        rows = self._grouped(weight)
        most = 2 ** (self.bits - 1) - 1
        least = -most if self.bits >= 8 else -most - 1  # the kernels want eight bits without -128
        scale = self._bound(rows).clamp(min=LEAST) / most
        if self.shared == "block":
            scale = scale.to(torch.bfloat16).to(torch.float16).to(weight.dtype)  # as the file has it: may be zero
        steps = torch.where(scale > 0, rows / scale, 0.0).round().clamp(least, most)
        rounded: Tensor = (steps * scale).view_as(weight)
        return rounded

    def _grouped(self, weight: Tensor) -> Float[Tensor, "_ _"]:
        """Return the numbers of a weight, those that share a scale in one row."""
        match self.shared:
            case "all":
                return weight.reshape(1, -1)
            case "channel":
                return weight.reshape(len(weight), -1)
            case "gate":
                return weight.reshape(GATES, -1)
            case "block":
                return weight.reshape(-1, BLOCK)
            case _ as never:
                assert_never(never)

    def _bound(self, rows: Float[Tensor, "R C"]) -> Float[Tensor, "R 1"]:
        """Return the number of each row that the largest whole number stands for."""
        lengths = rows.abs()
        largest = lengths.amax(1, keepdim=True)
        if self.shared == "block" or not is_cut(self.bits):
            return largest
        some = lengths[:, :: -(-lengths.shape[1] // SAMPLED)]
        return torch.minimum(_clip(some, self.bits), largest)


def _clip(lengths: Float[Tensor, "R C"], bits: int) -> Float[Tensor, "R 1"]:
    """Return at what length to cut off each row, so that its squared error is smallest.

    After Sakr et al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training",
    ICML 2022, equation 6: Newton's method.
    """
    share, guess = 4.0**-bits / 3, torch.ones_like(lengths[:, :1])
    for _ in range(ROUNDS):
        beyond = lengths >= guess
        count = beyond.sum(1, keepdim=True) * (1 - share) + share * lengths.shape[1]
        guess = (lengths * beyond).sum(1, keepdim=True) / count
    return guess


def grids(network: Network, method: Aware) -> dict[str, Grid]:
    """Return the grid of each weight that a format rounds, by the name of the parameter."""
    found = {}
    for name, table in network.embeddings.items():
        bits = BITS[ROWS.get(method, "int8")]
        for leaf, weight in table.named_parameters(f"embeddings.{name}"):
            found[leaf] = Grid(bits, shared(weight.shape[1], bits, embeds=True))
    fused = {part.rnn for part in network.modules() if isinstance(part, Direction) and part.fused}
    for room, part in network.named_modules():
        if isinstance(part, LAYERS):
            own = part.named_parameters(room, recurse=False)
            grid = Grid(BITS["int8"], "gate" if part in fused else "channel")
            found |= {leaf: grid for leaf, weight in own if weight.ndim > 1}
    return {name: grid for name, grid in found.items() if not name.startswith(("auxiliary.", "hints."))}


def on_grids(weights: Mapping[str, Tensor], grids: Mapping[str, Grid]) -> dict[str, Tensor]:
    """Return weights with those rounded that have a grid."""
    return {name: grids[name].rounded(value) if name in grids else value for name, value in weights.items()}
