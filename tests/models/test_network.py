import itertools

import pytest
import torch

from mgdist.models.network import summary
from tests.networks import ENCODERS, FUSIONS, POOLS, TWO_DOCUMENTS, batch_of, job_of, level, network_of

PAIRS = list(itertools.product(ENCODERS, POOLS))


def test_all_encoders_and_pools_are_here():
    assert (len(ENCODERS), len(POOLS), len(FUSIONS), len(PAIRS)) == (5, 3, 2, 15)


@pytest.mark.parametrize(("encoder", "pool"), PAIRS)
def test_padding_never_changes_the_outcome(encoder: str, pool: str):
    levels = {name: level(encoder, pool, skip=name == "word") for name in ("word", "sentence", "paragraph")}
    network = network_of(job_of({name: {**spec, "length": 12} for name, spec in levels.items()}, norm="rms"))
    plain = network(batch_of(TWO_DOCUMENTS))
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, longer=4)), plain, atol=1e-5)
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, empty=3)), plain, atol=1e-5)
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, longer=4, empty=3)), plain, atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_stands_behind_a_units_end_never_changes_its_states(encoder: str):
    network = network_of(job_of({"word": level(encoder)}))
    reads = network.levels["word"].encoder
    mask = (torch.arange(6) < torch.tensor([[6], [2], [0]])).float()
    samples = torch.randn(3, 6, 8) * mask.unsqueeze(2)
    states = reads(samples, mask)
    assert states.abs().sum(2)[mask == 0].sum() == 0
    alone = reads(samples[1:2, :2], mask[1:2, :2])
    assert torch.allclose(states[1:2, :2], alone, atol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_parameter_learns(encoder: str, fusion: str):
    job = job_of({name: level(encoder, *POOLS) for name in ("word", "sentence", "paragraph")}, fusion=fusion)
    network = network_of(job)
    network(batch_of(TWO_DOCUMENTS)).square().sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not still


def test_documents_of_a_batch_do_not_see_each_other():
    levels = {name: level("conv", "max") for name in ("word", "sentence", "paragraph")}
    network = network_of(job_of(levels))
    together, alone = network(batch_of(TWO_DOCUMENTS)), network(batch_of(TWO_DOCUMENTS[:1]))
    assert torch.allclose(together[:1], alone, atol=1e-6)


def test_a_summary_weighs_units_by_their_samples():
    vectors = torch.tensor([[1.0], [4.0], [10.0]])
    owners = torch.tensor([0, 0, 1])
    assert summary(vectors, torch.tensor([1.0, 2.0, 5.0]), owners, 2).tolist() == [[3.0], [10.0]]


def test_an_example_without_samples_has_a_summary_of_zeros():
    assert summary(torch.ones(1, 2), torch.zeros(1), torch.zeros(1, dtype=torch.int64), 1).tolist() == [[0.0, 0.0]]
