"""Networks whose layers were pruned: they have the shapes of their weights, and not those that the job asks for."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def shaped(network: N, weights: Mapping[str, Tensor]) -> N:
    """Give a network some weights, and its layers the shapes of these.

    Args:
        network: as its job asks for it; weights that are not given, such as those of auxiliary heads, stay.
        weights: of all of its layers, or of all that ship; each with as many axes as the layer has. Of an encoder's
            blocks there may be fewer: the first ones of the network go, since the last ones are those that learn where
            a pre-trained encoder learns in part.
    """
    for name, part in list(network.named_modules()):
        if name.endswith(".encoder.blocks") and isinstance(part, nn.ModuleList):
            left = {
                int(each.removeprefix(f"{name}.").partition(".")[0]) for each in weights if each.startswith(f"{name}.")
            }
            if left:  # an encoder that is given nothing at all is refused below
                del part[: len(part) - len(left)]
    for name, value in weights.items():
        room, _, leaf = name.rpartition(".")
        module = network.get_submodule(room)
        mine = getattr(module, leaf)
        if mine.shape == value.shape:
            continue
        empty = torch.empty(value.shape, dtype=mine.dtype, device=mine.device)
        setattr(module, leaf, nn.Parameter(empty, mine.requires_grad) if isinstance(mine, nn.Parameter) else empty)
        _tell(module)
    missing, unexpected = network.load_state_dict(dict(weights), strict=False)
    assert not unexpected, f"no such weights: {unexpected}"
    assert all(name.startswith(("auxiliary.", "uncertainty.", "hints.")) for name in missing), (
        f"without weights: {missing}"
    )
    return network


def _tell(module: nn.Module) -> None:
    """Let a layer know what shape its weights have."""
    match module:
        case nn.Linear():
            module.out_features, module.in_features = module.weight.shape
        case nn.Conv2d():
            module.out_channels, per_group, *_ = module.weight.shape
            if module.groups > 1:  # depthwise: each channel is a group
                module.groups = module.out_channels
            module.in_channels = per_group * module.groups
        case nn.RNNBase():
            module.input_size = module.get_parameter("weight_ih_l0").shape[1]
        case nn.LayerNorm():
            module.normalized_shape = tuple(module.weight.shape)
        case _:
            return
