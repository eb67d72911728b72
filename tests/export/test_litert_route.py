"""Every encoder, pool and fusion is converted, and compared with its network on the runtime that ships."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from mgdist.apart import apart
from mgdist.compress.quantize import quantize
from mgdist.errors import ConvertError
from mgdist.export.litert_route import Converted, Embedded, OfFull, OfIds, OfSamples, Outcome, convert, device_levels
from mgdist.job.spec import Job
from mgdist.models.network import Network
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.tasks import Task
from mgdist_edge.text import TextInput
from tests.export.some import some_of
from tests.networks import ENCODERS, FUSIONS, POOLS, ids_of, inputs_of, job_of, level, network_of, tasks_of

MIXED = {
    "none, mlp, rnn": (
        {
            "word": level("none"),
            "sentence": level("mlp", "heads", skip=True),
            "paragraph": level("rnn", length=3, layers=1),
        },
        {"norm": "rms"},
    ),
    "bag, conv in stages": (
        {"word": level("bag"), "sentence": level("conv in stages", "mean", "last", "all")},
        {"fusion": "concat"},
    ),
    "transformer, conv": (
        {"word": level("transformer", "mean", "max", skip=True), "sentence": level("conv", "attention", length=5)},
        {"fusion": "concat", "embedding": {"width": 6, "ngrams": {"order": 2, "buckets": 10}}},
    ),
    "gru, lstm": (
        {
            "word": level("gru", "attention", length=3, layers=1),
            "sentence": level("lstm", "mean", "max", length=3),
            "paragraph": level("lstm, one operator", "attention", "last"),
        },
        {"fusion": "gated"},
    ),
}
"""Together all encoders, pools and fusions."""

ROWS = 20_000


@dataclass(frozen=True)
class Case:
    job: Job
    network: Network
    inputs_read: Mapping[str, TextInput]
    tasks: Mapping[str, Task]
    converted: Converted

    @property
    def order(self) -> int:
        return self.inputs_read[ONLY_INPUT].order

    def module(self, signature: str) -> nn.Module:
        """Return what a signature computes, in torch."""
        if signature == "head":
            return Outcome(self.network.fusion, self.network.heads, self.tasks)
        name = signature.rsplit("_", 1)[0]
        inner = self.network.levels[name]
        return OfIds(Embedded(self.network.embeddings["word"], inner)) if name == "word" else OfSamples(inner)

    def run(self, signature: str, path: Path | None = None, **inputs: Tensor) -> np.ndarray:
        """Return what a signature gives on the runtime."""
        runner = Interpreter(str(path or self.converted.path), num_threads=1).get_signature_runner(signature)
        (outcome,) = runner(**{name: value.numpy() for name, value in inputs.items()}).values()
        return outcome

    def signatures(self) -> list[str]:
        return [f"{each.name}_{count}" for each in self.converted.levels for count in each.counts] + ["head"]

    def fullest(self) -> list[str]:
        """Return the signature of each level that takes most units."""
        return [f"{each.name}_{each.counts[-1]}" for each in self.converted.levels]

    def inputs(self, signature: str) -> dict[str, Tensor]:
        """Return inputs with as many real samples as it takes to have full, short and empty units."""
        if signature == "head":
            return {each.name: torch.randn(1, each.width) for each in self.converted.levels}
        name, count = signature.rsplit("_", 1)
        at = {each.name: each for each in self.converted.levels}[name]
        sizes = torch.tensor([2, at.length, 0, 1])[: int(count)]
        mask = (torch.arange(at.length) < sizes[:, None]).float()
        if name == "word":
            ids = torch.from_numpy(ids_of(mask.numel(), order=self.order)).view(*mask.shape, self.order)
            return {"ids": (ids * mask.unsqueeze(2)).int()}
        return {"samples": torch.randn(*mask.shape, at.channels), "mask": mask}


@pytest.fixture(scope="module", params=MIXED)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    levels, model = MIXED[request.param]
    job = job_of(levels, counts=(1, 3), **model)
    inputs, tasks, network = inputs_of(job, ROWS), tasks_of(job), network_of(job, rows=ROWS)
    path: Path = tmp_path_factory.mktemp("converted") / "model.tflite"
    return Case(job, network, inputs, tasks, convert(network, job, inputs, tasks, path))


def test_the_cases_cover_every_encoder_pool_and_fusion():
    specs = [spec for levels, _ in MIXED.values() for spec in levels.values()]
    assert {spec["encoder"]["kind"] for spec in specs} == {encoder["kind"] for encoder in ENCODERS.values()}
    pools = [pool for spec in specs for pool in spec["pool"]]
    assert all(pool in pools for pool in POOLS.values())
    assert {model.get("fusion", "concat") for _, model in MIXED.values()} == set(FUSIONS)


def assert_equal_to_torch(case: Case, signatures: Iterable[str]) -> None:
    for signature in signatures:
        inputs = case.inputs(signature)
        with torch.no_grad():
            (expected,) = case.module(signature)(**inputs).values()
        assert np.abs(case.run(signature, **inputs) - expected.numpy()).max() < 1e-5, signature


def assert_padding_never_matters(case: Case) -> None:
    for each, signature in zip(case.converted.levels, case.fullest(), strict=True):
        inputs = case.inputs(signature)
        plain = case.run(signature, **inputs)
        if each.name == "word":
            short = inputs["ids"][:1, :2]
            (alone,) = case.module(signature)(ids=short).values()
        else:
            mask = inputs["mask"].unsqueeze(2)
            garbage = inputs["samples"] * mask + 100 * (1 - mask)
            assert np.abs(case.run(signature, samples=garbage, mask=inputs["mask"]) - plain).max() < 1e-4
            (alone,) = case.module(signature)(samples=inputs["samples"][:1, :2], mask=torch.ones(1, 2)).values()
        assert np.abs(alone.detach().numpy() - plain[:1]).max() < 1e-4, signature


def test_every_signature_gives_what_torch_gives(case: Case):
    torch.manual_seed(5)
    assert_equal_to_torch(case, case.signatures())


def test_padding_never_changes_what_the_device_gives(case: Case):
    torch.manual_seed(6)
    assert_padding_never_matters(case)


def test_the_file_has_the_signatures_and_shapes_of_its_levels(case: Case):
    found = Interpreter(str(case.converted.path)).get_signature_list()
    assert sorted(found) == sorted(case.signatures())
    assert found["word_3"] == {"inputs": ["ids"], "outputs": ["vectors"]}
    assert found["sentence_1"] == {"inputs": ["mask", "samples"], "outputs": ["vectors"]}
    assert found["head"]["outputs"] == [ONLY_HEAD]
    assert case.converted.levels == device_levels(case.job, case.inputs_read, case.network.eval())
    assert Converted.open(case.converted.path) == case.converted
    assert case.converted.levels[-1].counts == (1,)


def test_probabilities_sum_to_one(case: Case):
    assert case.run("head", **case.inputs("head")).sum() == pytest.approx(1.0, abs=1e-5)


def test_signatures_share_their_weights(case: Case):
    one_copy = 4 * sum(parameter.numel() for parameter in case.network.parameters())
    assert one_copy < case.converted.size < one_copy + 250_000


def test_integers_compute_nearly_what_floats_compute(case: Case, tmp_path: Path):
    torch.manual_seed(7)
    integers = quantize(case.converted.path, "int8_dynamic", tmp_path / "int8.tflite")
    for signature in case.signatures():
        inputs = case.inputs(signature)
        expected = case.run(signature, **inputs)
        got = case.run(signature, integers.path, **inputs)
        assert np.abs(got - expected).max() < 0.03 * np.abs(expected).max(), signature


def test_a_level_that_is_always_full_needs_no_mask(case: Case):
    torch.manual_seed(8)
    last = case.converted.levels[-1]
    units, inner = torch.randn(2, 4, last.channels), case.network.levels[last.key]
    with torch.no_grad():
        (full,), (masked,) = OfFull(inner)(units).values(), OfSamples(inner)(units, torch.ones(2, 4)).values()
    assert torch.equal(full, masked)


class Unconvertible(nn.Module):
    def forward(self, samples: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        values = torch.linalg.eigvals(samples @ samples.transpose(1, 2)).real
        return values.unsqueeze(2).expand(-1, -1, 8), mask


def test_a_conversion_that_fails_names_the_level_and_leaves_nothing_behind(tmp_path: Path):
    job = job_of({"word": level("bag", length=8), "sentence": level("bag")}, counts=(1,))
    network = network_of(job).train()
    network.levels["word"].encoder = Unconvertible()
    before, loaded = {name: value.clone() for name, value in network.state_dict().items()}, set(sys.modules)
    with pytest.raises(ConvertError, match=r"^word: expected operators that convert; got: .*; use another encoder$"):
        convert(network, job, inputs_of(job), tasks_of(job), tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
    assert not {"jax", "litert_torch", "litert_converter"} & (set(sys.modules) - loaded)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_converts_at_any_level_under_any_pool(encoder: str, tmp_path: Path):
    length = 5 if encoder in ("conv in stages", "conv apart") else 3
    some = {"word": list(POOLS)[::2], "sentence": list(POOLS)[1::2]}
    job = job_of({name: level(encoder, *pools, length=length) for name, pools in some.items()}, counts=(1, 3))
    inputs, tasks, network = inputs_of(job, ROWS), tasks_of(job), network_of(job, rows=ROWS)
    converted = Converted(tmp_path / "model.tflite", device_levels(job, inputs, network))
    case = Case(job, network, inputs, tasks, converted)
    # A level with fewer units, and the head, are no other for each encoder: the cases above have them.
    converted.path.write_bytes(apart(some_of, network, converted.levels, tasks, case.fullest()))
    assert_equal_to_torch(case, case.fullest())
    assert_padding_never_matters(case)
