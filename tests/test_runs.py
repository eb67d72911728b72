import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mgdist.errors import RunError
from mgdist.job.load import load
from mgdist.job.spec import Job
from mgdist.runs import EVENTS, Run, digest, share, write

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: train.csv}
  input: {kind: text}
granularities:
  word: {length: 32, encoder: {kind: bag}}
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "job.yaml").write_text(JOB)
    return load(tmp_path / "job.yaml", [f"run.folder={tmp_path / 'runs'}"])


def leave(text: str) -> Callable[[Path], None]:
    return lambda folder: write(folder / "result", text)


def read(folder: Path) -> str:
    return (folder / "result").read_text()


def refuse(folder: Path) -> None:
    raise AssertionError("the stage was done again")


def test_a_finished_stage_is_not_done_again(job: Job) -> None:
    with Run.open(job) as run:
        assert run.stage("train", 1, do=leave("first"), load=read).value == "first"
    with Run.open(job) as again:
        assert again.folder == run.folder
        assert again.stage("train", 1, do=refuse, load=read).value == "first"


def test_a_stage_given_something_else_is_done_again(job: Job) -> None:
    with Run.open(job) as run:
        first = run.stage("train", 1, do=leave("first"), load=read)
        second = run.stage("train", 2, do=leave("second"), load=read)
    assert (second.value, second.digest == first.digest) == ("second", False)


def test_a_damaged_result_is_done_again(job: Job) -> None:
    with Run.open(job) as run:
        run.stage("train", do=leave("first"), load=read)
        (run.folder / "train" / "result").write_text("")
        assert run.stage("train", do=leave("again"), load=read).value == "again"


def test_a_killed_stage_finds_what_it_left_behind(job: Job) -> None:
    def killed(folder: Path) -> None:
        write(folder / "checkpoint", "half")
        raise KeyboardInterrupt

    def goes_on(folder: Path) -> None:
        write(folder / "result", (folder / "checkpoint").read_text() + " and whole")

    with Run.open(job) as run, pytest.raises(KeyboardInterrupt):
        run.stage("train", do=killed, load=read)
    with Run.open(job) as again:
        assert again.stage("train", do=goes_on, load=read).value == "half and whole"


def test_what_was_left_for_other_work_is_cleared(job: Job) -> None:
    def killed(folder: Path) -> None:
        write(folder / "checkpoint", "half")
        raise KeyboardInterrupt

    with Run.open(job) as run:
        with pytest.raises(KeyboardInterrupt):
            run.stage("train", 1, do=killed, load=read)
        run.stage("train", 2, do=leave("new"), load=read)
        assert not (run.folder / "train" / "checkpoint").exists()


def test_a_changed_job_begins_a_new_run_and_takes_over_what_it_can(job: Job) -> None:
    with Run.open(job) as run:
        run.stage("data", 1, do=leave("rows"), load=read)
    changed = job.model_copy(update={"seed": 14})
    with Run.open(changed) as other:
        assert other.folder != run.folder
        assert other.stage("data", 1, do=refuse, load=read).value == "rows"


def test_fresh_begins_anew(job: Job) -> None:
    with Run.open(job) as run:
        run.stage("data", do=leave("first"), load=read)
    with Run.open(job, fresh=True) as other:
        assert other.folder != run.folder
        assert other.stage("data", do=leave("second"), load=read).value == "second"


def test_a_run_is_worked_on_by_one_process(job: Job) -> None:
    with Run.open(job), pytest.raises(RunError, match="another mgdist works on this run; wait for it, or add --fresh"):
        Run.open(job)


def test_the_newest_run_is_called_latest(job: Job) -> None:
    with Run.open(job) as run:
        assert (run.folder.parent / "latest").resolve() == run.folder.resolve()


def test_a_resolved_job_is_the_same_job(job: Job) -> None:
    with Run.open(job) as run:
        pass
    with Run.open(load(run.folder / "job.yaml")) as again:
        assert again.folder == run.folder


def test_events_are_lines_of_json(job: Job) -> None:
    with Run.open(job) as run:
        run.event("note", text="one\ntwo")
        run.stage("data", do=leave("rows"), load=read)
        lines = (run.folder / EVENTS).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["run", "note", "stage", "stage"]
    assert [event.get("state") for event in events] == ["started", None, "started", "done"]


def test_a_file_in_the_place_of_the_folder_is_told(job: Job, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"expected a folder, found a file; set run\.folder to another one"):
        Run.open(job)


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk where the runs go, with the options that a test gives."""
    (tmp_path / "runs").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", tmp_path / "runs"]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root, and to be allowed to mount")
    yield tmp_path / "runs"
    subprocess.run(["umount", tmp_path / "runs"], check=True)


@pytest.mark.parametrize("disk", ["size=256k"], indirect=True)
def test_a_full_disk_is_told_and_finished_stages_stay(job: Job, disk: Path) -> None:
    with Run.open(job) as run:
        run.stage("data", do=leave("rows"), load=read)
        with pytest.raises(RunError, match=r"the disk is full; free some space, then submit again"):
            run.stage("train", do=leave("x" * 1_000_000), load=read)
        assert run.stage("data", do=refuse, load=read).value == "rows"
        assert not list((run.folder / "train").glob("*result*"))


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_read_only_folder_is_told(job: Job, disk: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be written: Read-only file system; set run\.folder"):
        Run.open(job)


def test_a_digest_knows_content_and_not_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_killed_write_leaves_the_old_content(tmp_path: Path) -> None:
    write(tmp_path / "file", "old")
    program = f"""
import os
from pathlib import Path
from mgdist import runs
os.fsync = lambda _: os.kill(os.getpid(), 9)
runs.write(Path({str(tmp_path / "file")!r}), "new")
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert (tmp_path / "file").read_text() == "old"


def test_a_file_is_shared_again_where_a_killed_attempt_left_it(tmp_path: Path) -> None:
    source, goal = tmp_path / "rows", tmp_path / "shared"
    source.write_text("new")
    for left in (None, "old"):
        if left is not None:
            goal.unlink()
            goal.write_text(left)
        for _ in range(2):
            share(str(source), str(goal))
            assert goal.read_text() == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"rows", "shared"}
