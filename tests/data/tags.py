"""Recordings of something that rests, turns and shakes, with a label for each reading, and a job that tags them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mgdist.job.point import checked
from mgdist.job.spec import Job

LABELS = ("rest", "shake", "turn")
LEVELS: dict[str, Any] = {
    "moment": {"length": 8, "encoder": {"kind": "conv", "kernel": 3}, "pool": ["mean", "max"]},
    "window": {"length": 4, "encoder": {"kind": "gru"}, "pool": ["mean"]},
    "slow": {"length": 16, "scale": 4, "encoder": {"kind": "conv", "kernel": 5}},
}


def recording(number: int) -> dict[str, Any]:
    """Return channels x and y of 20 to 60 readings, and their labels."""
    draw = np.random.default_rng(number)
    labels: list[int] = []
    count = 20 + number % 5 * 10
    while len(labels) < count:
        labels += [int(draw.integers(3))] * int(draw.integers(5, 12))
    labels = labels[:count]
    kinds, noise = np.array(labels), draw.normal(size=(len(labels), 2)) * 0.2
    x = np.where(kinds == 1, np.where(np.arange(len(kinds)) % 2, 2.0, -2.0), 0.0) + noise[:, 0]
    y = np.where(kinds == 2, 3.0, 0.0) + noise[:, 1]
    tags = [LABELS[label] for label in labels]
    return {"x": x.round(4).tolist(), "y": y.round(4).tolist(), "tags": tags, "most": max(LABELS, key=tags.count)}


def write(path: Path, count: int = 40, *, first: int = 0) -> Path:
    """Write recordings as JSONL."""
    rows = (recording(number) for number in range(first, first + count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def document(path: Path, **sections: Any) -> dict[str, Any]:
    """Return the job as it is written, some of whose sections are changed."""
    data = {
        "source": {"kind": "files", "train": str(path)},
        "input": {"kind": "series", "columns": ["x", "y"], **sections.pop("input", {})},
        **sections.pop("data", {}),
    }
    told = {"name": "small", "task": {"kind": "tag", "label": "tags"}, "data": data, "granularities": LEVELS}
    train = {"epochs": 3, "batch_size": 8, "lr": 0.01, **sections.pop("train", {})}
    common = {"model": {"width": 8}, "device": {"unit_counts": [1, 2]}}
    return {**told, **common, "train": train, **sections}


def tag_job(path: Path, **sections: Any) -> Job:
    """Return the job, which contradicts nothing."""
    job, mistakes = checked(document(path, **sections))
    assert job is not None, mistakes
    return job
