"""The loop: phases of epochs of steps. It knows phases only, and neither Ray nor who steps."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import nn

from mgdist.data.batches import Batch, batches
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import Scores, named, quality, score, total_loss
from mgdist.job.spec import Job
from mgdist.train import group
from mgdist.train.checkpoint import Progress
from mgdist.train.engine import Engine
from mgdist.train.events import Epoch, Listener, better, nobody
from mgdist.train.losses import loss
from mgdist.train.pace import Pace
from mgdist.train.phases import Lesson, lessons, phases
from mgdist.train.schedule import rate
from mgdist_edge.tasks import Task


@dataclass(frozen=True)
class Training:
    """A network that learns from a data set. Every worker has one, and all do the same in step.

    Same seed and same workers give the same numbers, in one go or continued.

    Attributes:
        job: what is asked for.
        dataset: its training split is learned from, its validation split is measured on.
        engine: who steps.
        network: to measure with; not the one in the engine, but of the same shape.
        listen: hears this worker's steps and all epochs.
    """

    job: Job
    dataset: Dataset
    engine: Engine
    network: nn.Module
    listen: Listener = nobody

    def run(self, progress: Progress | None = None) -> Progress:
        """Train to the end; see :meth:`epochs`."""
        progress = progress or Progress()
        for reached in self.epochs(progress):
            progress = reached
        return progress

    def epochs(self, progress: Progress | None = None) -> Iterator[Progress]:
        """Train epoch by epoch, and yield after each how far it is.

        Args:
            progress: what was yielded last; with the engine's state of that moment, training goes on.

        Raises:
            TrainError: the loss is not a number any more, or the split does not fill a batch.
        """
        progress = progress or Progress()
        for lesson in self._lessons()[len(progress.history) :]:
            if self.is_over(progress):
                return
            progress = self._epoch(lesson, progress)
            self.listen(progress.history[-1])
            yield progress

    def is_over(self, progress: Progress) -> bool:
        """Tell whether all epochs are done, or too many in a row were no better."""
        patience = self.job.train.patience or math.inf
        return len(progress.history) == len(self._lessons()) or progress.stale >= patience

    def _lessons(self) -> tuple[Lesson, ...]:
        return lessons(phases(self.job, len(self.dataset.train)))

    def _epoch(self, lesson: Lesson, progress: Progress) -> Progress:
        started = time.monotonic()
        losses = self._learn(lesson)
        weights = self.engine.weights()
        self.network.load_state_dict(weights)
        scores = measure(self.network, self.dataset.tasks, self.dataset.valid)
        epoch = Epoch(
            phase=lesson.phase.name,
            epoch=lesson.epoch + 1,
            epochs=lesson.epochs,
            done=lesson.done + lesson.phase.steps,
            loss=math.fsum(losses) / len(losses),
            metrics=named(scores),
            quality=quality(scores),
            valid_loss=total_loss(scores, self.job.loss_weights),
            best=False,
            seconds=time.monotonic() - started,
            losses=losses,
        )
        if progress.history and not self._beats(epoch, progress.best):
            return Progress((*progress.history, epoch), progress.weights)
        return Progress((*progress.history, replace(epoch, best=True)), weights)

    def _beats(self, epoch: Epoch, best: Epoch) -> bool:
        spec = self.job.train
        return better(epoch.metric(spec), best.metric(spec), spec)

    def _learn(self, lesson: Lesson) -> tuple[float, ...]:
        """Read the training split once; return each step's loss, the mean of all workers."""
        spec, phase = self.job.train, lesson.phase
        _seed(self.job.seed, lesson.epoch)
        wanted = partial(loss, tasks=self.dataset.tasks, weights=self.job.loss_weights, smoothing=spec.label_smoothing)
        pace = Pace(lesson, spec.batch_size, self.listen)
        shares = self._batches(lesson.epoch)
        for step in range(phase.steps):
            lr = rate(spec, phase, lesson.learnt + step)
            pace.step(self.engine.step(list(islice(shares, spec.accumulate)), wanted, lr), lr)
        return tuple(group.mean(torch.stack(pace.losses)).tolist())

    def _batches(self, epoch: int) -> Iterator[Batch]:
        size = self.job.train.batch_size // self.job.train.accumulate
        seed = self.job.seed
        return batches(self.dataset.train, size=size, epoch=epoch, seed=seed, rank=group.rank(), world=group.size())


def measure(network: nn.Module, tasks: Mapping[str, Task], shard: Shard) -> dict[str, Scores]:
    """Return how good a network is on a split, which the workers share; the same scores on all of them."""
    found = answers(network, tasks, shard, group.rank(), group.size())
    whole = {name: group.gathered(outputs) for name, outputs in found.items()}
    return score(tasks, whole, shard.targets)


def _seed(seed: int, epoch: int) -> None:
    """Seed what draws the dropout: by epoch, so that a continued run draws the same, and by worker."""
    drawn = np.random.SeedSequence([seed, epoch, group.rank()]).generate_state(1, np.uint64)
    torch.manual_seed(int(drawn[0]))
