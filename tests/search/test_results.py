"""The ranking of trials."""

from pathlib import Path

import pytest

from mgdist.errors import SearchError
from mgdist.search.results import Searched, Trial, ranked
from tests.train.corpus import job

TRIALS = [
    Trial(1, {"train.lr": 0.1}, "done", 0.7, 3, 2.0),
    Trial(2, {"train.lr": 0.2}, "failed", None, 0, 0.1, "train: expected a finite loss; got nan"),
    Trial(3, {"train.lr": 0.3}, "stopped", 0.9, 1, 0.7),
]


def test_the_best_comes_first_and_the_failed_last() -> None:
    found = ranked(TRIALS, job(Path("x.jsonl")))
    assert [trial.number for trial in found.trials] == [3, 1, 2]
    assert found.point == {"train.lr": 0.3}
    assert found.value == 0.9


def test_a_small_loss_is_better_than_a_large_one() -> None:
    found = ranked(TRIALS, job(Path("x.jsonl"), train__metric="loss"))
    assert [trial.number for trial in found.trials] == [1, 3, 2]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = ranked(TRIALS, job(Path("x.jsonl")))
    found.save(tmp_path)
    assert Searched.open(tmp_path) == found


def test_a_search_without_a_finished_trial_says_why() -> None:
    with pytest.raises(SearchError) as error:
        ranked([TRIALS[1]], job(Path("x.jsonl")))
    assert str(error.value) == (
        "search: none of the 1 trials came to an end, the first because: train: expected a finite loss; got nan; "
        "narrow search.space, or try the job with search: null"
    )
