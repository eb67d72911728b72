import itertools
from dataclasses import replace

import pytest
import torch

from mgdist.data.batches import Batch
from mgdist.job.point import checked
from mgdist.job.spec import Job
from mgdist.models.network import summary
from tests.networks import ENCODERS, FUSIONS, POOLS, ROWS, TWO_DOCUMENTS, batch_of, job_of, level, network_of

LEARNING = ("max", "attention", "heads")
PAIRS = list(itertools.product(ENCODERS, POOLS))


def test_all_encoders_and_pools_are_here():
    assert (len(ENCODERS), len(POOLS), len(FUSIONS), len(PAIRS)) == (12, 6, 2, 72)


@pytest.mark.parametrize(("encoder", "pool"), PAIRS)
def test_padding_never_changes_the_outcome(encoder: str, pool: str):
    levels = {name: level(encoder, pool, skip=name == "word") for name in ("word", "sentence", "paragraph")}
    network = network_of(job_of({name: {**spec, "length": 12} for name, spec in levels.items()}, norm="rms"))
    plain = network(batch_of(TWO_DOCUMENTS))["answer"]
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, longer=4))["answer"], plain, atol=1e-5)
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, empty=3))["answer"], plain, atol=1e-5)
    assert torch.allclose(network(batch_of(TWO_DOCUMENTS, longer=4, empty=3))["answer"], plain, atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_stands_behind_a_units_end_never_changes_its_states(encoder: str):
    network = network_of(job_of({"word": level(encoder)}))
    reads = network.levels["word"].encoder
    mask = (torch.arange(6) < torch.tensor([[6], [2], [0]])).float()
    samples = torch.randn(3, 6, 8) * mask.unsqueeze(2)
    states, seen = reads(samples, mask)
    assert states.abs().sum(2)[seen == 0].sum() == 0
    alone, all_seen = reads(samples[1:2, :2], mask[1:2, :2])
    assert torch.allclose(states[1:2, : alone.shape[1]], alone, atol=1e-5)
    assert seen[1].sum() == all_seen.sum() == alone.shape[1]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_parameter_learns(encoder: str, fusion: str):
    job = job_of({name: level(encoder, *LEARNING) for name in ("word", "sentence", "paragraph")}, fusion=fusion)
    network = network_of(job)
    network(batch_of(TWO_DOCUMENTS))["answer"].square().sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not still


def test_documents_of_a_batch_do_not_see_each_other():
    levels = {name: level("conv", "max") for name in ("word", "sentence", "paragraph")}
    network = network_of(job_of(levels))
    together, alone = (network(batch_of(documents))["answer"] for documents in (TWO_DOCUMENTS, TWO_DOCUMENTS[:1]))
    assert torch.allclose(together[:1], alone, atol=1e-6)


def test_a_summary_weighs_units_by_their_samples():
    vectors = torch.tensor([[1.0], [4.0], [10.0]])
    owners = torch.tensor([0, 0, 1])
    assert summary(vectors, torch.tensor([1.0, 2.0, 5.0]), owners, 2).tolist() == [[3.0], [10.0]]


def test_an_example_without_samples_has_a_summary_of_zeros():
    assert summary(torch.ones(1, 2), torch.zeros(1), torch.zeros(1, dtype=torch.int64), 1).tolist() == [[0.0, 0.0]]


def two_inputs(**model: object) -> Job:
    """Return a job of two texts and four heads, one of each kind."""
    document = job_of({"word": level("bag")}, **model).model_dump(mode="json")
    text = document["data"].pop("input")
    document["data"]["inputs"] = {"title": text, "body": {**text, "columns": ["body"]}}
    document["granularities"] = {
        "title.word": level("bag", "mean"),
        "body.word": level("conv", "max"),
        "body.sentence": level("gru", "attention"),
    }
    document["task"] = {
        "kind": "several",
        "heads": {
            "topic": {"kind": "classify", "label": "topic"},
            "stars": {"kind": "ordinal", "label": "stars"},
            "tags": {"kind": "multi_label", "label": "tags"},
            "price": {"kind": "regress", "targets": ["low", "high"]},
        },
    }
    job, mistakes = checked(document)
    assert job is not None, mistakes
    return job


TITLES, BODIES = (((3,),), ((1,),)), (((5, 2), (2,)), ((4,), (1,)))


def both() -> Batch:
    """Return two documents, each with a title and a body."""
    title, body = batch_of(TITLES), batch_of(BODIES)
    return Batch(levels=(*title.levels, *body.levels), targets=body.targets)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_several_inputs_meet_in_the_fusion_and_several_heads_read_it(fusion: str):
    network = network_of(two_inputs(fusion=fusion), classes=4)
    outputs = network(both())
    assert {name: tuple(each.shape) for name, each in outputs.items()} == {
        "topic": (2, 4),
        "stars": (2, 4),
        "tags": (2, 4),
        "price": (2, 2),
    }
    assert [*network.levels] == ["title_word", "body_word", "body_sentence"]
    assert [*network.embeddings] == ["title_word", "body_word"]
    sum(each.square().sum() for each in outputs.values()).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_an_input_changes_what_its_own_levels_say_and_nothing_else():
    network, made = network_of(two_inputs()), both()
    ids = made.levels[0].samples
    assert ids is not None
    other = replace(made, levels=(replace(made.levels[0], samples=(ids + 7) % ROWS), *made.levels[1:]))
    before, after = ([each.summary for each in network.spoken(batch)] for batch in (made, other))
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert torch.equal(before[2], after[2])


def test_padding_of_one_input_does_not_reach_another():
    network, made = network_of(two_inputs()), both()
    padded = replace(made, levels=(*batch_of(TITLES, longer=3, empty=2).levels, *made.levels[1:]))
    plain, other = network(made), network(padded)
    assert all(torch.allclose(plain[name], other[name], atol=1e-6) for name in plain)
