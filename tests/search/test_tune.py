"""The search on a real, embedded Ray."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.errors import SearchError
from mgdist.job.spec import Job
from mgdist.search.results import Searched
from mgdist.search.tune import read, search, trial_job
from tests.train.corpus import dataset as small_dataset
from tests.train.corpus import moved

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
BROKEN = 1e38
"""A learning rate at which every loss is NaN."""
SPACE = {
    "train.lr": {"choice": [0.0001, 0.03, BROKEN]},
    "granularities.word.encoder": {"choice": [{"kind": "bag"}, {"kind": "conv", "kernel": 3}]},
}


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2) as connection:
        assert connection.wait().dashboard is not None
        yield


@pytest.fixture(scope="module")
def searched(ray: None, small: tuple[Job, Dataset], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Searched]:
    folder = tmp_path_factory.mktemp("searched")
    job = moved(small[0], train__clip=None, search={"trials": 8, "concurrent": 2, "space": SPACE})
    return folder, search(job, small[1].folder, folder)


def test_trials_are_ranked_and_the_best_point_makes_a_job(
    small: tuple[Job, Dataset], searched: tuple[Path, Searched]
) -> None:
    found = searched[1]
    assert sorted(trial.number for trial in found.trials) == list(range(1, 9))
    values = [trial.value for trial in found.trials if trial.state != "failed"]
    assert values == sorted(values, key=lambda value: -(value or 0))
    assert found.point["train.lr"] == 0.03
    assert moved(small[0], **dict(found.point)).train.lr == 0.03


def test_a_failed_trial_says_why_and_ends_nothing(searched: tuple[Path, Searched]) -> None:
    failed = [trial for trial in searched[1].trials if trial.state == "failed"]
    assert failed
    assert {trial.point["train.lr"] for trial in failed} == {BROKEN}
    assert all((trial.error or "").startswith("train: expected a finite loss; got nan at step") for trial in failed)


def test_weak_trials_are_stopped_early(searched: tuple[Path, Searched]) -> None:
    epochs = {trial.state: trial.epoch for trial in searched[1].trials}
    assert epochs["done"] == 3
    assert epochs["stopped"] < 3


def test_events_of_trials_are_written_as_they_come(searched: tuple[Path, Searched]) -> None:
    events = [json.loads(line) for line in (searched[0] / "metrics.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} == {"trial"}
    assert {event["trials"] for event in events} == {8}
    assert sorted(event["epoch"] for event in events if event["trial"] == searched[1].trials[0].number)[-1] == 3
    boards = {path.parent.name for path in (searched[0] / "tensorboard").glob("*/events.*")}
    assert {f"trial_{trial.number}" for trial in searched[1].trials} == boards


def test_a_finished_search_is_only_read(small: tuple[Job, Dataset], searched: tuple[Path, Searched]) -> None:
    job = moved(small[0], search={"trials": 8, "space": SPACE})
    assert search(job, small[1].folder, searched[0]) == searched[1]


def test_a_search_of_nothing_but_failures_says_so(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    job = moved(small[0], train__clip=None, search={"trials": 2, "space": {"train.lr": {"choice": [BROKEN]}}})
    with pytest.raises(SearchError, match="none of the 2 trials came to an end, the first because: train: expected"):
        search(job, small[1].folder, tmp_path)


def test_a_trial_is_the_job_at_a_point_for_fewer_epochs(small: tuple[Job, Dataset]) -> None:
    job = moved(small[0], search={"epochs": 2, "space": SPACE}, train__engine={"kind": "deepspeed", "stage": 1})
    trial = trial_job(job, {"train.lr": 0.5})
    assert (trial.train.lr, trial.train.epochs, trial.train.engine.kind, trial.search) == (0.5, 2, "torch", None)


@pytest.mark.slow
def test_trials_of_two_workers_train_on_ray(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    space = {"train.lr": {"loguniform": [1e-3, 1e-1]}}
    job = moved(small[0], train__workers=2, search={"trials": 4, "space": space})
    found = search(job, small[1].folder, tmp_path)
    assert len(found.trials) == 4
    assert {trial.state for trial in found.trials} == {"done", "stopped"}


@pytest.mark.slow
def test_a_killed_search_keeps_its_finished_trials(tmp_path: Path) -> None:
    job, _ = small_dataset(tmp_path, rows=2000)
    space = {"train.lr": {"loguniform": [1e-4, 1e-1]}}
    job = moved(job, search={"trials": 8, "asha": None, "space": space})
    (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
    command = [sys.executable, "-m", "tests.search.driver", str(tmp_path)]
    metrics = tmp_path / "search" / "metrics.jsonl"

    first = subprocess.Popen(command)
    while not (metrics.exists() and metrics.read_text().count('"done"') >= 4):
        assert first.poll() is None, "the driver ended before it could be killed"
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = [trial for trial in read(metrics) if trial.state == "done"]

    subprocess.run(command, check=True)
    found = Searched.open(tmp_path / "search").trials
    assert sorted(trial.number for trial in found) == list(range(1, 9))
    assert {trial.state for trial in found} == {"done"}
    kept = [trial for trial in before if trial in found]
    assert len(kept) >= len(before) - 2, "at most what ended in the last second before the kill was done again"
