"""Learning with weights that are rounded as a format will round them.

After Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018; the gradient passes through the rounding as it is, after Bengio et al., "Estimating or Propagating Gradients
Through Stochastic Neurons for Conditional Computation", 2013.
"""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from mgdist.compress.grid import Grid
from mgdist.models.network import Network


def learn_rounded(network: Network, grids: Mapping[str, Grid]) -> None:
    """Let the layers of a network compute with rounded weights from now on, while its parameters stay what they are.

    So optimizers, checkpoints and averages see the parameters under their own names.

    Args:
        network: not yet in an engine.
        grids: of the weights that are rounded, by the name of the parameter.
    """
    rooms: dict[str, dict[str, Grid]] = {}
    for name, grid in grids.items():
        room, _, leaf = name.rpartition(".")
        rooms.setdefault(room, {})[leaf] = grid
    for room, leaves in rooms.items():
        layer = network.get_submodule(room)
        layer.register_forward_pre_hook(partial(_lay_over, leaves))
        layer.register_forward_hook(partial(_take_off, leaves), always_call=True)


def _lay_over(leaves: Mapping[str, Grid], layer: nn.Module, _: object) -> None:
    """Put rounded weights in front of a layer's parameters, where it finds them first."""
    for leaf, grid in leaves.items():
        weight = layer.get_parameter(leaf)
        vars(layer)[leaf] = weight + (grid.rounded(weight.detach()) - weight.detach())
    _tell(layer)


def _take_off(leaves: Mapping[str, Grid], layer: nn.Module, _: object, __: object) -> None:
    for leaf in leaves:
        vars(layer).pop(leaf, None)
    _tell(layer)


def _tell(layer: nn.Module) -> None:
    """Let a recurrent layer know its weights, of which it keeps a list beside the parameters."""
    if isinstance(layer, nn.RNNBase):
        layer._flat_weights = [_seen(layer, name) for name in layer._flat_weights_names]


def _seen(layer: nn.Module, name: str) -> Tensor | None:
    found: Tensor | None = getattr(layer, name, None)
    return found
