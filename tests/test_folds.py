"""A cross-validation, as a user runs it: real Ray, real training, real conversion, the real edge runtime."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import inside
from tests.test_line import STAGES, WORDS, done

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

JOB = """\
name: tiny
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text, min_count: 1}
  split: {by: site, folds: each, valid_by: row}
granularities:
  word: {length: 12, encoder: {kind: bag}}
model: {width: 8}
train: {epochs: 2, batch_size: 16, lr: 0.02}
compress: {max_accuracy_drop: 0.2, methods: [float32]}
run: {folder: RUNS}
"""
SITES = ("north", "south")
FOLD_STAGES = [stage for stage in STAGES if stage != "search"]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    rows = []
    for number in range(180):
        label = list(WORDS)[number % 3]
        word = WORDS[label].split()[number // 3 % 5]
        rows.append({"text": f"About a {word}, number {number}.", "label": label, "site": SITES[number % 5 == 0]})
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = JOB.replace("TRAIN", str(tmp_path / "train.jsonl")).replace("RUNS", str(tmp_path / "runs"))
    (tmp_path / "tiny.yaml").write_text(text)
    return tmp_path / "tiny.yaml"


@pytest.mark.slow
def test_each_site_is_held_out_once_and_a_killed_evaluation_goes_on(job: Path) -> None:
    folds = job.parent / "runs" / "tiny" / "folds"
    command = [sys.executable, "-m", "mgdist", "evaluate", str(job)]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while not (folds / "fold_1").is_dir():
        time.sleep(0.1)
        assert killed.poll() is None
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    first = (folds / "fold_0" / "latest").resolve()
    assert done(first) == FOLD_STAGES

    ended = inside.mgdist("evaluate", job)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert done(first) == FOLD_STAGES, "a finished fold is not done again"
    assert sorted(done((folds / "fold_1" / "latest").resolve())) == sorted(FOLD_STAGES)
    told = json.loads((folds / "folds.json").read_text())
    assert [(fold["fold"], fold["rows"]["test"]) for fold in told["folds"]] == [("north", 144), ("south", 36)]
    assert all(line in ended.stdout for line in ("fold 1 of 2", "north", "south", "not for shipping", "report.md"))
    assert (folds / "report.md").read_text().startswith("# tiny: 2 folds\n")


def test_a_job_without_folds_is_refused(job: Path) -> None:
    ended = inside.mgdist("evaluate", job, "--set", "data.split={}")
    assert ended.returncode == 2
    assert ended.stderr.startswith("mgdist: data.split.folds: expected a number of folds, or each for one a group")
