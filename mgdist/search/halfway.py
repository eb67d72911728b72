"""A trial that was half done when its search was killed: what it goes on from."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from mgdist.job.point import Point
from mgdist.runs import write
from mgdist.train import checkpoint
from mgdist.train.interval import SHARE
from mgdist.train.launch import STATE, checkpoints
from mgdist.train.loop import Training
from mgdist.train.progress import Progress

TRIALS, POINT = "trials", "point.json"


def place_of(folder: Path, trial: str, where: Point) -> Path:
    """Return the folder of a trial's training; what another point left there is taken away.

    A search that goes on may not know of the trials of its last moments, and give their numbers to other points.

    Args:
        folder: of the search.
        trial: its name.
        where: its point.
    """
    place = folder / TRIALS / trial
    told = json.dumps(where, sort_keys=True)
    if place.is_dir() and (not (place / POINT).is_file() or (place / POINT).read_text() != told):
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    write(place / POINT, told)
    return place


def leave(folder: Path, trial: str) -> None:
    """Take away what a trial would go on from: it is over."""
    shutil.rmtree(folder / TRIALS / trial / STATE, ignore_errors=True)


def followed(training: Training, place: Path) -> Iterator[Progress]:
    """Follow the training of one worker from where it was killed; yield after each epoch, with the last one known.

    Checkpoints inside of epochs are written when they are due, those behind an epoch where they take a twentieth of the
    time at most: most trials are short.

    Args:
        training: of the trial.
        place: folder of the trial's training.

    Raises:
        TrainError: there are checkpoints, and none is whole; or training ends so.
    """
    resumed = checkpoint.resume(checkpoints(place), training.engine)
    if resumed.folder is not None and resumed.progress.begun is None:
        yield resumed.progress
    took, at = 0.0, time.monotonic()
    for progress in training.checkpoints(resumed.progress):
        if progress.begun is not None or time.monotonic() - at >= SHARE * took:
            begun = time.monotonic()
            _save(place, progress, training)
            at = time.monotonic()
            took = at - begun
        if progress.begun is None:
            yield progress


def _save(place: Path, progress: Progress, training: Training) -> None:
    """Write a checkpoint as a whole, and then take away those before it."""
    before = checkpoints(place)
    steps = len(progress.begun.losses) if progress.begun else 0
    name = f"checkpoint_{len(progress.history):06}_{steps:09}"
    partial = place / STATE / f".{name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    checkpoint.save(partial, progress, training.engine)
    shutil.rmtree(place / STATE / name, ignore_errors=True)  # a damaged one that was passed over
    partial.rename(place / STATE / name)
    for folder in before:
        shutil.rmtree(folder, ignore_errors=True)
