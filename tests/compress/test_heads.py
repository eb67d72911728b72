"""Attention heads that say nothing can be taken out, and nothing else changes."""

import pytest
import torch

from mgdist.compress.channels import prune_channels
from mgdist.compress.heads import take_out_heads
from mgdist.compress.importance import lengths
from mgdist.models.build import build
from mgdist.models.encoders.transformer import Attention
from mgdist.models.shaped import shaped
from tests.compress.test_channels import answer
from tests.networks import TWO_DOCUMENTS, batch_of, inputs_of, job_of, level, network_of, tasks_of

HEADS, WIDTH = 4, 8


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(1)
    return Attention(width=WIDTH, heads=HEADS)


def silence(attention: Attention, head: int) -> None:
    with torch.no_grad():
        attention.out.weight[:, head * attention.each : (head + 1) * attention.each] = 0


@pytest.mark.parametrize("gone", [[0], [3], [1, 2], []])
def test_taking_out_heads_that_say_nothing_changes_nothing(attention: Attention, gone: list[int]) -> None:
    x, mask = torch.randn(2, 5, WIDTH), torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    for head in gone:
        silence(attention, head)
    before = attention(x, mask)
    take_out_heads(attention, gone)
    assert attention.ask.weight.shape == (3 * (WIDTH - 2 * len(gone)), WIDTH)
    torch.testing.assert_close(attention(x, mask), before)


def test_a_head_of_small_weights_matters_least(attention: Attention) -> None:
    with torch.no_grad():
        attention.out.weight.view(WIDTH, HEADS, 2)[:, 2] *= 0.1
    worth = lengths(attention)[attention]
    assert (len(worth), int(worth.argmin()), float(worth.mean())) == (HEADS, 2, pytest.approx(1.0))


def test_a_transformer_without_some_heads_is_built_again_from_its_weights() -> None:
    job = job_of({"word": level("transformer"), "sentence": level("transformer", layers=2)})
    network, batch = network_of(job).requires_grad_(True), batch_of([document[:2] for document in TWO_DOCUMENTS])
    before = sum(part.ask.out_features for part in network.modules() if isinstance(part, Attention))
    assert prune_channels(network, batch, 0.5, lengths(network)) > 0
    left = [part.ask.out_features for part in network.modules() if isinstance(part, Attention)]
    assert sum(left) < before
    assert min(left) > 0
    again = shaped(build(job, inputs_of(job), tasks_of(job)).eval(), network.state_dict())
    torch.testing.assert_close(answer(again, batch), answer(network, batch))
