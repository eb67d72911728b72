import json
from pathlib import Path

import pytest

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: train.jsonl}
  input: {kind: text, columns: text, min_count: 1}
granularities:
  word: {length: 12, encoder: {kind: bag}}
train: {batch_size: 4, epochs: 2}
compress: {methods: [int8_dynamic]}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a laptop: a job, and data that its paths start from."""
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "job.yaml").write_text(JOB)
    words = {"a": "apple pear", "b": "tree stone"}
    rows = ({"text": f"Row {row} is {words['ab'[row % 2]]} here.", "label": "ab"[row % 2]} for row in range(120))
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
