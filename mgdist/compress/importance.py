"""How much each output of a layer matters: each row of an embedding, each filter, hidden number and attention head.

Legend: C outputs of a layer (of attention its heads), O numbers that make one of them.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.models.embedding import Embedding
from mgdist.models.encoders.norms import BatchNorm, SampleNorm
from mgdist.models.encoders.transformer import Attention

Worth = Mapping[nn.Module, Float[Tensor, " _"]]
"""For each layer, how much each of its outputs matters."""
LAYERS = (nn.Linear, nn.Conv2d, BatchNorm, SampleNorm, Embedding, Attention)


class Effects:
    """By how much the loss would change, to the first order, if an output of a layer were zero.

    That is gradient x weight, summed over all that makes the output, which is gradient x output. Of each batch the
    absolute value counts, since the gradients of a trained network add up to nearly nothing. After Molchanov et al.,
    "Importance Estimation for Neural Network Pruning", CVPR 2019.

    Args:
        network: whose weights have gradients when a batch is added.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [part for part in network.modules() if isinstance(part, LAYERS)]
        self.worth: dict[nn.Module, Tensor] = {}

    def add(self) -> None:
        """Add what the gradients of a batch tell."""
        for layer in self._layers:
            effect = _summed(layer, _to_first_order).abs()
            self.worth[layer] = self.worth[layer] + effect if layer in self.worth else effect


def lengths(network: nn.Module) -> Worth:
    """Return the length of what makes each output, in multiples of the mean of its layer."""
    found = {layer: _summed(layer, torch.square).sqrt() for layer in network.modules() if isinstance(layer, LAYERS)}
    return {layer: length / length.mean().clamp(min=1e-12) for layer, length in found.items()}


def _to_first_order(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight * weight.grad


def _summed(layer: nn.Module, told: Callable[[Tensor], Tensor]) -> Float[Tensor, " C"]:
    """Return for each output of a layer the sum of what is told of all numbers that make it."""
    with torch.no_grad():
        return torch.stack([part.sum(1) for part in _made_of(layer, told)]).sum(0)


def _made_of(layer: nn.Module, told: Callable[[Tensor], Tensor]) -> Iterator[Float[Tensor, "C O"]]:
    match layer:
        case Attention():  # what is made of each head's numbers stands for the head
            yield told(layer.out.weight).view(layer.out.out_features, -1, layer.each).transpose(0, 1).flatten(1)
        case Embedding():
            yield told(layer.weight)
        case BatchNorm() | SampleNorm():
            yield told(layer.weight).unsqueeze(1)
            yield told(layer.bias).unsqueeze(1)
        case nn.Linear() | nn.Conv2d():
            yield told(layer.weight).flatten(1)
            if layer.bias is not None:
                yield told(layer.bias).unsqueeze(1)
        case _:
            raise AssertionError("one of LAYERS")
