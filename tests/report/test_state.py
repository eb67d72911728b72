import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from mgdist.errors import RunError
from mgdist.job.load import load
from mgdist.job.spec import Job
from mgdist.report.state import State, find, state_of, states
from mgdist.runs import ALIVE, EVENTS, SILENT, Run
from mgdist.storage import Storage
from tests.test_runs import JOB


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "job.yaml").write_text(JOB)
    return load(tmp_path / "job.yaml", [f"run.folder={tmp_path / 'runs'}"])


def standing(run: Run[Job]) -> State:
    return state_of(Storage.at(str(run.folder)))


def end(error: BaseException | None) -> Callable[[Path], None]:
    def work(_: Path) -> None:
        if error is not None:
            raise error

    return work


@pytest.mark.parametrize(
    ("error", "how", "said"),
    [
        (None, "done", ""),
        (RunError("the disk is full"), "failed", "the disk is full"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyboardInterrupt(), "stopped", ""),
    ],
)
def test_a_run_tells_how_it_ended(job: Job, error: BaseException | None, how: str, said: str) -> None:
    with nullcontext() if error is None else pytest.raises(type(error)), Run.open(job) as run:
        assert standing(run).how == "running"
        run.stage("data", do=end(error), load=str)
    assert (standing(run).how, standing(run).error) == (how, said)
    assert [name for name, _ in standing(run).stages] == ([] if error else ["data"])


def test_who_gives_no_sign_of_life_is_lost(job: Job) -> None:
    with Run.open(job) as run:
        while not (run.folder / ALIVE).exists():
            time.sleep(0.01)
        run._over.set()  # who works here is killed: no sign comes any more
        begun = json.loads((run.folder / EVENTS).read_text())
        (run.folder / EVENTS).write_text(json.dumps({**begun, "time": 1.0}) + "\n")
        (run.folder / ALIVE).write_text(json.dumps({"time": time.time() - 2 * SILENT}))
        assert standing(run).how == "lost"
        (run.folder / ALIVE).write_text(json.dumps({"time": time.time()}))
        assert standing(run).how == "running"


def test_a_run_is_found_by_its_name(job: Job, tmp_path: Path) -> None:
    with Run.open(job) as first:
        pass
    with Run.open(job, fresh=True) as second:
        pass
    folder = str(tmp_path / "runs")
    assert find(folder, "small").local == second.folder
    assert find(folder, f"small/{first.folder.name}").local == first.folder
    assert find(folder, str(first.folder)).local == first.folder
    assert find(folder, f"{folder}/small/latest").local == second.folder
    assert [state.name for state in states(folder)] == [f"small/{run.folder.name}" for run in (first, second)]
    with pytest.raises(RunError) as error:
        find(folder, "other")
    assert str(error.value) == f"other: no such run in {folder}; see mgdist runs --folder {folder}"
    with pytest.raises(RunError, match=r"expected the folder of a run"):
        find(folder, folder)
