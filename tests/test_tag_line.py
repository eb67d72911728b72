"""The whole line of a job that labels samples, as a user runs it."""

import json
from pathlib import Path

import pytest

from tests import inside
from tests.data.tags import LABELS, recording, write
from tests.test_line import done, edge, mgdist

JOB = """\
name: tiny
task: {kind: tag, label: tags}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: series, columns: [x, y]}
granularities:
  moment: {length: 8, encoder: {kind: conv}}
  slow: {length: 16, scale: 4, encoder: {kind: conv}}
model: {width: 12}
train: {epochs: 10, batch_size: 8, lr: 0.02, workers: 2}
compress: {max_accuracy_drop: 0.1, methods: [float32, int8_dynamic]}
device: {unit_counts: [1, 2]}
run: {folder: RUNS}
"""


@pytest.mark.slow
def test_a_job_that_labels_samples_becomes_a_bundle_that_does(tmp_path: Path) -> None:
    text = JOB.replace("TRAIN", str(write(tmp_path / "rows.jsonl", 80))).replace("RUNS", str(tmp_path / "runs"))
    (tmp_path / "tiny.yaml").write_text(text)
    checked = inside.mgdist("check", tmp_path / "tiny.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "series, tag by tags" in checked.stdout
    ended = mgdist("submit", tmp_path / "tiny.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert " labelled samples of the test split, run by the edge runtime." in ended.stdout
    folder = tmp_path / "runs" / "tiny" / "latest"
    assert done(folder) == ["data", "train", "evaluate", "convert", "compress", "bundle"]
    assert "| rest |" in (folder / "report.md").read_text()
    fresh = recording(200)
    rows = list(zip(fresh["x"], fresh["y"], strict=True))
    (tmp_path / "fresh.jsonl").write_text(json.dumps({"series": rows}) + "\n")
    asked = edge("predict", folder / "tiny.tflite", "--file", tmp_path / "fresh.jsonl", "--json")
    told = json.loads(asked.stdout)["labels"]
    assert set(told) <= set(LABELS)
    hits = sum(label == tag for label, tag in zip(told, fresh["tags"], strict=True))
    assert hits / len(told) > 0.8
    assert edge("selftest", folder / "tiny.tflite").returncode == 0
    assert inside.mgdist("submit", tmp_path / "tiny.yaml").returncode == 0
    assert done(folder.resolve()) == ["data", "train", "evaluate", "convert", "compress", "bundle"]
