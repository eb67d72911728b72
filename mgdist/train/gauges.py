"""Where a training stands, for Prometheus: gauges that Ray exports on each node, as ``ray_mgdist_...``."""

import math
import time
from collections.abc import Mapping
from pathlib import Path

from ray.util.metrics import Gauge

from mgdist.train.events import Epoch, Step

TAGS = ("job_name", "run", "trial")
"""Not "job", which is a label of Prometheus itself."""
EVERY = 1.0
"""Seconds between two values; Prometheus asks less often."""
STATES = ("running", "done", "stopped", "failed")
TOLD = {
    "samples_per_second": "Samples that all workers learned from in a second.",
    "loss": "Mean training loss of the first worker over the last second.",
    "learning_rate": "Learning rate of the last step.",
    "seconds_left": "Until the last epoch's end at this speed, without evaluations.",
    "waiting": "Share of the time that the first worker's steps waited for their data, over the last second.",
    "epoch": "Epochs done.",
    "valid_loss": "Mean loss on the validation split after the last epoch.",
    "quality": "What the task is judged by, on the validation split, after the last epoch; higher is better.",
    "checkpoint_time_seconds": "When the last checkpoint was written, in seconds since 1970.",
}
TRIALS = "Trials of a search by state: " + ", ".join(STATES) + "."


class Gauges:
    """What one training tells; to be made in a process of Ray.

    Args:
        job: its name.
        folder: of the training, in that of its run.
        trial: name of the trial that it is; None: as the folder says.
    """

    def __init__(self, job: str, folder: Path, trial: str | None = None) -> None:
        within = folder.name if folder.parent.name == "trials" else ""
        self._tags = {"job_name": job, "run": run_of(folder), "trial": within if trial is None else trial}
        self._gauges = {name: Gauge(f"mgdist_{name}", text, TAGS) for name, text in TOLD.items()}
        self._next = -math.inf

    def __call__(self, event: Step | Epoch) -> None:
        """Tell of an event."""
        if isinstance(event, Epoch):
            self._set(epoch=event.epoch, valid_loss=event.valid_loss, quality=event.quality)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._set(loss=event.loss, learning_rate=event.lr, waiting=event.waiting)
            self._set(samples_per_second=event.samples_per_second, seconds_left=event.seconds_left)

    def checkpointed(self) -> None:
        """Tell that a checkpoint was written just now."""
        self._set(checkpoint_time_seconds=time.time())

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            if math.isfinite(value):  # a loss that is none is an error, which is told elsewhere
                self._gauges[name].set(value, self._tags)


class TrialGauge:
    """How many trials of a search are in which state.

    Args:
        job: its name.
        folder: of the search, in that of its run.
        states: of the trials so far, by number, where a search goes on.
    """

    def __init__(self, job: str, folder: Path, states: Mapping[int, str]) -> None:
        self._tags = {"job_name": job, "run": run_of(folder)}
        self._gauge = Gauge("mgdist_trials", TRIALS, ("job_name", "run", "state"))
        self._states = dict(states)

    def __call__(self, trial: int, state: str) -> None:
        """Tell that a trial is in a state, one of ``STATES``."""
        self._states[trial] = state
        found = list(self._states.values())
        for each in STATES:
            self._gauge.set(found.count(each), {**self._tags, "state": each})


def run_of(folder: Path) -> str:
    """Return the name of the run that a folder is in: the folder with ``job.yaml``; its own where there is none."""
    return next((each.name for each in folder.resolve().parents if (each / "job.yaml").is_file()), folder.name)
