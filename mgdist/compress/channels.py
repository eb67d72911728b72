"""Structured pruning: filters and hidden numbers are taken out with all that hangs on them, so that less is computed.

After Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, whose library traces what hangs together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch_pruning
from torch import Tensor, nn
from torch_pruning import ops

from mgdist.data.batches import Batch
from mgdist.job.compress import Importance
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.norms import BatchNorm, SampleNorm
from mgdist.models.encoders.pretrained import PostNormBlock
from mgdist.models.encoders.stages import Stage
from mgdist.models.encoders.transformer import Feed
from mgdist.models.fusion import DeepFusion
from mgdist.models.network import Network

LEAST = 0.1
"""Share of each layer's numbers that stays at least: one that says nothing leaves nothing to those behind it."""
OWNERS = (Stage, MlpEncoder, BagEncoder, Feed, DeepFusion)
"""Parts whose layers may lose outputs. What attention and recurrent layers tell keeps its width, with all that is added
to it; so do the outputs of heads and gates."""
KNOWN = (nn.Linear, nn.Conv2d, BatchNorm, SampleNorm, ops._ElementWiseOp, ops._ConcatOp, ops._SplitOp, ops._ReshapeOp)


@dataclass(frozen=True)
class Group:
    """Channels that can be taken out, each with all that hangs on it.

    Attributes:
        layer: whose outputs they are.
        scores: how important each is, (C,); their mean is 1.
    """

    layer: nn.Module
    scores: Tensor


def prune_channels(network: Network, batch: Batch, share: float, importance: Importance) -> int:
    """Take the least important channels out of a network, in place, and return how many numbers it has less.

    All layers compete: some lose more than others, and each keeps a tenth.

    Args:
        network: trained; for ``taylor`` with gradients in place.
        batch: some examples, from which it is seen what hangs on what.
        share: of the channels that can be taken out, 0 to 1.
        importance: by what they are ranked.
    """
    before = _numbers(network)
    network.eval()
    norms = _NormPruning()
    graph = torch_pruning.DependencyGraph().build_dependency(
        network, batch, forward_fn=_answer, customized_pruners={BatchNorm: norms, SampleNorm: norms}, verbose=False
    )
    ranked = _ranking(importance)
    groups = [Group(found[0].dep.layer, ranked(found)) for found in _free(graph, network)]
    if groups:
        limit = torch.cat([group.scores for group in groups]).quantile(share)
        for group in groups:
            _take_out(graph, group, limit)
    return before - _numbers(network)


def _free(graph: Any, network: Network) -> Iterator[Any]:
    """Yield the groups of which every layer may lose outputs."""
    feeds = [part.feed for part in network.modules() if isinstance(part, PostNormBlock)]
    owners = [*feeds, *(part for part in network.modules() if isinstance(part, OWNERS))]
    owned = {layer for part in owners for layer in part.modules()}
    tables = {cast(nn.Parameter, table.weight) for table in network.embeddings.values()}
    for found in graph.get_all_groups(root_module_types=(nn.Conv2d, nn.Linear)):
        parts = [(each.dep.target.module, graph.is_out_channel_pruning_fn(each.dep.handler)) for each in found]
        if all(
            isinstance(part, KNOWN) and (part in owned or not loses or not isinstance(part, nn.Linear | nn.Conv2d))
            for part, loses in parts
            if not any(part is table for table in tables)
        ):
            yield found


def _take_out(graph: Any, group: Group, limit: Tensor) -> None:
    order = group.scores.argsort()
    most = len(order) - max(1, round(LEAST * len(order)))
    out = [int(place) for place in order[:most] if group.scores[place] < limit]
    if not out:
        return
    pruning = graph.get_pruner_of_module(group.layer).prune_out_channels
    graph.get_pruning_group(group.layer, pruning, sorted(out)).prune()


def _ranking(importance: Importance) -> Any:
    match importance:
        case "taylor":
            return torch_pruning.importance.GroupTaylorImportance()
        case "magnitude":
            return torch_pruning.importance.GroupMagnitudeImportance(p=2)


def _answer(network: Network, batch: Batch) -> Tensor:
    """Return one output that hangs on all of a network."""
    return torch.cat([outputs.flatten() for outputs in network(batch).values()])


def _numbers(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


class _NormPruning(torch_pruning.BasePruningFunc):  # type: ignore[misc]
    """How channels are taken out of a norm."""

    def prune_out_channels(self, layer: BatchNorm | SampleNorm, idxs: list[int]) -> nn.Module:
        kept = sorted(set(range(len(layer.weight))) - set(idxs))
        layer.weight, layer.bias = (
            self._prune_parameter_and_grad(each, kept, 0) for each in (layer.weight, layer.bias)
        )
        if isinstance(layer, BatchNorm):
            layer.mean, layer.variance = layer.mean[kept], layer.variance[kept]
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: BatchNorm | SampleNorm) -> int:
        return len(layer.weight)

    get_in_channels = get_out_channels
