"""Weights of the heads' losses that are learned: in the loss, in a training, on both engines, and after a kill."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.uncertainty import loss_weights
from mgdist.train import checkpoint
from mgdist.train.events import plain
from mgdist.train.losses import uncertain
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from mgdist_edge.tasks import Classify, Regress
from tests.train.corpus import HEADS, moved, several, write_several
from tests.train.workers import together

TASKS = {"topic": Classify(("a", "b")), "size": Regress(("n",), (0.0,), (1.0,))}
LOSSES = {"topic": torch.tensor(0.25), "size": torch.tensor(4.0)}
ENGINES = {"torch": {"kind": "torch"}} | {f"zero {stage}": {"kind": "deepspeed", "stage": stage} for stage in (1, 3)}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    folder = tmp_path_factory.mktemp("uncertain")
    write_several(folder / "rows.jsonl", 400)
    job = several(folder / "rows.jsonl", task__weights="uncertainty", model__dropout=0.0)
    return job, prepare_data(job, folder / "data")


def test_of_certain_heads_the_loss_counts_whole_and_of_numbers_half() -> None:
    assert float(uncertain(LOSSES, torch.zeros(2), TASKS)) == pytest.approx(0.25 + 4.0 / 2)
    assert loss_weights([0.0, 0.0], TASKS) == {"topic": 1.0, "size": 0.5}


def test_the_best_weight_of_a_head_is_half_of_what_its_loss_is_smaller_than_one() -> None:
    log_variances = torch.zeros(2, requires_grad=True)
    steps = torch.optim.Adam([log_variances], lr=0.05)
    for _ in range(500):
        steps.zero_grad()
        uncertain(LOSSES, log_variances, TASKS).backward()  # type: ignore[no-untyped-call]
        steps.step()
    weights = loss_weights(log_variances.tolist(), TASKS)
    assert weights == pytest.approx({"topic": 1 / (2 * 0.25), "size": 1 / (2 * 4.0)}, rel=1e-2)


def test_weights_are_learned_told_and_left_out_of_what_ships(learned: tuple[Job, Dataset]) -> None:
    job, data = learned
    progress = prepare(job, data).run()
    weights = [epoch.loss_weights for epoch in progress.history]
    assert [list(each) for each in weights] == [list(HEADS)] * job.train.epochs
    assert weights[0] != weights[-1]
    assert weights[-1]["topic"] > weights[-1]["words"], "a loss that is added over labels stays the largest"
    assert plain(progress.history[-1])["loss_weights"].keys() == HEADS.keys()
    network = build(job, data.inputs, data.tasks)
    network.load_state_dict(progress.weights)
    assert asdict(progress.history[0])["loss_weights"] == weights[0]


def test_weights_are_not_shrunk(learned: tuple[Job, Dataset]) -> None:
    engine = prepare(*learned).engine
    (group,) = (
        part
        for part in engine.optimizer.param_groups
        if any(w is engine.network.uncertainty.log_variances for w in part["params"])
    )
    assert group["weight_decay"] == 0.0


@pytest.mark.parametrize("strategy", [{"kind": "staged"}, {"kind": "staged", "auxiliary": 0.3, "lr_factor": 0.1}])
def test_weights_are_learned_in_each_phase_with_auxiliary_heads_too(
    learned: tuple[Job, Dataset], strategy: dict[str, object]
) -> None:
    job, data = learned
    history = prepare(moved(job, train__strategy=strategy, train__epochs=1), data).run().history
    assert len(history) > 2
    assert len({epoch.loss_weights["topic"] for epoch in history}) == len(history)


def test_a_continued_training_has_the_weights_of_an_uninterrupted_one(
    learned: tuple[Job, Dataset], tmp_path: Path
) -> None:
    job, data = learned
    whole = prepare(job, data).run()
    first, second = prepare(job, data), prepare(job, data)
    checkpoint.save(tmp_path, next(first.epochs()), first.engine)
    parts = second.run(checkpoint.load(tmp_path, second.engine))
    assert [epoch.loss_weights for epoch in parts.history] == [epoch.loss_weights for epoch in whole.history]


def curves(job: Job, folder: Path) -> dict[str, Progress]:
    """Train with each engine."""
    data = Dataset.open(folder)
    return {name: prepare(moved(job, train__engine=engine), data).run() for name, engine in ENGINES.items()}


@pytest.mark.slow
def test_two_workers_learn_the_weights_of_one_on_both_engines(learned: tuple[Job, Dataset]) -> None:
    job, data = learned
    alone = prepare(job, data).run()
    for progress in together(2, curves, moved(job, train__workers=2), data.folder).values():
        for epoch, expected in zip(progress.history, alone.history, strict=True):
            assert epoch.loss_weights == pytest.approx(expected.loss_weights, rel=2e-2)
        assert progress.weights.keys() == alone.weights.keys()
