"""A small seasonal series, and a job that foretells it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mgdist.job.point import checked
from mgdist.job.spec import Job

LOOKBACK, HORIZON = 24, 6
BEGIN = datetime(2026, 1, 1)


def seasons(rows: int) -> np.ndarray:
    """Return two channels with a season of 12 rows, (rows, 2)."""
    turn = 2 * np.pi * np.arange(rows) / 12
    noise = np.random.default_rng(0).normal(size=(rows, 2)) * 0.05
    return (np.stack([3 + np.sin(turn), 2 * np.cos(turn) - 5], 1) + noise).round(4).astype(np.float32)


def write_rows(path: Path, table: np.ndarray) -> Path:
    """Write a table as CSV with the columns time, x and y."""
    lines = [f"{(BEGIN + timedelta(hours=row)).isoformat()},{x:.4f},{y:.4f}" for row, (x, y) in enumerate(table)]
    path.write_text("\n".join(["time,x,y", *lines]) + "\n")
    return path


def document(path: Path, **sections: Any) -> dict[str, Any]:
    """Return the job as it is written, some of whose sections are changed."""
    read = {"kind": "series", "columns": ["x", "y"], "layout": "long", "time": "time", "length": LOOKBACK}
    given = {
        "input": {**read, "normalize": "last", "channels": "apart", **sections.pop("input", {})},
        "source": {"kind": "files", "train": str(path)},
        **sections.pop("data", {}),
    }
    task = {"kind": "forecast", "horizon": HORIZON, **sections.pop("task", {})}
    levels = {"hour": {"length": LOOKBACK, "encoder": {"kind": "none"}, "pool": ["all"]}}
    train = {"epochs": 15, "batch_size": 16, "lr": 0.01}
    told = {"name": "small", "task": task, "data": given, "granularities": levels, "model": {"dropout": 0.0}}
    return {**told, "train": train, **sections}


def forecast_job(path: Path, **sections: Any) -> Job:
    """Return the job, which contradicts nothing."""
    job, mistakes = checked(document(path, **sections))
    assert job is not None, mistakes
    return job
