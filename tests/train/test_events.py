"""What is told: JSON lines and TensorBoard."""

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.train.events import Recorder
from mgdist.train.prepare import prepare


def test_a_training_leaves_json_lines_and_tensorboard_events(small: tuple[Job, Dataset], tmp_path: Path) -> None:
    job, data = small
    recorder = Recorder(tmp_path, tmp_path / "board")
    progress = prepare(job, data, recorder).run()
    recorder.close()

    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {line["event"] for line in lines} == {"step", "epoch"}
    assert [line["metrics"] for line in lines if line["event"] == "epoch"] == [
        {name: float(f"{value:.6g}") for name, value in epoch.metrics.items()} for epoch in progress.history
    ]
    assert [line["quality"] for line in lines if line["event"] == "epoch"] == [
        float(f"{epoch.quality:.6g}") for epoch in progress.history
    ]

    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    assert set(board.Tags()["scalars"]) == {
        "train/loss",
        "train/lr",
        "train/flops",
        "train/samples_per_second",
        "train/waiting",
        "valid/accuracy",
        "valid/macro_f1",
        "valid/auc",
        "valid/ece",
        "valid/loss",
    }
    assert [event.step for event in board.Scalars("train/loss")] == list(range(1, 31))
