"""The loop: phases of epochs of steps. It knows phases only, and neither Ray nor who steps."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from torch import Tensor, nn

from mgdist.compress.grid import Grid, on_grids
from mgdist.data.ahead import ahead
from mgdist.data.batches import Batch, batches
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import Scores, named, quality, score, total_loss
from mgdist.job.phases import Phase
from mgdist.job.spec import Job
from mgdist.job.train_conflicts import accumulated
from mgdist.models.uncertainty import ROOM, loss_weights
from mgdist.train import group
from mgdist.train.balance import class_weights, shares
from mgdist.train.chance import draw
from mgdist.train.compute import step_flops
from mgdist.train.engine import Engine, Loss, Weights
from mgdist.train.events import Epoch, Listener, better, nobody
from mgdist.train.interval import Interval
from mgdist.train.losses import of_phase
from mgdist.train.mixup import mixed
from mgdist.train.pace import Pace
from mgdist.train.phases import Lesson, narrowed, next_lesson, phases
from mgdist.train.progress import Begun, Progress
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
        grids: that the weights it leaves lie on, by the name of the parameter; empty where they may be any numbers.
    """

    job: Job
    dataset: Dataset
    engine: Engine
    network: nn.Module
    listen: Listener = nobody
    grids: Mapping[str, Grid] = field(default_factory=dict)

    def run(self, progress: Progress | None = None) -> Progress:
        """Train to the end; see :meth:`checkpoints`."""
        progress = progress or Progress()
        for reached in self.epochs(progress):
            progress = reached
        return progress

    def epochs(self, progress: Progress | None = None) -> Iterator[Progress]:
        """Train epoch by epoch, and yield after each how far it is; see :meth:`checkpoints`."""
        return (reached for reached in self.checkpoints(progress) if reached.begun is None)

    def checkpoints(self, progress: Progress | None = None) -> Iterator[Progress]:
        """Train, and yield how far it is after each epoch, and inside of one whenever a checkpoint is due.

        Args:
            progress: what was yielded last; with the engine's state of that moment, training goes on.

        Raises:
            DivergedError: the loss is not a number any more.
            TrainError: the split does not fill a batch.
        """
        progress = progress or Progress()
        while lesson := self._next(progress):
            for reached in self._epoch(lesson, progress):
                progress = reached
                yield progress

    def is_over(self, progress: Progress) -> bool:
        """Tell whether all phases are done; one ends early where too many epochs in a row were no better."""
        return self._next(progress) is None

    def _next(self, progress: Progress) -> Lesson | None:
        stale = progress.stale >= (self.job.train.patience or math.inf)
        return next_lesson(phases(self.job, len(self.dataset.train)), progress.history, stale=stale)

    def _epoch(self, lesson: Lesson, progress: Progress) -> Iterator[Progress]:
        started = time.monotonic() - (progress.begun.seconds if progress.begun else 0.0)
        falls = plateaus(self.job.train, lesson.phase, progress.history)
        for learnt in self._learn(lesson, falls, progress.begun):
            begun = replace(learnt, seconds=time.monotonic() - started)
            if len(begun.losses) < lesson.phase.steps:
                yield replace(progress, begun=begun)
        reached = self._measured(lesson, progress, begun, started)
        self.listen(reached.history[-1])
        yield reached

    def _measured(self, lesson: Lesson, progress: Progress, begun: Begun, started: float) -> Progress:
        """Return how far a training is with an epoch whose last step was done."""
        weights = on_grids(self.engine.weights(), self.grids)
        scores = self._measure(lesson.phase, weights)
        epoch = Epoch(
            phase=lesson.phase.name,
            epoch=lesson.epoch + 1,
            epochs=lesson.epochs,
            done=lesson.done + lesson.phase.steps,
            loss=math.fsum(begun.losses) / len(begun.losses),
            metrics=named(scores),
            quality=quality(scores),
            valid_loss=total_loss(scores, self.job.loss_weights),
            best=False,
            seconds=time.monotonic() - started,
            flops=begun.flops + (progress.history[-1].flops if progress.history else 0.0),
            losses=begun.losses,
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

    def _learn(self, lesson: Lesson, falls: int, begun: Begun | None) -> Iterator[Begun]:
        """Read the training split once, or what is left of it; yield whenever a checkpoint is due, and at the end."""
        spec, phase = self.job.train, lesson.phase
        first = 0 if begun is None else len(begun.losses)
        every = accumulated(spec, group.size())
        wanted, cost = self._wanted(phase), self._cost(phase)
        self.engine.begin(phase, fresh=lesson.learnt == 0 and lesson.epoch > 0 and begun is None)
        begun = begun or Begun()
        draw(begun.random, self.job.seed, lesson.epoch, first)
        pace, flops, due = Pace(lesson, spec.batch_size, self.listen, first), 0.0, Interval(spec.checkpoint, first)
        read = self._batches(lesson, every, first)
        for step in range(first, phase.steps):
            part = pace.ready(read, every)
            flops += sum(map(cost, part))
            lr = rate(spec, phase, lesson.learnt + step, falls)
            pace.step(self.engine.step(part, wanted, lr), lr)
            if step + 1 == phase.steps or due.is_over(step + 1):
                pace.tell()  # what led to a loss that is no number is not worth a checkpoint
                at = time.monotonic()
                yield begun.after(pace.losses, flops)
                pace.pass_over()
                due.restart(step + 1, time.monotonic() - at)

    def _wanted(self, phase: Phase) -> Loss:
        """Return what a phase makes small."""
        spec, tasks = self.job.train, self.dataset.tasks
        return partial(
            of_phase,
            phase=phase,
            tasks=tasks,
            weights=self.job.loss_weights,
            smoothing=spec.label_smoothing,
            balance=class_weights(tasks, self.dataset.train) if spec.class_weights else {},
            spreads={level: float(said.var(0).mean()) for level, said in self.dataset.train.states.items()},
        )

    def _cost(self, phase: Phase) -> Callable[[Batch], float]:
        outputs = {name: task.outputs for name, task in self.dataset.tasks.items()}
        return step_flops(self.job, phase, outputs)

    def _batches(self, lesson: Lesson, every: int, first: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, of which every so many are one step; those of the first steps are left out."""
        shard = narrowed(self.job, lesson.phase, self.dataset.train)
        seed, rank, skip = self.job.seed, group.rank(), first * every
        found = batches(
            shard,
            size=self.job.train.batch_size // every,
            epoch=lesson.epoch,
            seed=seed,
            rank=rank,
            world=group.size(),
            skip=skip,
            shares=shares(self.dataset.tasks, shard) if self.job.train.sampling else None,
        )
        mixup = self.job.train.mixup
        if mixup is not None:
            found = (
                mixed(each, mixup, np.random.default_rng([seed, lesson.epoch, place, rank, 1]))
                for place, each in enumerate(found, skip)
            )
        return ahead(found)


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
    """Return the weights of what ships: all but what only its training needs."""
    return {name: values for name, values in weights.items() if not name.startswith(("auxiliary.", "hints.", ROOM))}


def measure(network: nn.Module, tasks: Mapping[str, Task], shard: Shard) -> dict[str, Scores]:
    """Return how good a network is on a split, which the workers share; the same scores on all of them."""
    found = answers(network, tasks, shard, group.rank(), group.size())
    whole = {name: group.gathered(outputs) for name, outputs in found.items()}
    return score(tasks, whole, shard.targets)
