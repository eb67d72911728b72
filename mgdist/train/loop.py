"""The loop: phases of epochs of steps. It knows phases only, and neither Ray nor who steps."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from mgdist.data.batches import Batch, batches
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import Scores, named, quality, score, total_loss
from mgdist.job.phases import Phase
from mgdist.job.spec import Job
from mgdist.models.uncertainty import ROOM, loss_weights
from mgdist.train import group
from mgdist.train.balance import class_weights, shares
from mgdist.train.checkpoint import Progress
from mgdist.train.compute import step_flops
from mgdist.train.engine import Engine, Weights
from mgdist.train.events import Epoch, Listener, better, nobody
from mgdist.train.losses import of_phase
from mgdist.train.mixup import mixed
from mgdist.train.pace import Pace
from mgdist.train.phases import Lesson, narrowed, next_lesson, phases
from mgdist.train.schedule import plateaus, rate
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
        while lesson := self._next(progress):
            progress = self._epoch(lesson, progress)
            self.listen(progress.history[-1])
            yield progress

    def is_over(self, progress: Progress) -> bool:
        """Tell whether all phases are done; one ends early where too many epochs in a row were no better."""
        return self._next(progress) is None

    def _next(self, progress: Progress) -> Lesson | None:
        stale = progress.stale >= (self.job.train.patience or math.inf)
        return next_lesson(phases(self.job, len(self.dataset.train)), progress.history, stale=stale)

    def _epoch(self, lesson: Lesson, progress: Progress) -> Progress:
        started = time.monotonic()
        losses, flops = self._learn(lesson, plateaus(self.job.train, lesson.phase, progress.history))
        weights = self.engine.weights()
        scores = self._measure(lesson.phase, weights)
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
            flops=flops + (progress.history[-1].flops if progress.history else 0.0),
            losses=losses,
            loss_weights=self._loss_weights(weights),
        )
        if lesson.learnt and not self._beats(epoch, progress.best):
            return Progress((*progress.history, epoch), progress.weights)
        return Progress((*progress.history, replace(epoch, best=True)), shipped(weights))

    def _loss_weights(self, weights: Weights) -> dict[str, float]:
        """Return how much the loss of each head counts now, where that is learned."""
        learned = [value for name, value in weights.items() if name.startswith(ROOM)]
        return loss_weights(learned[0].tolist(), self.dataset.tasks) if learned else {}

    def _measure(self, phase: Phase, weights: Weights) -> dict[str, Scores]:
        """Measure on the validation split what learns in a phase, on what it reads."""
        self.network.load_state_dict(weights)
        return measure(Judged(self.network, phase), self.dataset.tasks, narrowed(self.job, phase, self.dataset.valid))

    def _beats(self, epoch: Epoch, best: Epoch) -> bool:
        spec = self.job.train
        return better(epoch.metric(spec), best.metric(spec), spec)

    def _learn(self, lesson: Lesson, falls: int) -> tuple[tuple[float, ...], float]:
        """Read the training split once; return each step's loss, the mean of all workers, and what they computed."""
        spec, phase, tasks = self.job.train, lesson.phase, self.dataset.tasks
        _seed(self.job.seed, lesson.epoch)
        wanted = partial(
            of_phase,
            phase=phase,
            tasks=tasks,
            weights=self.job.loss_weights,
            smoothing=spec.label_smoothing,
            balance=class_weights(tasks, self.dataset.train) if spec.class_weights else {},
        )
        pace, flops = Pace(lesson, spec.batch_size, self.listen), 0.0
        outputs = {name: task.outputs for name, task in tasks.items()}
        self.engine.begin(phase, fresh=lesson.learnt == 0 and lesson.epoch > 0)
        read = self._batches(lesson)
        for step in range(phase.steps):
            part = list(islice(read, spec.accumulate))
            flops += sum(step_flops(self.job, phase, outputs, each) for each in part)
            lr = rate(spec, phase, lesson.learnt + step, falls)
            pace.step(self.engine.step(part, wanted, lr), lr)
        everywhere = group.mean(torch.tensor(flops, dtype=torch.float64, device=group.device())) * group.size()
        return tuple(group.mean(torch.stack(pace.losses)).tolist()), float(everywhere)

    def _batches(self, lesson: Lesson) -> Iterator[Batch]:
        size = self.job.train.batch_size // self.job.train.accumulate
        shard = narrowed(self.job, lesson.phase, self.dataset.train)
        seed, rank = self.job.seed, group.rank()
        drawn = shares(self.dataset.tasks, shard) if self.job.train.sampling else None
        found = batches(shard, size=size, epoch=lesson.epoch, seed=seed, rank=rank, world=group.size(), shares=drawn)
        mixup = self.job.train.mixup
        if mixup is None:
            return found
        return (
            mixed(each, mixup, np.random.default_rng([seed, lesson.epoch, place, rank, 1]))
            for place, each in enumerate(found)
        )


class Judged(nn.Module):
    """A network as a phase is judged: by its heads, or by the auxiliary ones where only these learn.

    Args:
        network: whole.
        phase: tells what runs.
    """

    def __init__(self, network: nn.Module, phase: Phase) -> None:
        super().__init__()
        self.network, self.phase = network, phase
        self.watches = "" if phase.heads else f"{next(iter(phase.auxiliary))}:"

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the outputs by head."""
        outputs = self.network(batch, replace(self.phase, auxiliary={}) if self.phase.heads else self.phase)
        return {name.removeprefix(self.watches): values for name, values in outputs.items()}


def shipped(weights: Weights) -> Weights:
    """Return the weights of what ships: all but those of auxiliary heads, and how uncertain the heads are."""
    return {name: values for name, values in weights.items() if not name.startswith(("auxiliary.", ROOM))}


def measure(network: nn.Module, tasks: Mapping[str, Task], shard: Shard) -> dict[str, Scores]:
    """Return how good a network is on a split, which the workers share; the same scores on all of them."""
    found = answers(network, tasks, shard, group.rank(), group.size())
    whole = {name: group.gathered(outputs) for name, outputs in found.items()}
    return score(tasks, whole, shard.targets)


def _seed(seed: int, epoch: int) -> None:
    """Seed what draws the dropout: by epoch, so that a continued run draws the same, and by worker."""
    drawn = np.random.SeedSequence([seed, epoch, group.rank()]).generate_state(1, np.uint64)
    torch.manual_seed(int(drawn[0]))
