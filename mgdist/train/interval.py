"""When a checkpoint is due inside of an epoch: all workers ask at the same steps, and the first one's clock decides."""

import time

from mgdist.job.train import CheckpointSpec
from mgdist.train import group

SHARE = 19
"""Times as long as the last checkpoint took is learned at least before the next one: checkpoints take a twentieth."""


class Interval:
    """The time, or the steps, from one checkpoint of an epoch to the next.

    Workers that had to agree at every step would wait for each other, so that it is asked rarely while much is left.

    Args:
        spec: how long it is.
        step: of the epoch, at which it begins.
    """

    def __init__(self, spec: CheckpointSpec, step: int) -> None:
        self.steps, self.seconds = spec.steps, spec.seconds
        self.took = 0.0
        self._begin(step)

    def _begin(self, step: int) -> None:
        self.first, self.ask, self.at = step, step + 1, time.monotonic()

    def is_over(self, step: int) -> bool:
        """Tell, the same on all workers, whether a checkpoint is due after a step; each step is asked about in turn."""
        if self.steps is not None and step % self.steps == 0:
            return True
        if self.seconds is None or step < self.ask:
            return False
        elapsed, every = time.monotonic() - self.at, max(self.seconds, SHARE * self.took)
        half = (every - elapsed) / 2 * (step - self.first) / max(elapsed, 1e-9)
        ahead = group.of_first(0.0 if elapsed >= every else max(1.0, half))
        self.ask = step + int(ahead)
        return ahead == 0

    def restart(self, step: int, took: float) -> None:
        """Begin anew after a checkpoint, which took so many seconds."""
        self.took = took
        self._begin(step)
