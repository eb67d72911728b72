"""The ranking of trials."""

from pathlib import Path

import pytest

from mgdist.errors import SearchError
from mgdist.search.results import Refused, Searched, Trial, ranked
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


def test_what_would_ship_is_compared_upwards_whatever_the_metric() -> None:
    spec = {"objective": "deployed", "space": {"train.lr": {"choice": [0.1, 0.3]}}}
    made = job(Path("x.jsonl"), train__metric="loss", search=spec)
    refused = [Refused(1, {"train.lr": 0.1}, "too large", 2.0)]
    found = ranked([*TRIALS, Trial(4, {"train.lr": 0.3}, "stopped", None, 1)], made, refused)
    assert [trial.number for trial in found.trials] == [3, 1, 2, 4]
    assert found.refused == (*refused,)


def test_a_search_whose_time_was_over_before_the_first_trial_was_says_so() -> None:
    spec = {"time": "1 s", "space": {"train.lr": {"choice": [0.1, 0.3]}}}
    with pytest.raises(SearchError, match=r"no trial of 0 came .* because: search\.time was over before;"):
        ranked([], job(Path("x.jsonl"), search=spec))


def test_a_search_of_which_all_was_refused_says_so() -> None:
    with pytest.raises(SearchError) as error:
        ranked([], job(Path("x.jsonl")), [Refused(1, {"train.lr": 0.1}, "as int4 its size 2 MB is above 1 MB", 2.0)])
    assert str(error.value) == (
        "search: none of 1 points keeps the device's limits, the last: as int4 its size 2 MB is above 1 MB; "
        "narrow search.space, or raise the limits of device"
    )


def test_a_search_without_a_finished_trial_says_why() -> None:
    with pytest.raises(SearchError) as error:
        ranked([TRIALS[1]], job(Path("x.jsonl")))
    assert str(error.value) == (
        "search: no trial of 1 came to an end, because: train: expected a finite loss; got nan; "
        "narrow search.space, or try the job with search: null"
    )
