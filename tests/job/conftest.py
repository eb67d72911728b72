from collections.abc import Callable
from pathlib import Path

import pytest

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: train.csv}
  input: {kind: text, columns: [title, text]}
granularities:
  word: {length: 32, encoder: {kind: conv, kernel: 3}, pool: [mean, max]}
  sentence:
    length: 16
    encoder: {kind: gru}
model:
  width: 32
train:
  lr: 1e-3
  batch_size: 64
search:
  space:
    train.lr: {loguniform: [0.001, 0.01]}
    granularities.word.encoder.kernel: {choice: [1, 3, 5]}
"""


@pytest.fixture
def job_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the job with some texts replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        text = JOB
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the job"
            text = text.replace(old, new)
        path = tmp_path / "job.yaml"
        path.write_text(text)
        return path

    return write
