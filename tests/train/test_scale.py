"""What makes large networks fit: less is kept, less is on the accelerator, shards that other workers load."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.job.train_conflicts import accumulated
from mgdist.train import checkpoint, group
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.test_exact import differing
from tests.train.workers import together

TRANSFORMER = {"length": 12, "encoder": {"kind": "transformer", "layers": 2, "heads": 2}, "pool": ["mean"]}
GRU = {"length": 4, "encoder": {"kind": "gru"}, "pool": ["mean"]}


def test_activation_checkpointing_comes_to_the_same_numbers_and_keeps_less(small: tuple[Job, Dataset]) -> None:
    job = moved(
        small[0], granularities={"word": TRANSFORMER, "sentence": GRU}, train__epochs=1, model__encoder_dropout=0.2
    )
    plain, again = (run_counting(moved(job, train__activation_checkpointing=on), small[1]) for on in (False, True))
    assert not differing(plain[0], again[0])
    assert again[1] < 0.7 * plain[1]


def run_counting(job: Job, data: Dataset) -> tuple[Progress, int]:
    """Train, and return the largest number of bytes that were kept for a backward pass."""
    training = prepare(job, data)
    kept, most = [0], [0]

    def keep(value: torch.Tensor) -> torch.Tensor:
        kept[0] += value.numel() * value.element_size()
        return value

    step = training.engine.step

    def counted(*given: Any) -> torch.Tensor:
        kept[0] = 0
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            loss = step(*given)
        most[0] = max(most[0], kept[0])
        return loss

    training.engine.step = counted  # type: ignore[method-assign]
    return training.run(), most[0]


def test_float16_scales_its_loss_learns_and_goes_on_where_it_stopped(
    small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    job, data = moved(small[0], train__precision="float16"), small[1]
    first = prepare(job, data)
    checkpoint.save(tmp_path, next(first.epochs()), first.engine)
    second = prepare(job, data)
    progress = second.run(checkpoint.load(tmp_path, second.engine))
    assert second.engine.scaler.get_scale() > 1  # type: ignore[attr-defined]
    plain = prepare(moved(job, train__precision="float32"), data).run()
    assert flat(progress) == pytest.approx(flat(plain), abs=0.02)
    assert not differing(prepare(job, data).run(), progress)


def test_parameters_are_offloaded_and_learn_the_same(small: tuple[Job, Dataset]) -> None:
    job = moved(small[0], train__epochs=2, train__activation_checkpointing=True)
    losses = together(1, of_offloaded, job, small[1].folder)
    assert losses["parameters"] == pytest.approx(losses["nothing"], abs=1e-5)


def of_offloaded(job: Job, folder: Path) -> dict[str, list[float]]:
    engines = {
        name: {"kind": "deepspeed", "stage": 3, "offload": name == "parameters" and name}
        for name in ("nothing", "parameters")
    }
    return {
        name: flat(prepare(moved(job, train__engine=each), Dataset.open(folder)).run())
        for name, each in engines.items()
    }


def flat(progress: Progress) -> list[float]:
    return [loss for epoch in progress.history for loss in epoch.losses]


@pytest.mark.parametrize(("workers", "parts"), [(4, 1), (3, 2), (2, 2), (1, 4)])
def test_fewer_workers_compute_a_step_in_more_parts(small: tuple[Job, Dataset], workers: int, parts: int) -> None:
    job = moved(small[0], train__batch_size=48, train__workers={"min": 1, "max": 4})
    assert accumulated(job.train, workers) == parts
    assert 48 % (workers * parts) == 0


ENGINES = [{"kind": "torch"}, *({"kind": "deepspeed", "stage": stage} for stage in (1, 2, 3))]


def stopped(job: Job, folder: Path, place: Path) -> None:
    """Train up to the middle of the second epoch with each engine, and leave checkpoints."""
    for number, engine in enumerate(ENGINES):
        training = prepare(moved(job, train__engine=engine), Dataset.open(folder))
        reached = next(each for each in training.checkpoints() if each.done == 15)
        if group.rank() == 0:
            (place / str(number)).mkdir()
        group.wait()
        checkpoint.save(place / str(number), reached, training.engine)
    group.wait()


def continued(job: Job, folder: Path, place: Path) -> list[list[float]]:
    """Go on with other workers."""
    found = []
    for number, engine in enumerate(ENGINES):
        training = prepare(moved(job, train__engine=engine), Dataset.open(folder))
        found.append(flat(training.run(checkpoint.load(place / str(number), training.engine))))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_workers_goes_on_to_the_same_losses(
    small: tuple[Job, Dataset], before: int, after: int
) -> None:
    elastic = {"min": 1, "max": 2}
    job = moved(small[0], train__workers=elastic, train__checkpoint={"steps": 5, "seconds": None}, model__dropout=0.0)
    with tempfile.TemporaryDirectory() as name:
        together(before, stopped, job, small[1].folder, Path(name))
        found = together(after, continued, job, small[1].folder, Path(name))
    assert len(found) == 4
    alone = flat(prepare(job, small[1]).run())
    for losses in found:
        assert losses == pytest.approx(alone, abs=1e-6)
