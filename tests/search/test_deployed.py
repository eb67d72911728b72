"""The search on what would ship, on a real, embedded Ray."""

import json
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.errors import BudgetError, SearchError
from mgdist.job.point import at_point, network_values
from mgdist.job.spec import Job
from mgdist.search.deployed import deployed
from mgdist.search.fits import SHAPES, UNKNOWN, Gate
from mgdist.search.results import Searched
from mgdist.search.tune import REFUSALS, search
from mgdist.train.prepare import prepare
from tests.train.corpus import dataset as small_dataset
from tests.train.corpus import moved

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
SMALL, LARGE, LIMIT = 8, 256, 150_000
SPACE = {"model.width": {"choice": [LARGE, SMALL]}, "train.lr": {"choice": [0.01, 0.03]}}
BAYES = {"granularities.word.skip": True, "model.embedding.bayes": {"smoothing": 1.0}}
DEVICE = {"max_size": LIMIT, "unit_counts": [1]}  # each count takes seconds to convert


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2) as connection:
        connection.wait()
        yield


@pytest.fixture(scope="module")
def job(small: tuple[Job, Dataset]) -> Job:
    spec = {"objective": "deployed", "trials": 2, "epochs": 2, "asha": None, "space": SPACE}
    return moved(small[0], search=spec, device=DEVICE, compress__methods=["float32", "int8_dynamic"])


@pytest.fixture(scope="module")
def searched(
    ray: None, job: Job, small: tuple[Job, Dataset], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Searched]:
    folder = tmp_path_factory.mktemp("searched")
    return folder, search(job, small[1].folder, folder)


def test_points_that_break_the_limits_are_refused_and_cost_no_trial(searched: tuple[Path, Searched]) -> None:
    found = searched[1]
    assert [trial.state for trial in found.trials] == ["done"] * 2
    assert {trial.point["model.width"] for trial in found.trials} == {SMALL}
    assert found.refused
    assert {each.point["model.width"] for each in found.refused} == {LARGE}
    assert [each.number for each in found.refused] == list(range(1, len(found.refused) + 1))
    assert all(each.why.endswith("MB is above 0.15 MB") for each in found.refused)
    assert all(each.why.startswith("as int8_dynamic its size") for each in found.refused), "the nearest format"


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as the trials here have: how many there are decides in which order a sum is taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_trials_value_is_the_quality_of_the_bundle_that_would_ship(
    job: Job, small: tuple[Job, Dataset], searched: tuple[Path, Searched], tmp_path: Path
) -> None:
    best = searched[1].trials[0]
    trained = prepare(moved(job, train__epochs=2, **dict(best.point)), small[1]).run()
    ships = deployed(moved(job, **dict(best.point)), small[1], trained.weights, tmp_path)
    assert (best.value, best.ships) == (ships.quality, "int8_dynamic")
    assert best.size == ships.size
    assert best.network == trained.best.quality
    assert ships.size <= LIMIT
    with pytest.raises(BudgetError, match=r"^none of 1 candidate\(s\) keeps .*; nearest is int8_dynamic: size"):
        deployed(moved(job, **dict(best.point), device__max_size=9), small[1], trained.weights, tmp_path)


def test_each_shape_is_converted_once(job: Job, small: tuple[Job, Dataset], searched: tuple[Path, Searched]) -> None:
    folder, found = searched
    assert len(list((folder / SHAPES).iterdir())) == 2, "of the four points of the space"
    kept = sorted((folder / SHAPES).iterdir(), key=lambda path: len(path.read_text()))
    gate = Gate(job, small[1].folder, folder)
    assert gate.verdict({"model.width": SMALL, "model.dropout": 0.7}).why == ""
    assert gate.verdict({"model.width": LARGE, "train.lr": 0.5}).why == found.refused[0].why
    assert gate.verdict({"model.width": LARGE}).excess == pytest.approx(json.loads(kept[1].read_text())["excess"])
    assert len(list((folder / SHAPES).iterdir())) == 2


def test_events_tell_what_was_refused_and_what_a_trial_would_ship(searched: tuple[Path, Searched]) -> None:
    events = [json.loads(line) for line in (searched[0] / "metrics.jsonl").read_text().splitlines()]
    assert [event["number"] for event in events if event["event"] == "refused"]
    running = [event for event in events if event["event"] == "trial" and event["state"] == "running"]
    first, last = (next(e for e in order if e["epoch"] == epoch) for order, epoch in ((running, 1), (running, 2)))
    assert (first["metric"], first["ships"]) == (None, None), "a network on its way has nothing that ships"
    assert first["network"] is not None
    assert last["metric"] is not None


