"""What hangs on what in a network: channels that can only be taken out together.

After Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, whose library traces it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
import torch_pruning
from jaxtyping import Float
from torch import Tensor, nn
from torch_pruning import ops

from mgdist.data.batches import Batch
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.norms import BatchNorm, SampleNorm
from mgdist.models.encoders.pretrained import PostNormBlock
from mgdist.models.encoders.stages import Stage
from mgdist.models.encoders.transformer import Feed
from mgdist.models.fusion import ConcatFusion, DeepFusion, GatedFusion
from mgdist.models.level import Level
from mgdist.models.network import Network
from mgdist.models.pools import AllPool, AttentionPool, MeanPool

OWNERS = (Stage, MlpEncoder, BagEncoder, Feed, DeepFusion)
"""Parts whose layers may lose outputs. What attention and recurrent layers tell keeps its width, with all that is added
to it; so do the outputs of heads and gates. Attention loses whole heads."""


def traced(network: Network, batch: Batch) -> Any:
    """Return what hangs on what in a network, as torch-pruning's graph; weights must ask for gradients."""
    network.eval()
    norms, rest = _NormPruning(), _Whole()
    own = {BatchNorm: norms, SampleNorm: norms, _Wide: norms, nn.RNN: rest, nn.GRU: rest, nn.LSTM: rest}
    graph = torch_pruning.DependencyGraph()
    with _plain(network, batch) as pools:
        return graph.build_dependency(
            network, batch, forward_fn=partial(_answer, pools), customized_pruners=own, verbose=False
        )


@contextmanager
def _plain(network: Network, batch: Batch) -> Iterator[list["_Mark"]]:
    """Let a network be plain enough for the library, as long as the block lasts.

    Pools by attention weigh all states alike, since the library would take the channels to hang on each other by their
    one weight; summaries keep their lengths, for the same reason. Behind each pool it is told how wide it is: the
    library learns that from layers with weights only.
    """
    levels = [part for part in network.modules() if isinstance(part, Level)]
    fusions = [part for part in network.modules() if isinstance(part, ConcatFusion | GatedFusion)]
    pools, norms = [level.pools for level in levels], [fusion.norm for fusion in fusions]
    widths = _widths(network, batch)
    for level in levels:
        level.pools = nn.ModuleList(_Mark(pool, widths[pool]) for pool in level.pools)
    for fusion in fusions:
        fusion.norm = nn.Identity()
    try:
        yield [mark for level in levels for mark in level.pools if isinstance(mark, _Mark)]
    finally:
        for level, before in zip(levels, pools, strict=True):
            level.pools = before
        for fusion, norm in zip(fusions, norms, strict=True):
            fusion.norm = norm


def _widths(network: Network, batch: Batch) -> dict[nn.Module, int]:
    """Return how many numbers each pool gives."""
    found: dict[nn.Module, int] = {}

    def note(pool: nn.Module, _: object, vectors: Tensor) -> None:
        found[pool] = vectors.shape[1]

    pools = [pool for part in network.modules() if isinstance(part, Level) for pool in part.pools]
    hooks = [pool.register_forward_hook(note) for pool in pools]
    with torch.no_grad():
        network(batch)
    for hook in hooks:
        hook.remove()
    return found


class _Mark(nn.Module):
    """A pool, and behind it how wide it is; beside a plain mean the weights of one by attention are worked out."""

    def __init__(self, pool: nn.Module, width: int) -> None:
        super().__init__()
        self.pool, self.mean, self.wide = pool, MeanPool(), _Wide(width, flat=isinstance(pool, AllPool))
        self.beside = torch.zeros(0)

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N W"]:
        """Return one vector a unit."""
        if isinstance(self.pool, AttentionPool) and self.pool.heads == 1:
            self.beside = self.pool.score(torch.tanh(self.pool.hidden(states)))
        pool = self.mean if self.beside.numel() else self.pool
        vectors: Tensor = self.wide(pool(states, mask))
        return vectors


class _Wide(nn.Module):
    """Numbers as they are, behind weights that tell how many there are; ``flat``: of all states side by side."""

    def __init__(self, width: int, *, flat: bool) -> None:
        super().__init__()
        self.flat = flat
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "N W"]) -> Float[Tensor, "N W"]:
        """Return what comes."""
        return x * self.weight + self.bias


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
    return (isinstance(part, _Wide) and part.flat) or (isinstance(part, ops._ConcatOp) and part.offsets is None)


def _answer(marks: Sequence[_Mark], network: Network, batch: Batch) -> Tensor:
    """Return one output that hangs on all of a network."""
    outputs = network(batch).values()
    return torch.cat([*(each.flatten() for each in outputs), *(mark.beside.flatten() for mark in marks)])


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

    def prune_out_channels(self, layer: BatchNorm | SampleNorm | _Wide, idxs: list[int]) -> nn.Module:
        kept = sorted(set(range(len(layer.weight))) - set(idxs))
        layer.weight, layer.bias = (
            self._prune_parameter_and_grad(each, kept, 0) for each in (layer.weight, layer.bias)
        )
        if isinstance(layer, BatchNorm):
            layer.mean, layer.variance = layer.mean[kept], layer.variance[kept]
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: BatchNorm | SampleNorm | _Wide) -> int:
        return len(layer.weight)

    get_in_channels = get_out_channels


def take_out(graph: Any, layer: nn.Module, channels: list[int]) -> None:
    """Take channels out of a layer's outputs, with all that hangs on them."""
    if channels:
        pruning = graph.get_pruner_of_module(layer).prune_out_channels
        graph.get_pruning_group(layer, pruning, channels).prune()


KNOWN = (
    nn.Linear,
    nn.Conv2d,
    BatchNorm,
    SampleNorm,
    _Wide,
    ops._ElementWiseOp,
    ops._ConcatOp,
    ops._SplitOp,
    ops._ReshapeOp,
)
"""What a channel that may go may run through."""
