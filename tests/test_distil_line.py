"""The whole line with a teacher: an ensemble of larger networks, and then a finished run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import inside
from tests.test_line import JOB, done, edge, write_rows

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]

SEARCH = """\
search:
  trials: 2
  epochs: 2
  asha: null
  ensemble: {winners: 2, combine: weighted}
  space: {model.width: {choice: [12, 16, 24]}, train.lr: {loguniform: [0.01, 0.03]}}
"""
DISTIL = "train: {epochs: 4, batch_size: 16, lr: 0.02, distil: {teacher: TEACHER}}"


def written(folder: Path, name: str, teacher: str, *, search: bool) -> Path:
    """Write a job that learns from a teacher, and its rows."""
    write_rows(folder / "train.jsonl")
    begin, _, rest = JOB.partition("train: {epochs")
    end = rest[rest.index("compress:") :].replace("float32, ", "").replace("[1, 4]", "[1]")  # what is not asked about
    text = begin + DISTIL.replace("TEACHER", teacher) + "\n" + (SEARCH if search else "") + end
    text = text.replace("name: tiny", f"name: {name}").replace("width: 8", "width: 4")
    text = text.replace("TRAIN", str(folder / "train.jsonl")).replace("RUNS", str(folder / "runs"))
    (folder / f"{name}.yaml").write_text(text)
    return folder / f"{name}.yaml"


def latest(folder: Path, name: str) -> Path:
    return (folder / "runs" / name / "latest").resolve()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, str]]:
    folder = tmp_path_factory.mktemp("distil")
    job = written(folder, "together", "ensemble", search=True)
    with inside.one_ray():
        ended = inside.mgdist("submit", job)
        assert ended.returncode == 0, ended.stderr
        yield folder, job, ended.stdout


def test_a_student_of_an_ensemble_ships_and_answers(finished: tuple[Path, Path, str]) -> None:
    folder, _, output = finished
    run = latest(folder, "together")
    assert done(run) == ["data", "search", "ensemble", "train", "evaluate", "convert", "compress", "bundle"]
    for row in ("mean of 2", "weighted of 2", "vote of 2", "stack of 2"):
        assert re.search(rf"^{row} +\d\.\d{{4}} \d\.\d{{4}}", output, re.MULTILINE), row
        assert f"ensemble: {row}: quality " in output
        assert row in (run / "report.md").read_text()
    assert "it does not ship" in output
    assert "learned from the weighted of the ensemble: weight 0.7, temperature 2." in output
    assert "Best point" not in output, "the student stands at none"
    asked = edge("predict", run / "together.tflite", "--text", "This is about a cherry.", "--json")
    assert json.loads(asked.stdout)["label"] == "fruit", asked.stderr


def first_begun(job: Path, *overrides: str) -> str:
    """Return the first stage that is really begun, and end the run there."""
    folder, command = job.parent / "runs" / job.stem, [sys.executable, "-m", "mgdist", "submit", str(job)]
    before = {path: path.stat().st_size for path in folder.glob("2*/events.jsonl")}
    sets = [part for each in overrides for part in ("--set", each)]
    running = subprocess.Popen([*command, *sets], stdout=subprocess.DEVNULL, start_new_session=True)
    begun: list[str] = []
    while not begun:
        time.sleep(0.1)
        assert running.poll() is None, "it began nothing"
        added = (path.read_text()[before.get(path, 0) :] for path in folder.glob("2*/events.jsonl"))
        begun = re.findall(r'"stage": "(\w+)", "state": "started"', "".join(added))
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return begun[0]


def test_how_it_is_taught_searches_nothing_anew(finished: tuple[Path, Path, str]) -> None:
    _, job, _ = finished
    assert first_begun(job, "train.distil.temperature=3") == "train"
    assert first_begun(job, "search.ensemble.combine=stack") == "ensemble"


def test_a_run_teaches_another_and_a_new_run_of_it_teaches_anew(finished: tuple[Path, Path, str]) -> None:
    folder, job, _ = finished
    assert inside.mgdist("submit", job).returncode == 0, "all of it is there, and it is the latest run again"
    teacher = folder / "runs" / "together" / "latest"
    student = written(folder, "alone", str(teacher), search=False)
    ended = inside.mgdist("submit", student)
    assert ended.returncode == 0, ended.stderr
    run = latest(folder, "alone")
    assert done(run) == ["data", "teach", "train", "evaluate", "convert", "compress", "bundle"]
    assert re.search(r"^teacher +\d\.\d{4} \d\.\d{4}", ended.stdout, re.MULTILINE)
    assert f"Learned from {teacher} (" in ended.stdout
    assert json.loads(edge("predict", run / "alone.tflite", "--text", "A saw.", "--json").stdout)["label"] == "tools"

    assert first_begun(student, "train.distil.weight=0.5") == "train", "the teacher is not asked again"
    assert inside.mgdist("submit", job, "--set", "train.distil.weight=0.4").returncode == 0
    assert done(latest(folder, "together"))[0] == "train"
    assert first_begun(student) == "teach"


def test_a_check_shows_the_teacher_and_refuses_one_that_cannot_teach(
    finished: tuple[Path, Path, str], tmp_path: Path
) -> None:
    folder, job, _ = finished
    told = inside.mgdist("check", job)
    assert told.returncode == 0, told.stderr
    assert "teacher       the ensemble of the search, whose trials have none; weight 0.7, temperature 2" in told.stdout
    assert "the 2 best become an ensemble by weighted" in told.stdout
    lost = inside.mgdist("check", written(folder, "lost", str(tmp_path), search=False))
    assert lost.returncode == 3
    assert lost.stderr == (
        f"mgdist: train.distil.teacher: {tmp_path}: expected the folder of a run; it holds no job.yaml; name one, such "
        "as runs/NAME/latest\n"
    )
