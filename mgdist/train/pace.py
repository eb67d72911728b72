"""How fast training goes, told about every second; and the watch for a loss that is no number."""

import math
import time

from torch import Tensor

from mgdist.errors import TrainError
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
    """

    def __init__(self, lesson: Lesson, examples: int, listen: Listener) -> None:
        self.lesson, self.examples, self.listen = lesson, examples, listen
        self.losses: list[Tensor] = []
        self.told = 0
        self.at = time.monotonic()

    def step(self, loss: Tensor, lr: float) -> None:
        """Note a step that was done.

        Raises:
            TrainError: the loss of this or of an earlier step is not a finite number.
        """
        self.losses.append(loss)
        elapsed = time.monotonic() - self.at
        last = len(self.losses) == self.lesson.phase.steps
        if elapsed >= INTERVAL or last:
            self._tell(elapsed, lr)
            self.told, self.at = len(self.losses), time.monotonic()

    def _tell(self, elapsed: float, lr: float) -> None:
        lesson, step = self.lesson, len(self.losses)
        recent = [float(loss) for loss in self.losses[self.told :]]
        for place, loss in enumerate(recent, start=self.told + 1):
            if not math.isfinite(loss):
                raise TrainError(
                    f"train: expected a finite loss; got {loss} at step {place} of epoch {lesson.epoch + 1}, at a "
                    f"learning rate of {lr:.3g}; make train.lr smaller, train.warmup longer or train.clip tighter"
                )
        speed = (step - self.told) / max(elapsed, 1e-9)
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
            )
        )
