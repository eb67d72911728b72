"""Structured pruning: filters and hidden numbers are taken out with all that hangs on them, so that less is computed.

After Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, whose library traces what hangs together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch_pruning
from jaxtyping import Float
from torch import Tensor, nn
from torch_pruning import ops
from torch_pruning.dependency.index_mapping import _FlattenIndexMapping

from mgdist.data.batches import Batch
from mgdist.job.compress import Importance
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.norms import BatchNorm, SampleNorm
from mgdist.models.encoders.pretrained import PostNormBlock
from mgdist.models.encoders.stages import Stage
from mgdist.models.encoders.transformer import Feed
from mgdist.models.fusion import DeepFusion
from mgdist.models.level import Level
from mgdist.models.network import Network
from mgdist.models.pools import AttentionPool, MeanPool

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
    graph, ranked = traced(network, batch), _ranking(importance)
    groups = [Group(found[0].dep.layer, ranked(found)) for found in free(graph, network)]
    if groups:
        limit = torch.cat([group.scores for group in groups]).quantile(share)
        for group in groups:
            take_out(graph, group.layer, _least(group.scores, limit))
    return before - _numbers(network)


def traced(network: Network, batch: Batch) -> Any:
    """Return what hangs on what in a network, as torch-pruning's graph; weights must ask for gradients."""
    network.eval()
    norms, rest = _NormPruning(), _Whole()
    own = {BatchNorm: norms, SampleNorm: norms, nn.RNN: rest, nn.GRU: rest, nn.LSTM: rest}
    graph = torch_pruning.DependencyGraph()
    with _even_pools(network) as pools:
        return graph.build_dependency(
            network, batch, forward_fn=partial(_answer, pools), customized_pruners=own, verbose=False
        )


@contextmanager
def _even_pools(network: Network) -> Iterator[list["_EvenPool"]]:
    """Let the pools by attention weigh all states alike, as long as the block lasts.

    A weight is one number for all channels of a state; the library would take them to hang on each other.
    """
    levels = [part for part in network.modules() if isinstance(part, Level)]
    before = [(level, level.pools) for level in levels]
    made: list[_EvenPool] = []
    for level in levels:
        alone = [
            _EvenPool(pool) if isinstance(pool, AttentionPool) and pool.heads == 1 else pool for pool in level.pools
        ]
        made += [pool for pool in alone if isinstance(pool, _EvenPool)]
        level.pools = nn.ModuleList(alone)
    try:
        yield made
    finally:
        for level, pools in before:
            level.pools = pools


def _even(pool: nn.Module) -> nn.Module:
    return _EvenPool(pool) if isinstance(pool, AttentionPool) and pool.heads == 1 else pool


class _EvenPool(MeanPool):
    """A mean, beside which the weights of a pool by attention are worked out."""

    def __init__(self, pool: AttentionPool) -> None:
        super().__init__()
        self.pool = pool
        self.weights = torch.zeros(0)

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        self.weights = self.pool.score(torch.tanh(self.pool.hidden(states)))
        return super().forward(states, mask)


def free(graph: Any, network: Network) -> Iterator[Any]:
    """Yield the groups of which every layer may lose outputs, each with its root first.

    Where all states of a unit stand side by side, as behind the pool ``all``, their widths stay: the library loses
    sight of the channels there.
    """
    feeds = [part.feed for part in network.modules() if isinstance(part, PostNormBlock)]
    owners = [*feeds, *(part for part in network.modules() if isinstance(part, OWNERS))]
    owned = {layer for part in owners for layer in part.modules()}
    tables = {cast(nn.Parameter, table.weight) for table in network.embeddings.values()}
    for found in graph.get_all_groups(root_module_types=(nn.Conv2d, nn.Linear)):
        if any(map(_is_lost, found)):
            continue
        parts = [(each.dep.target.module, graph.is_out_channel_pruning_fn(each.dep.handler)) for each in found]
        if all(
            isinstance(part, KNOWN) and (part in owned or not loses or not isinstance(part, nn.Linear | nn.Conv2d))
            for part, loses in parts
            if not any(part is table for table in tables)
        ):
            yield found


def _is_lost(item: Any) -> bool:
    """Say whether the library does not know which channels are which behind a part."""
    part = item.dep.target.module
    flat = any(isinstance(step, _FlattenIndexMapping) for step in item.dep.index_mapping)
    return flat or (isinstance(part, ops._ConcatOp) and part.offsets is None)


def take_out(graph: Any, layer: nn.Module, channels: list[int]) -> None:
    """Take channels out of a layer's outputs, with all that hangs on them."""
    if channels:
        pruning = graph.get_pruner_of_module(layer).prune_out_channels
        graph.get_pruning_group(layer, pruning, channels).prune()


def _least(scores: Tensor, limit: Tensor) -> list[int]:
    """Return which channels score less than a limit; some stay in any case."""
    order = scores.argsort()
    most = len(order) - max(1, round(LEAST * len(order)))
    return sorted(int(place) for place in order[:most] if scores[place] < limit)


def _ranking(importance: Importance) -> Any:
    match importance:
        case "taylor":
            return torch_pruning.importance.GroupTaylorImportance()
        case "magnitude":
            return torch_pruning.importance.GroupMagnitudeImportance(p=2)


def _answer(pools: Sequence[_EvenPool], network: Network, batch: Batch) -> Tensor:
    """Return one output that hangs on all of a network."""
    outputs = network(batch).values()
    return torch.cat([*(each.flatten() for each in outputs), *(pool.weights.flatten() for pool in pools)])


def _numbers(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


class _Whole(torch_pruning.BasePruningFunc):  # type: ignore[misc]
    """Recurrent layers, of which nothing is taken out: the library need only know how wide they are."""

    def prune_out_channels(self, layer: nn.RNNBase, idxs: list[int]) -> nn.Module:
        raise AssertionError("their groups are not free")

    def prune_in_channels(self, layer: nn.RNNBase, idxs: list[int]) -> nn.Module:
        raise AssertionError("their groups are not free")

    def get_out_channels(self, layer: nn.RNNBase) -> int:
        return layer.hidden_size

    def get_in_channels(self, layer: nn.RNNBase) -> int:
        return layer.input_size


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
