"""Strategies: which levels run and learn in which phase, and that a continued training is the same training."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mgdist.data.batches import Batch, batch
from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import restore
from mgdist.job.phases import TOP, phases
from mgdist.job.spec import Job
from mgdist.train import checkpoint, group
from mgdist.train.compute import step_flops
from mgdist.train.phases import narrowed
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.workers import together

Small = tuple[Job, Dataset]
STAGED = {"kind": "staged"}
COARSE = {"kind": "staged", "order": "coarse_to_fine"}
LOOSE = {"kind": "staged", "freeze": False, "lr_factor": 0.5, "auxiliary": 0.3}
GROW = {"kind": "grow", "steps": [{"units": {"word": 1}}, {"units": {"word": 2}, "epochs": 2}]}
STRATEGIES = {"staged": STAGED, "coarse": COARSE, "loose": LOOSE, "grow": GROW}
ENGINES = {"torch": {"kind": "torch"}} | {f"zero {s}": {"kind": "deepspeed", "stage": s} for s in range(4)}


def at(small: Small, strategy: object, **point: object) -> Small:
    return moved(small[0], train__strategy=strategy, **point), small[1]


def flat(progress: Progress) -> list[float]:
    return [loss for epoch in progress.history for loss in epoch.losses]


def test_a_stage_runs_its_level_and_those_that_it_builds_on(small: Small) -> None:
    word, sentence, joint = phases(at(small, STAGED)[0])
    assert (word.name, word.levels, dict(word.auxiliary), word.heads) == ("word", ("word",), {"word": 1.0}, 0.0)
    assert sentence.levels == joint.levels == ("word", "sentence")
    assert [sentence.rate(part) for part in ("word", "sentence", TOP)] == [0.0, 1.0, 0.0]
    assert [joint.rate(part) for part in ("word", "sentence", TOP)] == [1.0, 1.0, 1.0]
    assert [phase.name for phase in phases(at(small, COARSE)[0])] == ["sentence", "word", "joint"]


def test_without_freezing_the_levels_of_earlier_stages_go_on_learning(small: Small) -> None:
    _, sentence, joint = phases(at(small, LOOSE)[0])
    assert (sentence.rate("word"), joint.rate("word"), joint.rate(TOP)) == (1.0, 0.5, 1.0)
    coarse, *_ = phases(at(small, {**COARSE, "freeze": False})[0])
    assert coarse.rate("word") == 0.0  # it had no stage yet, and so runs as it is


def test_only_what_a_stage_needs_is_laid_out(small: Small) -> None:
    job, data = at(small, STAGED)
    word, sentence, _ = phases(job)
    rows = np.arange(5)
    assert len(batch(narrowed(job, word, data.train), rows).levels) == 1
    assert len(batch(narrowed(job, sentence, data.train), rows).levels) == 2


def test_what_does_not_learn_in_a_stage_stays_bit_for_bit(small: Small) -> None:
    training = prepare(*at(small, STAGED))
    seen = [training.engine.weights(), *[training.engine.weights() for _ in training.epochs()][:2]]
    for name in seen[0]:
        part = name.split(".")[1]
        changed = [not torch.equal(one[name], two[name]) for one, two in pairwise(seen)]
        if name.startswith(("fusion", "heads")):
            assert changed == [False, False], name
        else:
            assert changed == [part == "word", part == "sentence"], name


def test_auxiliary_heads_learn_and_do_not_ship(small: Small, tmp_path: Path) -> None:
    job, data = at(small, STAGED, train__epochs=4)
    training = prepare(job, data)
    progress = training.run()
    assert any(name.startswith("auxiliary.") for name in training.engine.weights())
    assert not any(name.startswith("auxiliary.") for name in progress.weights)
    assert progress.best.phase == "joint"
    checkpoint.save(tmp_path, progress, training.engine)
    restore(job, data, tmp_path / checkpoint.BEST)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_training_continued_after_any_epoch_is_the_uninterrupted_one(small: Small, tmp_path: Path, name: str) -> None:
    here = at(small, STRATEGIES[name], train__epochs=2)
    whole = prepare(*here).run()
    assert len(whole.history) > 3
    first = prepare(*here)
    for place, reached in enumerate(first.epochs()):
        folder = tmp_path / str(place)
        folder.mkdir()
        checkpoint.save(folder, reached, first.engine)
    for place in range(len(whole.history)):
        second = prepare(*here)
        progress = second.run(checkpoint.load(tmp_path / str(place), second.engine))
        assert flat(progress) == flat(whole)
        assert all(torch.equal(progress.weights[each], whole.weights[each]) for each in whole.weights)
        assert [epoch.flops for epoch in progress.history] == [epoch.flops for epoch in whole.history]


def units_of(made: Batch, row: int) -> torch.Tensor:
    """Return the samples of an example's units at the first level."""
    units = made.levels[0]
    assert units.samples is not None
    return units.samples[units.owners == row]


