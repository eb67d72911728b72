"""What is done against overfitting and rare classes: each has its effect."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from mgdist.data.batches import Batch, Mix, batch, batches, order
from mgdist.data.dataset import Dataset
from mgdist.job.phases import Phase
from mgdist.job.spec import Job
from mgdist.job.train import MixupSpec, TrainSpec
from mgdist.models.network import Network
from mgdist.train import checkpoint
from mgdist.train.average import Average
from mgdist.train.balance import class_weights, shares
from mgdist.train.events import Epoch
from mgdist.train.losses import cross_entropy, loss
from mgdist.train.mixup import mixed
from mgdist.train.prepare import prepare
from mgdist.train.schedule import plateaus, rate
from mgdist_edge.tasks import Classify
from tests.train.corpus import moved

Small = tuple[Job, Dataset]
PHASE = Phase("joint", epochs=9, lr=1.0, levels=("word",), steps=10)


def at(small: Small, **point: object) -> Small:
    return moved(small[0], **point), small[1]


def uneven(data: Dataset) -> Dataset:
    """Return the data with a label of the training split in nine of ten rows."""
    targets = data.train.targets["answer"].copy()
    targets[: len(targets) * 9 // 10] = 0
    targets[-2:] = 1, 2
    return replace(data, train=replace(data.train, targets={"answer": targets}))


def test_an_average_follows_the_weights_slowly_and_copies_counters() -> None:
    average = Average(0.9)
    for step in range(300):
        average.update({"weight": torch.full((2,), float(step)), "count": torch.tensor(step)})
    # Behind a line that rises by 1 a step, an average of decay d lags d / (1 - d) steps.
    assert average.weights["weight"].tolist() == pytest.approx([290.0, 290.0], abs=0.1)
    assert int(average.weights["count"]) == 299
    average.forget()
    average.update({"weight": torch.tensor([7.0])})
    assert average.weights["weight"].tolist() == [7.0]


def test_the_averaged_weights_are_measured_and_shipped_and_the_others_go_on_learning(small: Small) -> None:
    plain = prepare(*small).run()
    job, data = at(small, train__ema=0.9)
    training = prepare(job, data)
    progress = training.run()
    assert [epoch.losses for epoch in progress.history] == [epoch.losses for epoch in plain.history]
    assert [epoch.valid_loss for epoch in progress.history] != [epoch.valid_loss for epoch in plain.history]
    learnt = training.engine.network.state_dict()  # type: ignore[attr-defined]
    averaged = training.engine.weights()
    assert not torch.equal(averaged["heads.answer.linear.weight"], learnt["heads.answer.linear.weight"])


def test_a_continued_average_is_the_uninterrupted_one(small: Small, tmp_path: Path) -> None:
    here = at(small, train__ema=0.99)
    whole, first = prepare(*here).run(), prepare(*here)
    checkpoint.save(tmp_path, next(first.epochs()), first.engine)
    second = prepare(*here)
    progress = second.run(checkpoint.load(tmp_path, second.engine))
    assert all(torch.equal(progress.weights[name], whole.weights[name]) for name in whole.weights)


def test_balanced_weights_are_one_in_the_mean_over_the_rows_and_alike_over_the_classes(small: Small) -> None:
    data = uneven(small[1])
    found = class_weights(data.tasks, data.train)["answer"]
    counts = np.bincount(data.train.targets["answer"])
    assert (found.numpy() * counts).tolist() == pytest.approx([counts.sum() / 3] * 3)


def test_the_loss_of_an_example_counts_as_much_as_its_class() -> None:
    logits, targets = torch.randn(4, 3), torch.tensor([0, 1, 1, 2])
    weights = torch.tensor([1.0, 2.0, 0.5])
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    expected = (each * weights[targets]).mean()
    assert torch.allclose(cross_entropy(logits, targets, smoothing=0.0, balance=weights), expected)


@pytest.mark.parametrize("field", ["class_weights", "sampling"])
def test_balancing_changes_what_is_learned_from_uneven_classes(small: Small, field: str) -> None:
    data = uneven(small[1])
    epochs = {"train__epochs": 2, "train__metric": "macro_f1"}
    plain = prepare(moved(small[0], **epochs), data).run()
    balanced = prepare(moved(small[0], **epochs, **{f"train__{field}": "balanced"}), data).run()
    assert balanced.history[0].losses != plain.history[0].losses


def test_balanced_sampling_draws_all_classes_alike(small: Small) -> None:
    data = uneven(small[1])
    drawn = shares(data.tasks, data.train)
    targets = data.train.targets["answer"]
    rows = np.concatenate([order(len(targets), epoch=e, seed=1, shares=drawn) for e in range(30)])
    assert np.bincount(targets[rows]) / len(rows) == pytest.approx([1 / 3] * 3, abs=0.02)
    read = batches(data.train, size=len(targets), epoch=0, seed=1, shares=drawn)
    assert np.bincount(next(read).targets["answer"]).min() > len(targets) / 5


def test_mixed_examples_answer_for_both_with_the_share_of_each() -> None:
    tasks, logits, targets = {"a": Classify(("x", "y", "z"))}, torch.randn(3, 3), torch.tensor([0, 1, 2])
    mix = Mix(0.7, torch.tensor([1, 2, 0]), fused=True)
    aim = partial(loss, {"a": logits}, tasks=tasks, weights={}, smoothing=0.0)
    mine, other = (aim(batch=Batch((), {"a": each})) for each in (targets, targets[mix.partners]))
    found = aim(batch=Batch((), {"a": targets}, mix))
    assert torch.allclose(found, 0.7 * mine + 0.3 * other)


def test_fused_vectors_are_mixed_with_those_of_the_partners(small: Small) -> None:
    job, data = small
    network = prepare(job, data).network.eval()
    rows = batch(data.train, np.arange(6))
    made = mixed(rows, MixupSpec(alpha=1.0), np.random.default_rng(3))
    assert made.mix is not None
    plain, found = network(rows)["answer"], network(made)["answer"]
    assert torch.allclose(found, made.mix.of(plain), atol=1e-5)  # the head is linear
    assert not torch.allclose(found, plain, atol=1e-3)


def test_samples_are_mixed_by_example(small: Small) -> None:
    rows = batch(small[1].train, np.arange(4))
    units = torch.arange(2 * 4 * 3, dtype=torch.float32).view(8, 3, 1)
    dense = replace(rows, levels=(replace(rows.levels[0], samples=units),))
    made = mixed(dense, MixupSpec(alpha=1.0, at="samples"), np.random.default_rng(3))
    assert made.mix is not None
    assert not made.mix.fused
    whole = units.view(4, 6)
    expected = made.mix.share * whole + (1 - made.mix.share) * whole[made.mix.partners]
    (found, *_) = made.levels
    assert found.samples is not None
    assert torch.allclose(found.samples.view(4, 6), expected)


def test_mixup_learns_and_is_the_same_for_the_same_seed(small: Small) -> None:
    here = at(small, train__mixup={"alpha": 0.4}, train__epochs=6)
    one, two = prepare(*here).run(), prepare(*here).run()
    assert one.best.quality > 0.9
    assert [epoch.losses for epoch in one.history] == [epoch.losses for epoch in two.history]


def epochs_of(*qualities: float) -> list[Epoch]:
    return [Epoch("joint", n, 9, n, 0.0, {}, q, 0.0, False, 0.0, 0.0, ()) for n, q in enumerate(qualities, start=1)]


def test_the_rate_falls_when_the_metric_stands_still_as_in_torch() -> None:
    spec = TrainSpec.model_validate({"schedule": "plateau", "warmup": 0, "plateau": {"factor": 0.1, "patience": 1}})
    qualities = [0.5, 0.6, 0.6, 0.55, 0.7, 0.7, 0.7, 0.7, 0.7, 0.8]
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.SGD([weight], lr=1.0)
    reduce = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode="max", factor=0.1, patience=1, threshold=0.0)
    for done in range(1, len(qualities) + 1):
        reduce.step(qualities[done - 1])
        falls = plateaus(spec, PHASE, epochs_of(*qualities[:done]))
        assert rate(spec, PHASE, 50, falls) == pytest.approx(theirs.param_groups[0]["lr"])


def test_dropped_units_are_not_heard_and_one_always_is(small: Small) -> None:
    job, data = at(small, model__unit_dropout=0.5, model__dropout=0.0)
    network = prepare(job, data).network
    assert isinstance(network, Network)
    rows = batch(data.train, np.arange(64))
    network.eval()
    plain = [each.summary for each in network.spoken(rows)]
    assert torch.equal(next(network.spoken(rows)).summary, plain[0])
    network.train()
    torch.manual_seed(1)
    words, sentences = (each.summary for each in network.spoken(rows))
    several = torch.bincount(rows.levels[0].owners) > 1
    assert torch.allclose(words[~several], plain[0][~several], atol=1e-6)
    assert (words[several] - plain[0][several]).abs().amax(1).gt(1e-4).float().mean() > 0.3
    assert torch.isfinite(sentences).all()
    assert (words.abs().sum(1) > 0).all()


def test_unit_dropout_learns(small: Small) -> None:
    assert prepare(*at(small, model__unit_dropout=0.3, train__epochs=6)).run().best.quality > 0.8
