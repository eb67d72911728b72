"""Labels of samples in a network: what they learn from, in every strategy; padding never matters."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mgdist.data.batches import Batch, batch
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import score
from mgdist.job.phases import phases
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist.train.balance import class_weights
from mgdist.train.compute import step_flops
from mgdist.train.loop import measure
from mgdist.train.losses import loss
from mgdist.train.prepare import prepare
from tests.data.tags import LEVELS, tag_job, write
from tests.networks import ENCODERS
from tests.train.corpus import moved
from tests.train.workers import together

Small = tuple[Job, Dataset]
ONE_STATE_A_SAMPLE = [name for name, encoder in ENCODERS.items() if encoder.get("stages", 1) == 1]
NONE = {"kind": "none"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("tags")
    job = tag_job(write(folder / "rows.jsonl"))
    return job, prepare_data(job, folder / "data")


def network_of(job: Job, data: Dataset) -> Network:
    torch.manual_seed(1)
    return build(job, data.inputs, data.tasks).eval()


def encoded(job: Job, encoder: dict[str, Any], **model: Any) -> Job:
    """Return the job with one encoder at all levels."""
    changes = {f"granularities__{name}__encoder": encoder for name in LEVELS}
    return moved(job, **changes, **{f"model__{name}": value for name, value in model.items()})


def test_a_sample_is_told_its_own_reading_and_the_means_that_cover_it(small: Small) -> None:
    job, data = moved(encoded(small[0], NONE), granularities__moment__pool=["mean"]), small[1]
    network, rows, told = network_of(job, data), np.array([5, 2]), []
    assert network.sample_fusion is not None
    network.sample_fusion.register_forward_pre_hook(lambda _, given: told.extend(given[0]))
    network(batch(data.train, rows))
    fitted = data.inputs["input"]
    read = [fitted.views(data.train.raw(int(row))["input"]).samples for row in rows]
    for place, scale in ((0, 1), (2, 4)):
        expected = [each[place][np.arange(len(each[0])) // scale] for each in read]  # type: ignore[index, arg-type]
        np.testing.assert_allclose(told[place].numpy(), np.concatenate(expected), atol=1e-6)
    windows = [each[0][start : start + 8].mean(0) for each in read for start in np.arange(len(each[0])) // 8 * 8]  # type: ignore[index, arg-type]
    np.testing.assert_allclose(told[1].numpy(), np.stack(windows), atol=1e-5)


@pytest.mark.parametrize("encoder", ONE_STATE_A_SAMPLE)
def test_an_example_is_labelled_alone_as_among_longer_ones(small: Small, encoder: str) -> None:
    job, data = encoded(small[0], ENCODERS[encoder], fusion="gated"), small[1]
    network = network_of(job, data)
    together_, alone = (network(batch(data.train, np.array(rows)))["answer"] for rows in ([4, 0, 1], [0]))
    start = len(data.train.targets_of("answer", np.array([4])))
    assert len({len(data.train.raw(row)["input"]) for row in (4, 0, 1)}) > 1
    assert torch.allclose(together_[start : start + len(alone)], alone, atol=1e-5)


def padded(made: Batch) -> Batch:
    """Return a batch with longer units, whose padding holds garbage."""
    levels, covers = [], []
    assert made.tagged is not None
    for level, cover in zip(made.levels, made.tagged.covers, strict=True):
        length = level.mask.shape[1]
        samples = None if level.samples is None else F.pad(level.samples, (0, 0, 0, 3), value=9.0)
        members = None if level.members is None else F.pad(level.members, (0, 3))
        levels.append(replace(level, samples=samples, members=members, mask=F.pad(level.mask, (0, 3))))
        covers.append(None if cover is None else cover // length * (length + 3) + cover % length)
    return replace(made, levels=tuple(levels), tagged=replace(made.tagged, covers=tuple(covers)))


def test_padding_counts_neither_in_the_outputs_nor_in_the_loss(small: Small) -> None:
    job, data = small
    network, made = network_of(job, data), batch(data.train, np.array([3, 1, 6]))
    plain, longer = network(made), network(padded(made))
    assert plain["answer"].shape == (int(made.levels[0].mask.sum()), 3)
    assert torch.allclose(plain["answer"], longer["answer"], atol=1e-5)
    found = loss(plain, made, tasks=data.tasks, weights={}, smoothing=0.0)
    each = [
        F.cross_entropy(network(one)["answer"], one.targets["answer"], reduction="none")
        for one in (batch(data.train, np.array([row])) for row in (3, 1, 6))
    ]
    assert found.item() == pytest.approx(torch.cat(each).mean().item(), abs=1e-5)


def test_classes_are_weighed_by_their_samples(small: Small) -> None:
    _, data = small
    weights = class_weights(data.tasks, data.train)["answer"].numpy()
    counts = np.bincount(data.train.targets["answer"])
    np.testing.assert_allclose(weights, counts.sum() / (3 * counts), rtol=1e-6)


STRATEGIES: dict[str, dict[str, Any]] = {
    "joint": {},
    "weights": {"train__class_weights": "balanced", "train__label_smoothing": 0.1, "train__ema": 0.9},
    "staged": {"train__strategy": {"kind": "staged"}, "granularities__moment__pool": ["attention"]},
    "watched": {"train__strategy": {"kind": "staged", "order": ["slow"], "auxiliary": 0.3}},
    "dropout": {"model__unit_dropout": 0.2, "model__hidden": [8], "model__norm": "rms"},
    "layers": {
        "granularities__window__encoder": {"kind": "mlp", "layers": 2},
        "train__strategy": {"kind": "grow", "steps": [{"layers": {"window": 1}}]},
    },
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_learns(small: Small, strategy: str) -> None:
    job, data = moved(small[0], train__epochs=8, train__lr=0.03, **STRATEGIES[strategy]), small[1]
    training = prepare(job, data)
    progress = training.run()
    assert [*dict.fromkeys(epoch.phase for epoch in progress.history)] == [phase.name for phase in phases(job)]
    last = [epoch for epoch in progress.history if epoch.phase == phases(job)[-1].name]
    assert last[-1].loss < progress.history[0].loss
    assert progress.best.metrics["accuracy"] > 0.6
    assert not [name for name in progress.weights if name.startswith("auxiliary")]
    assert list(progress.best.metrics) == ["accuracy", "macro_f1", "auc", "ece"]


def test_scores_are_over_all_samples(small: Small) -> None:
    job, data = small
    network = network_of(job, data)
    found = answers(network, data.tasks, data.valid)
    assert found["answer"].shape == (len(data.valid.targets["answer"]), 3)
    scores = score(data.tasks, found, data.valid.targets)["answer"]
    hits = found["answer"].argmax(1) == data.valid.targets["answer"]
    assert scores.metrics["accuracy"] == pytest.approx(hits.mean())
    assert scores.examples == len(hits)
    parts = [answers(network, data.tasks, data.valid, rank, 3)["answer"] for rank in range(3)]
    np.testing.assert_allclose(np.concatenate(parts), found["answer"], atol=1e-5)


def test_the_baseline_reads_what_is_around_a_sample(small: Small) -> None:
    _, data = small
    for split, shard in (("valid", data.valid), ("test", data.test)):
        scores = baseline(data)[split]["answer"]
        counts = np.bincount(shard.targets["answer"])
        assert scores.examples == counts.sum()
        assert scores.metrics["accuracy"] > counts.max() / counts.sum()


def test_what_is_computed_grows_with_the_samples(small: Small) -> None:
    job, data = small
    (phase,) = phases(job)
    one, two = (step_flops(job, phase, {"answer": 3})(batch(data.train, np.array(rows))) for rows in ([0], [0, 0]))
    assert two == 2 * one
    (levels, all_of_it) = (copy.copy(replace(phase, heads=0.0)), one)
    samples = len(data.train.targets_of("answer", np.array([0])))
    told = all_of_it - step_flops(job, levels, {"answer": 3})(batch(data.train, np.array([0])))
    assert told == 2 * 3 * samples * (3 * 8 + 1) * 3


def trained(job: Job, folder: Path) -> tuple[list[float], dict[str, float]]:
    data = Dataset.open(folder)
    training = prepare(job, data)
    progress = training.run()
    training.network.load_state_dict(progress.weights, strict=False)
    return [epoch.loss for epoch in progress.history], measure(training.network, data.tasks, data.valid)[
        "answer"
    ].metrics


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"train__strategy": {"kind": "staged"}, "granularities__moment__pool": ["attention"], "model__fusion": "gated"},
        {"train__engine": {"kind": "deepspeed", "stage": 2}},
    ],
)
def test_two_workers_label_as_one_does(small: Small, changes: dict[str, Any]) -> None:
    job, data = small
    job = moved(job, train__epochs=2, train__workers=2, model__dropout=0.0, **changes)
    losses, metrics = together(2, trained, job, data.folder)
    assert losses[-1] < losses[0]
    assert 0.3 < metrics["accuracy"] <= 1
    alone = moved(job, train__workers=1, train__engine={"kind": "torch"})
    # Recordings differ in length, so that the mean of two means is not exactly the mean of all samples.
    assert trained(alone, data.folder)[0] == pytest.approx(losses, rel=0.1)


def test_a_head_of_whole_examples_learns_beside_it(tmp_path: Path) -> None:
    heads = {"most": {"kind": "classify", "label": "most"}, "tags": {"kind": "tag", "label": "tags"}}
    job = tag_job(write(tmp_path / "rows.jsonl"), task={"kind": "several", "heads": heads})
    data = prepare_data(job, tmp_path / "data")
    made = batch(data.train, np.array([1, 0, 2]))
    outputs = network_of(job, data)(made)
    assert (outputs["most"].shape, outputs["tags"].shape) == ((3, 3), (len(made.targets["tags"]), 3))
    staged = moved(job, train__strategy={"kind": "staged", "auxiliary": 0.1})
    progress = prepare(staged, data).run()
    assert {name.partition(".")[0] for name in progress.best.metrics} == {"most", "tags"}
