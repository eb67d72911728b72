"""Channels that say nothing can be taken out of every encoder, and nothing else changes."""

from typing import Any

import pytest
import torch
from torch import nn

from mgdist.compress.channels import prune_channels
from mgdist.compress.importance import lengths
from mgdist.compress.tracing import free, take_out, traced
from mgdist.data.batches import Batch
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.encoders.norms import BatchNorm
from mgdist.models.network import Network
from mgdist.models.shaped import shaped
from mgdist_edge.names import ONLY_HEAD
from tests.networks import ENCODERS, POOLS, TWO_DOCUMENTS, batch_of, inputs_of, job_of, level, network_of, tasks_of

DEPTHWISE = level("conv apart", norm="batch")
LEVELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{
        encoder: ({"word": level(encoder, "mean", "max"), "sentence": level("mlp")}, {"fusion": "gated"})
        for encoder in ENCODERS
        if encoder != "conv apart"  # whose norm looks at all channels, also at those that say nothing
    },
    **{pool: ({"word": level("conv in stages", pool), "sentence": level("bag", pool)}, {}) for pool in POOLS},
    "depthwise": ({"word": DEPTHWISE, "sentence": level("mlp", layers=3)}, {}),
    "hidden, wide": ({"word": level("conv", "mean", skip=True)}, {"hidden": [12, 10]}),
}
FREE = {"none": 2, "bag": 2, "rnn": 2, "gru": 2, "lstm": 2, "mlp": 4, "conv": 3, "conv in stages": 8, "depthwise": 8}


def small(name: str) -> tuple[Job, Network, Batch]:
    levels, model = LEVELS[name]
    job = job_of(levels, **model)
    documents = [document[: len(levels)] for document in TWO_DOCUMENTS] if len(levels) > 1 else [((5,),), ((3,),)]
    return job, network_of(job).requires_grad_(True), batch_of(documents)


def answer(network: nn.Module, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return network(batch)[ONLY_HEAD]


@pytest.mark.parametrize("name", LEVELS)
def test_taking_out_what_says_nothing_changes_nothing(name: str) -> None:
    job, network, batch = small(name)
    graph = traced(network, batch)
    groups = list(free(graph, network))
    assert len(groups) == FREE.get(name, len(groups))
    plan = [(group[0].dep.layer, list(range(len(group[0].dep.layer.weight) // 2))) for group in groups]
    for layer, channels in plan:
        silence(graph, layer, channels, network)
    before, numbers = answer(network, batch), sum(each.numel() for each in network.parameters())
    for layer, channels in plan:
        take_out(graph, layer, channels)
    assert sum(each.numel() for each in network.parameters()) < numbers or not groups
    torch.testing.assert_close(answer(network, batch), before, atol=1e-5, rtol=1e-5)
    again = shaped(build(job, inputs_of(job), tasks_of(job)).eval(), network.state_dict())
    torch.testing.assert_close(answer(again, batch), answer(network, batch))


def silence(graph: Any, layer: nn.Module, channels: list[int], network: Network) -> None:
    """Let some channels of a layer, and of all that loses them with it, give 0."""
    tables = [id(table.weight) for table in network.embeddings.values()]
    group = graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, channels)
    with torch.no_grad():
        for item in group:
            part = item.dep.target.module
            if id(part) in tables:
                part[:, item.idxs] = 0
            elif graph.is_out_channel_pruning_fn(item.dep.handler) and isinstance(
                part, nn.Linear | nn.Conv2d | BatchNorm
            ):
                part.weight[item.idxs] = 0
                if part.bias is not None:
                    part.bias[item.idxs] = 0


@pytest.mark.parametrize("name", ["conv in stages", "mlp", "transformer", "depthwise", "hidden, wide"])
def test_a_share_of_the_channels_goes_and_every_layer_keeps_some(name: str) -> None:
    _, network, batch = small(name)
    assert prune_channels(network, batch, 0.9, lengths(network)) > 0
    assert all(min(each.shape, default=1) > 0 for each in network.parameters())
    assert answer(network, batch).shape == (2, 3)


def test_those_go_that_matter_least() -> None:
    _, network, batch = small("mlp")
    layer = network.levels["sentence"].encoder.layers[0]
    kept, worth = layer.weight.detach().clone(), dict(lengths(network))
    worth[layer] = torch.tensor([5.0, 4, 3, 0, 5, 4, 3, 1])
    prune_channels(network, batch, 0.25, worth)
    torch.testing.assert_close(layer.weight.detach()[:, :1], kept[[0, 1, 2, 4, 5, 6]][:, :1])


def test_an_embedding_keeps_whole_blocks_for_four_bits() -> None:
    job = job_of({"word": level("conv")}, width=96)
    network, batch = network_of(job).requires_grad_(True), batch_of([((5,),), ((3,),)])
    prune_channels(network, batch, 0.4, lengths(network))
    assert network.embeddings["word"].weight.shape == (50, 64)
