"""A trial that was killed goes on from its own checkpoint, as if nothing had been."""

from itertools import islice
from pathlib import Path

import pytest

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.spec import Job
from mgdist.search.halfway import POINT, followed, leave, place_of
from mgdist.train.launch import STATE, checkpoints
from mgdist.train.prepare import prepare
from tests.train.corpus import dataset, moved


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    job, data = dataset(tmp_path_factory.mktemp("halfway"), rows=200)
    return moved(job, train__epochs=4), data


@pytest.mark.parametrize("steps", [None, 3], ids=["behind an epoch", "inside of one"])
def test_a_trial_goes_on_as_if_it_had_not_been_killed(
    small: tuple[Job, Dataset], tmp_path: Path, steps: int | None
) -> None:
    job, data = small
    job = moved(job, train__checkpoint={"steps": steps, "seconds": None})
    place = place_of(tmp_path, "trial_1", {"train.lr": 0.01})
    before = list(islice(followed(prepare(job, data), place), 2))
    after = list(followed(prepare(job, data), place))
    whole = prepare(job, data).run().history
    assert len(before[-1].history) == 2
    assert 1 <= len(after[0].history) <= 2  # told again: the search may not know of it
    assert [epoch.losses for epoch in after[-1].history] == [epoch.losses for epoch in whole]
    assert len(checkpoints(place)) == 1


def test_a_trial_that_was_over_tells_its_end_again(small: tuple[Job, Dataset], tmp_path: Path) -> None:
    job, data = small
    place = place_of(tmp_path, "trial_1", {})
    told = [list(followed(prepare(job, data), place)) for _ in range(2)]
    assert len(told[0]) == 4
    again = [len(progress.history) for progress in told[1]]
    assert again == list(range(again[0], 5)), "from its last checkpoint, which a short epoch may not be worth"


def test_a_damaged_checkpoint_is_not_gone_on_from(small: tuple[Job, Dataset], tmp_path: Path) -> None:
    job, data = small
    place = place_of(tmp_path, "trial_1", {})
    next(followed(prepare(job, data), place))
    (checkpoints(place)[0] / "engine.pt").write_bytes(b"0")
    with pytest.raises(TrainError, match="none of 1 checkpoints is whole"):
        next(followed(prepare(job, data), place))


def test_what_another_point_left_is_taken_away(tmp_path: Path) -> None:
    place = place_of(tmp_path, "trial_1", {"train.lr": 0.1})
    (place / STATE / "checkpoint_1").mkdir(parents=True)
    assert checkpoints(place_of(tmp_path, "trial_1", {"train.lr": 0.1}))
    assert not checkpoints(place_of(tmp_path, "trial_1", {"train.lr": 0.2}))
    assert (place / POINT).read_text() == '{"train.lr": 0.2}'


def test_a_trial_that_is_over_leaves_no_checkpoints(tmp_path: Path) -> None:
    place = place_of(tmp_path, "trial_1", {})
    (place / STATE / "checkpoint_1").mkdir(parents=True)
    leave(tmp_path, "trial_1")
    assert not checkpoints(place)
