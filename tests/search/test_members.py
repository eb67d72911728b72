"""Which trials become members, and whose weights are kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.errors import SearchError
from mgdist.job.search import EnsembleSpec
from mgdist.search.members import members, prune, weights_of
from mgdist.search.results import Searched, Trial, ranked, trained_at
from tests.train.corpus import job

TRIALS = [
    Trial(1, {"train.lr": 0.1}, "done", 0.7, 3),
    Trial(2, {"train.lr": 0.2}, "failed", None, 0),
    Trial(3, {"train.lr": 0.3}, "stopped", 0.9, 1),
    Trial(4, {"train.lr": 0.3}, "done", 0.8, 3),
    Trial(5, {"train.lr": 0.5}, "done", 0.6, 3),
    Trial(6, {"train.lr": 0.6}, "running", 0.1, 1),
]
TWO = EnsembleSpec(winners=2)
JOB = job(Path("x.jsonl"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for trial in TRIALS:
        weights_of(tmp_path, trial.number).parent.mkdir(exist_ok=True)
        weights_of(tmp_path, trial.number).write_bytes(b"weights")
    return tmp_path


def kept(folder: Path) -> list[int]:
    return [trial.number for trial in TRIALS if weights_of(folder, trial.number).is_file()]


def test_the_winners_stand_at_different_points() -> None:
    assert [trial.number for trial in ranked(TRIALS, JOB).winners(2)] == [3, 1]
    assert [trial.number for trial in ranked(TRIALS, JOB).winners(9)] == [3, 1, 5]


def test_only_the_best_and_those_that_run_keep_their_weights(folder: Path) -> None:
    prune(folder, TRIALS, JOB, TWO)
    assert kept(folder) == [1, 3, 6]
    prune(folder, [*TRIALS[:5], replace(TRIALS[5], state="done", value=0.95)], JOB, TWO)
    assert kept(folder) == [3, 6]


def test_a_small_loss_is_kept_where_it_is_the_metric(folder: Path) -> None:
    prune(folder, TRIALS, job(Path("x.jsonl"), train__metric="loss"), TWO)
    assert kept(folder) == [1, 5, 6]


def test_trials_that_all_failed_keep_nothing(folder: Path) -> None:
    prune(folder, [replace(trial, state="failed", value=None) for trial in TRIALS], JOB, TWO)
    assert kept(folder) == []


def test_members_are_those_whose_weights_are_there(folder: Path) -> None:
    weights_of(folder, 3).unlink()
    assert [trial.number for trial in members(ranked(TRIALS, JOB), folder, TWO)] == [4, 1]


def test_one_trial_is_no_ensemble(folder: Path) -> None:
    with pytest.raises(SearchError) as error:
        members(Searched((TRIALS[2], TRIALS[3], TRIALS[1])), folder, TWO)
    assert str(error.value) == (
        "search.ensemble: expected at least 2 trials at different points that came to an end; got 1 of 3; "
        "make search.trials or search.space larger"
    )


def test_a_job_is_trained_at_the_best_point_unless_the_winners_teach_it() -> None:
    found, space = ranked(TRIALS, JOB), {"train.lr": {"choice": [0.1, 0.2]}}
    search = {"trials": 2, "ensemble": {"winners": 2}, "space": space}
    searched = job(Path("x.jsonl"), search=search)
    assert trained_at(searched, found) == {"train.lr": 0.3}
    student = job(Path("x.jsonl"), search=search, train__distil={"teacher": "ensemble"})
    assert trained_at(student, found) == {}