def test_growing_reads_the_first_units_of_each_example(small: Small) -> None:
    job, data = at(small, GROW)
    one, two, whole = phases(job)
    rows = np.arange(40)
    full = batch(narrowed(job, whole, data.train), rows)
    for phase, most in ((one, 1), (two, 2)):
        short = batch(narrowed(job, phase, data.train), rows)
        counts, before = (torch.bincount(each.levels[0].owners) for each in (short, full))
        assert torch.equal(counts, before.clamp(max=most))
        assert torch.equal(short.levels[1].mask.sum(1).long(), counts)
        for row in rows:
            mine, its = (units_of(each, int(row)) for each in (short, full))
            width = min(mine.shape[1], its.shape[1])
            assert torch.equal(mine[:, :width], its[: len(mine), :width])


def test_a_shallow_phase_leaves_the_upper_layers_as_they_are(small: Small) -> None:
    deep = {"kind": "transformer", "layers": 2, "heads": 2}
    grow = {"kind": "grow", "steps": [{"layers": {"word": 1}}]}
    training = prepare(*at(small, grow, granularities__word__encoder=deep))
    before = training.engine.weights()
    next(training.epochs())
    after = training.engine.weights()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("blocks.0" in name for name in changed)
    assert not any("blocks.1" in name for name in changed)


def test_patience_ends_a_phase_and_the_next_one_begins(small: Small) -> None:
    strategy = {"kind": "staged", "epochs": 6}
    history = prepare(*at(small, strategy, train__patience=1, train__lr=1e-9)).run().history
    assert [epoch.phase for epoch in history] == ["word", "word", "sentence", "sentence", "joint", "joint"]


@pytest.mark.parametrize("encoder", ["bag", "mlp", "conv", "transformer"])
def test_counted_operations_are_those_that_torch_counts(small: Small, encoder: str) -> None:
    job, data = at(small, {"kind": "joint"}, granularities__word__encoder={"kind": encoder})
    (phase,) = phases(job)
    rows = batch(data.train, np.arange(32))
    network = prepare(job, data).network
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(rows)
    counted = step_flops(job, phase, {"answer": 3})(rows) / 3
    # Ours counts biases too; torch only products of matrices.
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.12)


def curves(job: Job, folder: Path) -> dict[str, Progress]:
    """Train with each engine by every other strategy, so that each strategy has every other engine."""
    return {
        f"{name} {kind}": prepare(
            moved(job, train__engine=engine, train__strategy=strategy), Dataset.open(folder)
        ).run()
        for row, (name, engine) in enumerate(ENGINES.items())
        for column, (kind, strategy) in enumerate(STRATEGIES.items())
        if (row + column) % 2 == 0
    }


@pytest.mark.slow
def test_all_engines_follow_all_strategies_alike_on_two_workers(small: Small) -> None:
    job = moved(small[0], model__dropout=0.0)
    alone = {kind: prepare(moved(job, train__strategy=each), small[1]).run() for kind, each in STRATEGIES.items()}
    shared = together(2, curves, moved(job, train__workers=2, train__accumulate=2), small[1].folder)
    assert len(shared) == 10
    for name, progress in shared.items():
        assert flat(progress) == pytest.approx(flat(alone[name.split()[-1]]), abs=2e-3), name
        # Two halves are padded to the longest unit of each, so that a little less is computed.
        assert progress.history[-1].flops == pytest.approx(alone[name.split()[-1]].history[-1].flops, rel=0.1)


def continued(job: Job, folder: Path) -> dict[str, tuple[Progress, Progress]]:
    """Train in one go, and with a checkpoint in the second phase that another engine goes on from."""
    found = {}
    for name, engine in ENGINES.items():
        here, data = moved(job, train__engine=engine), Dataset.open(folder)
        whole, first, second = prepare(here, data).run(), prepare(here, data), prepare(here, data)
        place = [tempfile.mkdtemp()]
        torch.distributed.broadcast_object_list(place)
        epochs = first.epochs()
        reached = [next(epochs) for _ in range(3)][-1]
        checkpoint.save(Path(place[0]), reached, first.engine)
        group.wait()
        found[name] = whole, second.run(checkpoint.load(Path(place[0]), second.engine))
    return found


@pytest.mark.slow
def test_all_engines_go_on_in_the_midst_of_a_phase_with_their_average(small: Small) -> None:
    job = moved(small[0], model__dropout=0.0, train__workers=2, train__ema=0.9, train__epochs=2)
    job = moved(job, train__strategy={"kind": "staged", "epochs": 2})
    found = together(2, continued, job, small[1].folder)
    assert len(found) == 5
    (reference, _) = found["torch"]
    for name, (whole, parts) in found.items():
        assert whole.history[2].phase == "sentence"
        assert flat(parts) == pytest.approx(flat(whole), abs=1e-6), name
        assert [epoch.valid_loss for epoch in parts.history] == pytest.approx(
            [epoch.valid_loss for epoch in whole.history], abs=1e-6
        )
        assert [epoch.valid_loss for epoch in whole.history] == pytest.approx(
            [epoch.valid_loss for epoch in reference.history], abs=1e-3
        )
