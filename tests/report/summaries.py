"""The summary of a made-up run; its scores are real ones of made-up answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mgdist.compress.choose import Candidate, Parity
from mgdist.evaluate.metrics import Scores, score
from mgdist.report.summary import Summary
from tests.data.rows import files

LABELS = ("numpy", "a|b", "new *york*")
FLOAT32 = Candidate(
    method="float32",
    accuracy=0.9,
    size=123_456_789,
    latency=0.2001,
    memory=1_091_000_000,
    weights={"float32": 1.0},
    parity=Parity(difference=0.0101, equal=0.999, examples=120),
)
INT8 = replace(
    FLOAT32,
    method="int8_dynamic",
    size=900_000,
    latency=0.00123,
    memory=91_000_000,
    weights={"int8": 0.98, "float32": 0.02},
)


def scores(accuracy: float, classes: int = 3) -> Scores:
    """Return the scores of answers that are right as often as told."""
    draw = np.random.default_rng(3)
    targets = np.arange(120) % classes
    given = np.where(draw.random(120) < accuracy, targets, (targets + 1) % classes)
    return score(np.eye(classes, dtype=np.float32)[given] * 0.8 + 0.2 / classes, targets)


def summary(folder: Path, *, classes: int = 3, **changed: object) -> Summary:
    job = files("train.csv")
    labels = LABELS if classes == len(LABELS) else tuple(f"label {number}" for number in range(classes))
    given = {
        "job": job,
        "folder": folder,
        "bundle": folder / "small.tflite",
        "labels": labels,
        "point": {"train.lr": 0.0123, "model.width": 48},
        "network": (scores(0.9, classes), scores(0.89, classes)),
        "baseline": (scores(0.85, classes), scores(0.84, classes)),
        "shipped": scores(0.88, classes),
        "parity": Parity(difference=0.02, equal=0.97, examples=120),
        "candidates": (FLOAT32, replace(INT8, method="int4", accuracy=0.5), INT8),
        "chosen": INT8,
        "verdicts": ("The network is below the linear baseline.",),
        "seconds": {"data": 1.23, "train": 40.0},
    }
    return Summary(**{**given, **changed})
