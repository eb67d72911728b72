"""Where a training stands, for Prometheus: gauges that Ray exports on each node, as ``ray_mgdist_...``."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Thread

from ray.util.metrics import Gauge

from mgdist.train.events import Epoch, Step

TAGS = ("job_name", "run", "trial")
"""Not "job", which is a label of Prometheus itself."""
EVERY = 1.0
"""Seconds between two values of a step; Prometheus asks less often."""
AGAIN = 2.0
"""Seconds after which Ray is told the same again: it forgets a gauge that was not set since its last report."""
LAST = 15.0
"""Seconds for which the last values are told still: Ray reports every ten, and can lose what is set while it does."""
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


class Held:
    """Gauges that keep their last value until ``LAST`` seconds after they are closed, also where a worker hangs.

    Args:
        gauges: by name.
    """

    def __init__(self, gauges: Mapping[str, Gauge]) -> None:
        self._gauges, self._lock, self._until = gauges, Lock(), math.inf
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        Thread(target=self._tell_on, name="gauges", daemon=True).start()

    def set(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Tell a value; one that is no number is told elsewhere, and the one before stays."""
        if math.isfinite(value):
            with self._lock:
                self._values[name, tuple(tags.items())] = value
            self._gauges[name].set(value, dict(tags))

    def close(self) -> None:
        """Tell the last values once more, and then nothing."""
        self._until = time.monotonic() + LAST

    def _tell_on(self) -> None:
        while time.monotonic() < self._until:
            time.sleep(AGAIN)
            with self._lock:
                found = list(self._values.items())
            for (name, tags), value in found:
                self._gauges[name].set(value, dict(tags))


class Gauges:
    """What one training tells; to be made in a process of Ray.

    Args:
        job: its name.
        run: name of its run.
        folder: of the training.
        trial: name of the trial that it is; None: as the folder says.
    """

    def __init__(self, job: str, run: str, folder: Path, trial: str | None = None) -> None:
        within = folder.name if folder.parent.name == "trials" else ""
        self._tags = {"job_name": job, "run": run, "trial": within if trial is None else trial}
        self._held = Held({name: Gauge(f"mgdist_{name}", text, TAGS) for name, text in TOLD.items()})
        self._next = -math.inf

    def __call__(self, event: Step | Epoch) -> None:
        """Tell of an event."""
        if isinstance(event, Epoch):
            self._set(epoch=float(event.epoch), valid_loss=event.valid_loss, quality=event.quality)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._set(loss=event.loss, learning_rate=event.lr, waiting=event.waiting)
            self._set(samples_per_second=event.samples_per_second, seconds_left=event.seconds_left)

    def checkpointed(self) -> None:
        """Tell that a checkpoint was written just now."""
        self._set(checkpoint_time_seconds=time.time())

    def _set(self, **values: float) -> None:
        for name, value in values.items():
            self._held.set(name, value, self._tags)

    def close(self) -> None:
        """Tell the last values once more, and then nothing."""
        self._held.close()


class TrialGauge:
    """How many trials of a search are in which state.

    Args:
        job: its name.
        folder: of the search, in that of its run.
        states: of the trials so far, by number, where a search goes on.
    """

    def __init__(self, job: str, folder: Path, states: Mapping[int, str]) -> None:
        self._tags = {"job_name": job, "run": run_of(folder)}
        self._held = Held({"trials": Gauge("mgdist_trials", TRIALS, ("job_name", "run", "state"))})
        self._states = dict(states)

    def __call__(self, trial: int, state: str) -> None:
        """Tell that a trial is in a state, one of ``STATES``."""
        self._states[trial] = state
        found = list(self._states.values())
        for each in STATES:
            self._held.set("trials", float(found.count(each)), {**self._tags, "state": each})

    def close(self) -> None:
        """Tell the last values once more, and then nothing."""
        self._held.close()


def run_of(folder: Path) -> str:
    """Return the name of the run that a folder is in: the folder with ``job.yaml``; its own where there is none."""
    return next((each.name for each in folder.resolve().parents if (each / "job.yaml").is_file()), folder.name)
