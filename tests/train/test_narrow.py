"""Growing from narrow to wide: what runs, what it costs, and that what joins changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.job.phases import narrowest
from mgdist.job.plan import plan
from mgdist.job.spec import Job
from mgdist.train.compute import step_flops
from mgdist.train.phases import phases
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.workers import together

Small = tuple[Job, Dataset]
GROW = {"kind": "grow", "steps": [{"width": {"word": 0.25}}, {"width": {"word": 0.5}}]}
ENCODERS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "layers": 3},
    "transformer": {"kind": "transformer", "layers": 2, "heads": 2, "expansion": 4},
}
HIDDEN = {"mlp": ("encoder.layers.1.weight", 16), "transformer": ("encoder.blocks.0.feed.2.weight", 64)}
"""A matrix that reads hidden numbers, and how many it reads."""


def at(small: Small, encoder: str, **point: Any) -> Small:
    job = moved(small[0], granularities__word__encoder=ENCODERS[encoder], train__strategy=GROW, **point)
    return job, small[1]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_narrow_phase_leaves_what_it_does_not_compute_as_it_is(small: Small, encoder: str) -> None:
    training = prepare(*at(small, encoder, train__weight_decay=0.0))
    name, hidden = f"levels.word.{HIDDEN[encoder][0]}", HIDDEN[encoder][1]
    begun = training.engine.weights()[name]
    assert not begun[:, hidden // 4 :].any(), "what joins later says nothing"
    epochs = training.epochs()
    before = 0
    for share in (0.25, 0.5, 1.0):
        next(epochs)
        learned, most = training.engine.weights()[name], round(hidden * share)
        assert learned[:, before:most].any(), "what has joined learns"
        assert not learned[:, most:].any()
        before = most


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_network_answers_the_same_when_it_widens(small: Small, encoder: str) -> None:
    job, data = at(small, encoder)
    training = prepare(job, data)
    next(training.epochs())
    training.network.load_state_dict(training.engine.weights())
    rows, network = batch(data.valid, np.arange(20)), training.network.eval()
    narrow, wider, whole = phases(job, len(data.train))
    with torch.no_grad():
        answers = [network(rows, phase)["answer"] for phase in (narrow, wider, whole)]
    torch.testing.assert_close(answers[1], answers[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(answers[2], answers[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_counted_operations_of_a_narrow_phase_are_those_that_torch_counts(small: Small, encoder: str) -> None:
    job, data = at(small, encoder)
    rows, network = batch(data.train, np.arange(32)), prepare(job, data).network.eval()
    counted = []
    for phase in phases(job, len(data.train)):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(rows, phase)
        counted.append(step_flops(job, phase, {"answer": 3})(rows) / 3)
        assert counted[-1] == pytest.approx(counter.get_total_flops(), rel=0.12)
    assert counted[0] < counted[1] < counted[2]


def curves(jobs: dict[str, Job], folder: Path) -> dict[str, Progress]:
    """Train on both engines."""
    zero = {"kind": "deepspeed", "stage": 3}
    found = {name: prepare(job, Dataset.open(folder)).run() for name, job in jobs.items()}
    for name, job in jobs.items():
        found[f"{name} zero"] = prepare(moved(job, train__engine=zero), Dataset.open(folder)).run()
    return found


@pytest.mark.slow
def test_both_engines_grow_alike_on_two_workers(small: Small) -> None:
    jobs = {name: at(small, name, model__dropout=0.0, train__epochs=1)[0] for name in ENCODERS}
    alone = {name: prepare(job, small[1]).run() for name, job in jobs.items()}
    shared = together(2, curves, {name: moved(job, train__workers=2) for name, job in jobs.items()}, small[1].folder)
    for name, progress in shared.items():
        expected = [epoch.loss for epoch in alone[name.split()[0]].history]
        assert [epoch.loss for epoch in progress.history] == pytest.approx(expected, abs=2e-3), name


def test_a_plan_tells_how_narrow_a_phase_is_and_what_it_saves(small: Small) -> None:
    job, _ = at(small, "mlp")
    narrow, wider, whole = plan(job).phases
    assert (narrow.less, wider.less, whole.less) == (
        "word 0.25 of its hidden width",
        "word 0.5 of its hidden width",
        "",
    )
    assert narrow.operations < wider.operations < whole.operations
    assert narrowest(job) == {"word": 0.25}
