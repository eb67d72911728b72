"""A whole line, as a user runs it, that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_line import ONE_COUNT, STAGES, done, written


@pytest.mark.slow
def test_a_run_that_is_killed_in_any_stage_is_finished_by_the_same_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mgdist", "submit", str(written(tmp_path)), "--set", ONE_COUNT]
    for stage in ("search", "train", "compress"):
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        while f'"stage": "{stage}", "state": "started"' not in _events(tmp_path / "runs"):
            time.sleep(0.1)
            assert killed.poll() is None
        time.sleep(1.0)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    latest = (tmp_path / "runs" / "tiny" / "latest").resolve()
    assert sorted(done(latest)) == sorted(STAGES), "each stage came to an end once"


def _events(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("tiny/2*/events.jsonl"))
