"""Versions of a bundle that answer differently, and what a store answers."""

from dataclasses import replace
from pathlib import Path

from mgdist.export.bundle import bundle
from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Classify
from tests.edge.conftest import LABELS, golden, manifest, model

TEXT = "Return the array."


def version(number: int, folder: Path, **changed: object) -> Bundle:
    """Return the small bundle with labels that end in a number, so that each answer says which version gave it."""
    about = manifest(**{"created": f"2026-11-2{number}", "tasks": {ONLY_HEAD: Classify(named(number))}, **changed})
    return bundle(model(), about, replace(golden()), folder / f"v{number}.tflite")


def named(number: int) -> tuple[str, ...]:
    return tuple(f"{label} {number}" for label in LABELS)


def answering(path: Path) -> int:
    """Return which version answers."""
    return int(load(path).predict(TEXT).label.split()[-1])
