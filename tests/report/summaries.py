"""The summary of a made-up run; its scores are real ones of made-up answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate, Parity
from mgdist.evaluate.scores import Scores, score_head
from mgdist.report.summary import Summary
from mgdist_edge.tasks import Classify, MultiLabel, Regress
from tests.data.rows import files

LABELS = ("numpy", "a|b", "new *york*")
FLOAT32 = Candidate(
    method="float32",
    quality=0.9,
    sha256="0" * 64,
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
    return score_head(
        Classify(labels_of(classes)), np.eye(classes, dtype=np.float32)[given] * 0.8 + 0.2 / classes, targets
    )


def labels_of(classes: int) -> tuple[str, ...]:
    return LABELS if classes == len(LABELS) else tuple(f"label {number}" for number in range(classes))


def heads(accuracy: float, classes: int = 3) -> dict[str, Scores]:
    """Return the scores of a job with one head."""
    return {"answer": scores(accuracy, classes)}


def several() -> dict[str, object]:
    """Return what a summary of a job with three heads holds in place of one."""
    tasks = {"topic": Classify(LABELS), "tags": MultiLabel(("a", "b")), "price": Regress(("low",), (0.0,), (1.0,))}
    draw = np.random.default_rng(3)
    outputs = {"tags": draw.random((120, 2), np.float32), "price": draw.random((120, 1), np.float32)}
    targets = {"tags": (draw.random((120, 2)) > 0.5).astype(np.float32), "price": outputs["price"] * 2}
    more = {name: score_head(tasks[name], outputs[name], targets[name]) for name in outputs}
    return {
        "tasks": tasks,
        "network": ({"topic": scores(0.9), **more}, {"topic": scores(0.89), **more}),
        "baseline": ({}, {}),
        "shipped": {"topic": scores(0.88), **more},
    }


def summary(folder: Path, *, classes: int = 3, **changed: object) -> Summary:
    job = files("train.csv")
    given = {
        "job": job,
        "folder": folder,
        "bundle": folder / "small.tflite",
        "tasks": {"answer": Classify(labels_of(classes))},
        "counts": {"train": 1000, "valid": 100, "test": 120},
        "folds": (),
        "point": {"train.lr": 0.0123, "model.width": 48},
        "network": (heads(0.9, classes), heads(0.89, classes)),
        "baseline": (heads(0.85, classes), heads(0.84, classes)),
        "shipped": heads(0.88, classes),
        "parity": Parity(difference=0.02, equal=0.97, examples=120),
        "candidates": (FLOAT32, replace(INT8, method="int4", quality=0.5), INT8),
        "chosen": INT8,
        "budget": Budget(0.9, job.compress.max_accuracy_drop, job.device),
        "loss_weights": {},
        "verdicts": ("The network is below the simple baseline.",),
        "seconds": {"data": 1.23, "train": 40.0},
    }
    return Summary(**{**given, **changed})
