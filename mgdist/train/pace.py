"""How fast training goes, told about every second; and the watch for a loss that is no number."""

import math
import time
from collections.abc import Iterator
from itertools import islice

from torch import Tensor

from mgdist.data.batches import Batch
from mgdist.errors import DivergedError
from mgdist.train.events import Listener, Step
from mgdist.train.phases import Lesson

INTERVAL = 1.0
"""Seconds between two step events."""


class Pace:
    """Follows the steps of one epoch.

    Losses are looked at once an interval, not at each step: asking an accelerator for a number makes it wait.

    Args:
        lesson: the epoch.
        examples: of one optimizer step, over all workers.
        listen: hears the step events.
        before: steps of the epoch that were done earlier.
    """

    def __init__(self, lesson: Lesson, examples: int, listen: Listener, before: int) -> None:
        self.lesson, self.examples, self.listen, self.before = lesson, examples, listen, before
        self.losses: list[Tensor] = []
        self.told, self.waited, self.lr = 0, 0.0, 0.0
        self.at = time.monotonic()

    def ready(self, batches: Iterator[Batch], count: int) -> list[Batch]:
        """Return the next batches, and note how long that took: as long the step has waited for its data."""
        begin = time.monotonic()
        found = list(islice(batches, count))
        self.waited += time.monotonic() - begin
        return found

    def step(self, loss: Tensor, lr: float) -> None:
        """Note a step that was done.

        Raises:
            DivergedError: the loss of this or of an earlier step is not a finite number.
        """
        self.losses.append(loss)
        self.lr = lr
        if time.monotonic() - self.at >= INTERVAL:
            self.tell()

    def tell(self) -> None:
        """Look at the losses since the last time, and tell how it goes.

        Raises:
            DivergedError: one of them is not a finite number.
        """
        if self.told < len(self.losses):
            self._tell(time.monotonic() - self.at, self.lr)
        self.told, self.waited, self.at = len(self.losses), 0.0, time.monotonic()

    def pass_over(self) -> None:
        """Let the time since the last event count for nothing: it went into something else than steps."""
        self.at = time.monotonic()

    def _tell(self, elapsed: float, lr: float) -> None:
        lesson, step = self.lesson, self.before + len(self.losses)
        recent = [float(loss) for loss in self.losses[self.told :]]
        for place, loss in enumerate(recent, start=self.before + self.told + 1):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"train: expected a finite loss; got {loss} at step {place} of epoch {lesson.epoch + 1}, at a "
                    f"learning rate of {lr:.3g}; make train.lr smaller, train.warmup longer or train.clip tighter"
                )
        speed = len(recent) / max(elapsed, 1e-9)
        done = lesson.done + step
        total = lesson.epochs * lesson.phase.steps
        self.listen(
            Step(
                phase=lesson.phase.name,
                epoch=lesson.epoch + 1,
                step=step,
                steps=lesson.phase.steps,
                done=done,
                loss=math.fsum(recent) / len(recent),
                lr=lr,
                samples_per_second=speed * self.examples,
                seconds_left=(total - done) / speed,
                waiting=self.waited / max(elapsed, 1e-9),
            )
        )