def test_what_was_found_is_read_as_it_was_written(searched: tuple[Path, Searched]) -> None:
    assert Searched.open(searched[0]) == searched[1]
    assert searched[1].trial_seconds > 0
    assert searched[1].looking > sum(each.seconds for each in searched[1].refused)


def test_a_space_in_which_nothing_fits_says_so(
    ray: None, job: Job, small: tuple[Job, Dataset], searched: tuple[Path, Searched], tmp_path: Path
) -> None:
    (tmp_path / SHAPES).symlink_to(searched[0] / SHAPES)
    spec = {"objective": "deployed", "trials": 1, "space": {"model.width": {"choice": [LARGE]}}}
    with pytest.raises(SearchError) as error:
        search(moved(job, search=spec), small[1].folder, tmp_path)
    assert str(error.value) == (
        f"search: none of {REFUSALS} points keeps the device's limits, the last: {searched[1].refused[0].why}; "
        "narrow search.space, or raise the limits of device"
    )


@pytest.mark.slow
def test_a_network_that_is_too_slow_untrained_is_refused(job: Job, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    slow = moved(job, device__max_latency=1e-9, compress__methods=["int8_dynamic"])
    verdict = Gate(slow, small[1].folder, tmp_path).verdict({"model.width": SMALL})
    assert re.fullmatch(r"as int8_dynamic its latency \d\.\d\d ms is above 0\.00 ms", verdict.why)
    assert verdict.excess > 1000


def test_a_point_that_makes_no_network_is_refused_with_its_mistake(
    job: Job, small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    gate = Gate(job, small[1].folder, tmp_path)
    verdict = gate.verdict({"model.width": 2, **BAYES})
    assert verdict.excess == UNKNOWN
    assert verdict.why.startswith("model.embedding.bayes: needs one number of each word's vector for each of 3 labels")
    assert gate.verdict({"model.width": -1}).why.startswith("at point {'model.width': -1}: model.width: expected")


def test_what_only_learning_needs_is_no_part_of_a_shape(job: Job) -> None:
    learning = {
        "model__dropout": 0.7,
        "model__unit_dropout": 0.1,
        "model__encoder_dropout": 0.1,
        "model__embedding__dropout": 0.1,
        "model__embedding__word_dropout": 0.1,
        "model__embedding__idf": True,
        "train__lr": 0.5,
    }
    assert network_values(moved(job, **learning)) == network_values(job)
    assert network_values(moved(job, model__width=9)) != network_values(job)
    smoothing = [at_point(job, {**BAYES, "model.embedding.bayes.smoothing": value}) for value in (0.1, 1.0)]
    assert len({json.dumps(network_values(each)) for each in smoothing}) == 1


def test_refused_points_stand_apart_from_trials(searched: tuple[Path, Searched]) -> None:
    winners = replace(searched[1], refused=()).winners(9)
    assert winners == searched[1].winners(9)


@pytest.mark.slow
def test_of_trials_of_two_workers_it_is_told_too_what_would_ship(
    ray: None, job: Job, small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    spec = {"objective": "deployed", "trials": 1, "epochs": 2, "space": {"model.width": {"choice": [SMALL]}}}
    (trial,) = search(moved(job, search=spec, train__workers=2), small[1].folder, tmp_path).trials
    assert (trial.state, trial.ships) == ("done", "int8_dynamic")
    assert trial.value is not None
    assert 0 < (trial.size or 0) <= LIMIT


@pytest.mark.slow
def test_a_killed_search_keeps_its_trials_its_shapes_and_what_it_refused(job: Job, tmp_path: Path) -> None:
    made, _ = small_dataset(tmp_path)
    assert job.search is not None
    spec = {**job.search.model_dump(mode="json"), "trials": 2, "epochs": 1}
    limits = {"device": DEVICE, "compress__methods": ["int8_dynamic"]}
    (tmp_path / "job.pickle").write_bytes(pickle.dumps(moved(made, search=spec, **limits)))
    command = [sys.executable, "-m", "tests.search.driver", str(tmp_path)]
    metrics = tmp_path / "search" / "metrics.jsonl"
    first = subprocess.Popen(command)
    while not (metrics.exists() and metrics.read_text().count('"done"') >= 1):
        assert first.poll() is None, "the driver ended before it could be killed"
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "search" / SHAPES).iterdir()}

    subprocess.run(command, check=True)
    found = Searched.open(tmp_path / "search")
    assert sorted(trial.number for trial in found.trials) == [1, 2]
    assert {trial.state for trial in found.trials} == {"done"}
    assert [each.number for each in found.refused] == list(range(1, len(found.refused) + 1))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "no shape is converted again"
