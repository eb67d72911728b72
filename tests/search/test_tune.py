"""The search on a real, embedded Ray."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import TAUGHT, Dataset
from mgdist.errors import SearchError
from mgdist.evaluate.scores import as_json, quality, score
from mgdist.job.spec import Job
from mgdist.search.ensemble import Ensemble, ensemble
from mgdist.search.members import MEMBERS, members
from mgdist.search.results import Searched, Trial, read
from mgdist.search.tune import search, trial_job
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
    with pytest.raises(SearchError, match="no trial of 2 came to an end, because: train: expected"):
        search(job, small[1].folder, tmp_path)


def test_a_trial_is_the_job_at_a_point_for_fewer_epochs(small: tuple[Job, Dataset]) -> None:
    job = moved(small[0], search={"epochs": 2, "space": SPACE}, train__engine={"kind": "deepspeed", "stage": 1})
    trial = trial_job(job, {"train.lr": 0.5})
    assert (trial.train.lr, trial.train.epochs, trial.train.engine.kind, trial.search) == (0.5, 2, "torch", None)


@pytest.mark.slow
def test_a_search_ends_when_its_time_is_over(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    spec = {"trials": 1000, "asha": None, "time": "30 s", "space": {"train.lr": {"loguniform": [1e-3, 1e-1]}}}
    found = search(moved(small[0], search=spec), small[1].folder, tmp_path)
    assert 1 <= len(found.trials) < 1000
    assert found.value is not None


@pytest.mark.slow
def test_the_winners_keep_the_weights_of_their_best_epochs_and_make_an_ensemble(
    ray: None, small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    job, data = small
    space = {"train.lr": {"choice": [0.003, 0.01, 0.03, BROKEN]}, "model.width": {"choice": [8, 24]}}
    spec = {"winners": 2, "combine": "stack"}
    job = moved(job, train__clip=None, search={"trials": 6, "concurrent": 2, "ensemble": spec, "space": space})
    found = search(job, data.folder, tmp_path / "search")
    winners = found.winners(2)
    kept = {path.name for path in (tmp_path / "search" / MEMBERS).iterdir()}
    assert kept == {f"trial_{trial.number}.safetensors" for trial in winners}

    (tmp_path / "ensemble").mkdir()
    ensemble(job, data, found, tmp_path / "search", tmp_path / "ensemble")
    made = Ensemble.open(tmp_path / "ensemble")
    assert [(member.trial, member.point) for member in made.members] == [(t.number, t.point) for t in winners]
    for member, trial in zip(made.members, winners, strict=True):
        assert quality(member.valid) == trial.value, "the weights are those of the trial's best epoch"
    assert list(made.combined) == ["mean", "weighted", "vote", "stack"]
    assert sum(made.weights["answer"]) == pytest.approx(1)
    for split, shard in {"valid": data.valid, "test": data.test}.items():
        outputs = np.load(tmp_path / "ensemble" / f"{split}.npz")
        scores = made.combined["stack"][split == "test"]
        assert as_json(score(data.tasks, outputs, shard.targets)) == as_json(scores)
    taught = Dataset.open(data.folder, tmp_path / "ensemble").train.taught["answer"]
    assert taught.shape == (len(data.train), 3)
    assert (taught.argmax(1) == data.train.targets["answer"]).mean() > 0.9
    assert made.qualities.keys() == {*(f"trial {t.number}" for t in winners), *(f"{w} of 2" for w in made.combined)}


@pytest.mark.slow
def test_trials_learn_from_a_run_and_those_that_become_the_teacher_from_none(
    ray: None, small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    job, data = small
    np.save(tmp_path / TAUGHT.format(name="answer"), np.full((len(data.train), 3), 1 / 3, np.float32))
    # From one that knows nothing, and with nothing of the targets, there is nothing to learn.
    space = {"train.distil.weight": {"choice": [1.0, 0.01]}}
    point = {"train__distil": {"teacher": str(tmp_path)}, "model__dropout": 0.0}
    taught = moved(job, **point, search={"trials": 4, "asha": None, "space": space})
    found = search(taught, data.folder, tmp_path / "search", tmp_path)
    values = {trial.point["train.distil.weight"]: trial.value or 0.0 for trial in found.trials}
    assert values[1.0] < 0.5 < values[0.01]

    spec = {"trials": 2, "ensemble": {"winners": 2}, "space": {"train.lr": {"loguniform": [0.01, 0.02]}}}
    student = moved(job, train__distil={"teacher": "ensemble"}, search=spec)
    assert trial_job(student, {"train.lr": 0.5}).train.distil is None
    assert all((trial.value or 0) > 0.5 for trial in search(student, data.folder, tmp_path / "ensemble").trials)


@pytest.mark.slow
def test_trials_of_two_workers_train_on_ray(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    space = {"train.lr": {"loguniform": [1e-3, 1e-1]}}
    spec = {"trials": 2, "asha": None, "ensemble": {"winners": 2}, "space": space}
    job = moved(small[0], train__workers=2, search=spec)
    found = search(job, small[1].folder, tmp_path)
    assert [trial.state for trial in found.trials] == ["done", "done"]
    assert len(list((tmp_path / MEMBERS).iterdir())) == 2
    assert job.search is not None
    assert job.search.ensemble is not None
    assert members(found, tmp_path, job.search.ensemble) == found.winners(2)


def half_done(metrics: Path) -> list[Trial]:
    """Return the trials that are well on."""
    return (
        [trial for trial in read(metrics) if trial.state == "running" and trial.epoch >= 4] if metrics.exists() else []
    )


@pytest.mark.slow
def test_a_killed_search_keeps_its_finished_trials(tmp_path: Path) -> None:
    job, _ = small_dataset(tmp_path, rows=1000)
    space = {"train.lr": {"loguniform": [1e-4, 1e-1]}}
    spec = {"trials": 5, "asha": None, "ensemble": {"winners": 3}, "space": space}
    job = moved(job, search=spec, train__epochs=12)
    (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
    command = [sys.executable, "-m", "tests.search.driver", str(tmp_path)]
    metrics = tmp_path / "search" / "metrics.jsonl"

    first = subprocess.Popen(command)
    seen: list[float] = []  # when each was seen to be done
    while len([when for when in seen if when < time.monotonic() - 2]) < 2 or not half_done(metrics):
        assert first.poll() is None, "the driver ended before it could be killed"
        time.sleep(0.05)
        done = metrics.read_text().count('"done"') if metrics.exists() else 0
        seen += [time.monotonic()] * (done - len(seen))
    first.send_signal(signal.SIGKILL)
    first.wait()
    before, half = [trial for trial in read(metrics) if trial.state == "done"], half_done(metrics)
    lines = len(metrics.read_text().splitlines())

    subprocess.run(command, check=True)
    again = [json.loads(line) for line in metrics.read_text().splitlines()[lines:]]
    for trial in half:
        first = next(each for each in again if each.get("trial") == trial.number and each["epoch"])
        assert first["epoch"] >= trial.epoch or first["point"] != trial.point, "a half-done trial began anew"
    found = Searched.open(tmp_path / "search").trials
    assert sorted(trial.number for trial in found) == list(range(1, 6))
    assert {trial.state for trial in found} == {"done"}
    kept = [trial for trial in before if trial in found]
    assert len(kept) >= 2, "what ended two seconds before the kill was done again"
    weights = {path.name for path in (tmp_path / "search" / MEMBERS).iterdir()}
    assert weights == {f"trial_{trial.number}.safetensors" for trial in found[:3]}
    (tmp_path / "ensemble").mkdir()
    ensemble(job, Dataset.open(tmp_path / "data"), Searched(found), tmp_path / "search", tmp_path / "ensemble")
    made = Ensemble.open(tmp_path / "ensemble").members
    assert [quality(member.valid) for member in made] == [trial.value for trial in found[:3]]
