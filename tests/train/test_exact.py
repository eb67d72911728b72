"""N steps are k steps, a kill, a resume and N - k steps: bit for bit, wherever the kill falls."""

import tempfile
from pathlib import Path

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.train import checkpoint, group
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.workers import together

ENGINES = [{"kind": "torch"}, *({"kind": "deepspeed", "stage": stage} for stage in (1, 2, 3))]
EVERY = {"steps": 4, "seconds": None}


def parts(job: Job, data: Dataset, folder: Path, at: int) -> Progress:
    """Train up to a checkpoint, and on from there with another engine, as after a kill."""
    first, second = prepare(job, data), prepare(job, data)
    reached = next(each for place, each in enumerate(first.checkpoints()) if place == at)
    checkpoint.save(folder, reached, first.engine)
    torch.manual_seed(0)  # what was drawn since then must not matter
    group.wait()
    return second.run(checkpoint.load(folder, second.engine))


def differing(one: Progress, other: Progress) -> list[str]:
    """Return what is not the same, bit for bit, in two trainings."""
    found = [name for name in one.weights if not torch.equal(one.weights[name], other.weights[name])]
    for here, there in zip(one.history, other.history, strict=True):
        told = ("losses", "metrics", "valid_loss", "best", "flops", "done")
        found += [f"{name} of epoch {here.epoch}" for name in told if getattr(here, name) != getattr(there, name)]
    return found


def several(job: Job, folder: Path, at: int) -> dict[str, list[str]]:
    """Return what differs with each engine."""
    found = {}
    for engine in ENGINES:
        here, data, place = moved(job, train__engine=engine), Dataset.open(folder), [tempfile.mkdtemp()]
        torch.distributed.broadcast_object_list(place)
        found[str(engine)] = differing(prepare(here, data).run(), parts(here, data, Path(place[0]), at))
    return found


@pytest.fixture(scope="module")
def exact(small: tuple[Job, Dataset]) -> Job:
    """Two epochs of ten steps with a checkpoint after the 4th and the 8th, and all that draws or remembers."""
    return moved(
        small[0],
        train__epochs=2,
        train__checkpoint=EVERY,
        train__ema=0.9,
        train__mixup={"alpha": 0.3},
        train__sampling="balanced",
        train__accumulate=2,
        model__unit_dropout=0.2,
    )


@pytest.mark.parametrize(
    ("at", "where"), [(0, "step 4 of epoch 1"), (2, "the end of epoch 1"), (4, "step 8 of epoch 2")]
)
def test_one_worker_comes_to_the_same(
    exact: Job, small: tuple[Job, Dataset], tmp_path: Path, at: int, where: str
) -> None:
    whole = prepare(exact, small[1]).run()
    assert not differing(whole, parts(exact, small[1], tmp_path, at))
    assert str(checkpoint.read(tmp_path)) == where


def test_where_a_checkpoint_is_written_changes_nothing(exact: Job, small: tuple[Job, Dataset]) -> None:
    seldom = moved(exact, train__checkpoint={"steps": None, "seconds": None})
    assert not differing(prepare(exact, small[1]).run(), prepare(seldom, small[1]).run())


@pytest.mark.slow
def test_one_worker_on_deepspeed_comes_to_the_same(exact: Job, small: tuple[Job, Dataset]) -> None:
    for differs in together(1, several, exact, small[1].folder, 1).values():
        assert not differs


@pytest.mark.parametrize("at", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_two_workers_come_to_the_same(exact: Job, small: tuple[Job, Dataset], at: int) -> None:
    found = together(2, several, moved(exact, train__workers=2), small[1].folder, at)
    assert len(found) == 4
    assert not any(found.values()), found
