"""Both engines, on one worker and on two: the same numbers."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.phases import phases
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.train import checkpoint, group
from mgdist.train.deepspeed_engine import configuration
from mgdist.train.engine import optimizer, set_rates
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.workers import together

TORCH = {"kind": "torch"}
ENGINES = {"torch": TORCH} | {f"zero {stage}": {"kind": "deepspeed", "stage": stage} for stage in range(4)}
STEPS = 50


def curves(job: Job, folder: Path) -> dict[str, Progress]:
    """Train with each engine."""
    return {
        name: prepare(moved(job, train__engine=engine), Dataset.open(folder)).run() for name, engine in ENGINES.items()
    }


def continued(job: Job, folder: Path) -> dict[str, tuple[Progress, Progress]]:
    """Train in one go, and with a checkpoint after the first epoch that another engine goes on from."""
    found = {}
    for name, engine in ENGINES.items():
        here, data = moved(job, train__engine=engine), Dataset.open(folder)
        whole = prepare(here, data).run()
        first, second = prepare(here, data), prepare(here, data)
        place = [tempfile.mkdtemp()]
        torch.distributed.broadcast_object_list(place)
        checkpoint.save(Path(place[0]), next(first.epochs()), first.engine)
        group.wait()
        found[name] = whole, second.run(checkpoint.load(Path(place[0]), second.engine))
    return found


def flat(progress: Progress) -> list[float]:
    return [loss for epoch in progress.history for loss in epoch.losses]


@pytest.fixture(scope="module")
def plain(small: tuple[Job, Dataset]) -> Job:
    """Without dropout, whose draws depend on which worker has which rows."""
    return moved(small[0], model__dropout=0.0, train__epochs=5)


@pytest.fixture(scope="module")
def alone(plain: Job, small: tuple[Job, Dataset]) -> Progress:
    return prepare(plain, small[1]).run()


@pytest.fixture(scope="module")
def shared(plain: Job, small: tuple[Job, Dataset]) -> dict[str, Progress]:
    return together(2, curves, moved(plain, train__workers=2, train__accumulate=2), small[1].folder)


@pytest.mark.parametrize("name", ENGINES)
def test_two_workers_have_the_loss_of_one(alone: Progress, shared: dict[str, Progress], name: str) -> None:
    assert len(flat(alone)) == STEPS
    assert flat(shared[name]) == pytest.approx(flat(alone), abs=1e-3)


@pytest.mark.parametrize("name", ENGINES)
def test_two_workers_measure_what_one_does(alone: Progress, shared: dict[str, Progress], name: str) -> None:
    assert [epoch.quality for epoch in shared[name].history] == [epoch.quality for epoch in alone.history]
    assert [epoch.metrics for epoch in shared[name].history] == [
        pytest.approx(epoch.metrics, abs=1e-3) for epoch in alone.history
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_weights_leave_whole_and_in_float32(alone: Progress, shared: dict[str, Progress], name: str) -> None:
    weights = shared[name].weights
    assert {n: w.shape for n, w in weights.items()} == {n: w.shape for n, w in alone.weights.items()}
    assert all(torch.allclose(weights[n], alone.weights[n], atol=1e-2) for n in weights)
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


@pytest.mark.slow
def test_two_workers_go_on_where_they_stopped(small: tuple[Job, Dataset]) -> None:
    job, data = small
    found = together(2, continued, moved(job, train__workers=2), data.folder)
    assert len(found) == 5
    for whole, parts in found.values():
        assert flat(parts) == pytest.approx(flat(whole), abs=1e-6)


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


@pytest.mark.parametrize(("engine", "pattern"), [(TORCH, "engine.pt"), (ENGINES["zero 1"], "*optim_states.pt")])
def test_code_in_a_checkpoint_is_not_run(
    small: tuple[Job, Dataset], engine: dict[str, Any], pattern: str, tmp_path: Path
) -> None:
    here = moved(small[0], train__engine=engine, train__epochs=1)
    said = together(1, smuggled, here, small[1].folder, pattern, tmp_path)
    assert said == (
        f"{tmp_path / 'state'}: expected weights and plain values; found something else, which is not read; see who "
        "can write there, then submit with --fresh"
    )
    assert not (tmp_path / "evil").exists()


def smuggled(job: Job, folder: Path, pattern: str, place: Path) -> str:
    """Let a file of a checkpoint be a program, with its hash; return what is said of it."""
    training, state = prepare(job, Dataset.open(folder)), place / "state"
    state.mkdir()
    checkpoint.save(state, training.run(), training.engine)
    (path,) = state.rglob(pattern)
    torch.save({"state": Evil(place / "evil")}, path)
    sums = json.loads((state / "sums-0.json").read_text())
    (state / "sums-0.json").write_text(json.dumps(sums | {str(path.relative_to(state)): checkpoint.sha256(path)}))
    with pytest.raises(TrainError) as refused:
        checkpoint.load(state, training.engine)
    return str(refused.value)


@pytest.mark.slow
def test_bfloat16_and_offload_learn_on_deepspeed(small: tuple[Job, Dataset]) -> None:
    engine = {"kind": "deepspeed", "stage": 2, "offload": True}
    job = moved(small[0], train__engine=engine, train__precision="bfloat16", train__epochs=5)
    assert together(1, best, job, small[1].folder) > 0.9


def best(job: Job, folder: Path) -> float:
    return prepare(job, Dataset.open(folder)).run().best.quality


def test_biases_and_norms_are_not_shrunk(small: tuple[Job, Dataset]) -> None:
    job, data = small
    made, rates = optimizer(build(job, data.inputs, data.tasks), job.train, phases(job))
    assert rates == [{"joint": 1.0}, {"joint": 1.0}]
    matrices, vectors = made.param_groups
    assert matrices["weight_decay"] == job.train.weight_decay
    assert vectors["weight_decay"] == 0.0
    assert {weight.ndim for weight in vectors["params"]} == {1}
    assert min(weight.ndim for weight in matrices["params"]) == 2


def test_deepspeed_is_told_the_global_batch(small: tuple[Job, Dataset]) -> None:
    job = moved(small[0], train__engine={"kind": "deepspeed", "stage": 3}, train__accumulate=4, train__clip=None)
    assert job.train.engine.kind == "deepspeed"
    told = configuration(job.train, job.train.engine)
    assert told["train_batch_size"] == 32
    assert told["gradient_accumulation_steps"] == 4
    assert told["gradient_clipping"] == 0.0
    assert told["zero_optimization"] == {"stage": 3}


def test_what_is_frozen_takes_no_part_in_the_optimizer(small: tuple[Job, Dataset]) -> None:
    job, data = small
    network = build(job, data.inputs, data.tasks)
    network.embeddings.requires_grad_(False)
    network.slow_down({})
    made, _ = optimizer(network, job.train, phases(job))
    found = {id(weight) for part in made.param_groups for weight in part["params"]}
    assert found == {id(weight) for weight in network.parameters() if weight.requires_grad}
    assert len(found) == sum(1 for _ in network.parameters()) - 1


def test_a_part_of_the_network_takes_its_share_of_the_learning_rate(small: tuple[Job, Dataset]) -> None:
    job, data = small
    network = build(job, data.inputs, data.tasks)
    network.slow_down({"embeddings.": 0.25})
    made, factors = optimizer(network, job.train, phases(job))
    set_rates(made, 0.1, factors, phases(job)[0])
    rates = {
        part["lr"] for part in made.param_groups if any(w is network.embeddings["word"].weight for w in part["params"])
    }
    assert rates == {0.025}
    assert {part["lr"] for part in made.param_groups} == {0.1, 0.025}
