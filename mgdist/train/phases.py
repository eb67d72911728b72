"""A training as a list of phases: stretches in which the same parameters learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mgdist.errors import TrainError
from mgdist.job.spec import Job


@dataclass(frozen=True)
class Phase:
    """A stretch of training.

    Attributes:
        name: as it is shown and logged.
        epochs: times that the training split is read at most.
        steps: optimizer steps of one epoch.
        lr: highest learning rate.
        learns: the parameters that change.
    """

    name: str
    epochs: int
    steps: int
    lr: float
    learns: Literal["all"] = "all"


def phases(job: Job, rows: int) -> tuple[Phase, ...]:
    """Return the phases of a job, in order. Today that is one, in which all levels learn together.

    Args:
        job: what is asked for.
        rows: examples of the training split.

    Raises:
        TrainError: the split does not fill one batch.
    """
    train = job.train
    steps = rows // train.batch_size
    if steps == 0:
        raise TrainError(
            f"train.batch_size: expected at most the {rows} rows of the training split; got {train.batch_size}; "
            "make it smaller, or give more rows"
        )
    return (Phase("joint", train.epochs, steps, train.lr),)


@dataclass(frozen=True)
class Lesson:
    """One epoch of a training.

    Attributes:
        phase: what it belongs to.
        epoch: from 0, over all phases.
        epochs: of all phases.
        learnt: optimizer steps of this phase done before it.
        done: optimizer steps of all phases done before it.
    """

    phase: Phase
    epoch: int
    epochs: int
    learnt: int
    done: int


def lessons(plan: Sequence[Phase]) -> tuple[Lesson, ...]:
    """Return the epochs of all phases, in order."""
    total = sum(phase.epochs for phase in plan)
    found: list[Lesson] = []
    done = 0
    for phase in plan:
        for epoch in range(phase.epochs):
            found.append(Lesson(phase, len(found), total, epoch * phase.steps, done))
            done += phase.steps
    return tuple(found)
