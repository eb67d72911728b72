"""Phases with their steps counted, and the epochs that they come to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mgdist.data.dataset import Shard
from mgdist.errors import TrainError
from mgdist.job import phases as asked
from mgdist.job.phases import Phase
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.train.events import Epoch


def phases(job: Job, rows: int) -> tuple[Phase, ...]:
    """Return the phases of a job, in order.

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
    return tuple(replace(phase, steps=steps) for phase in asked.phases(job))


@dataclass(frozen=True)
class Lesson:
    """One epoch of a training.

    Attributes:
        phase: what it belongs to.
        epoch: from 0, over all phases.
        epochs: of all phases, at most.
        learnt: optimizer steps of this phase done before it.
        done: optimizer steps of all phases done before it.
    """

    phase: Phase
    epoch: int
    epochs: int
    learnt: int
    done: int


def next_lesson(plan: Sequence[Phase], history: Sequence[Epoch], *, stale: bool) -> Lesson | None:
    """Return the epoch that comes next; None where the training is over.

    Args:
        plan: all phases.
        history: the epochs done.
        stale: the phase of the last one shall end early.
    """
    names = [epoch.phase for epoch in history]
    place = [phase.name for phase in plan].index(names[-1]) if names else 0
    in_phase = names.count(plan[place].name)
    if in_phase == plan[place].epochs or (stale and in_phase):
        place, in_phase = place + 1, 0
    if place == len(plan):
        return None
    total = len(history) - in_phase + sum(phase.epochs for phase in plan[place:])
    done = history[-1].done if history else 0
    return Lesson(plan[place], len(history), total, in_phase * plan[place].steps, done)


def narrowed(job: Job, phase: Phase, shard: Shard) -> Shard:
    """Return a split as a phase reads it: only the levels that run, and no more of an example than asked for."""
    levels = shapes(job)
    if len(phase.levels) == len(levels) and not phase.units and not phase.scales:
        return shard
    places: dict[str, list[int]] = {}
    most: dict[str, dict[int, int]] = {}
    coarser: dict[str, dict[int, int]] = {}
    for name in job.inputs:
        for place, shape in enumerate(shape for shape in levels if shape.input == name):
            if shape.name in phase.levels:
                places.setdefault(name, []).append(place)
            if shape.name in phase.units:
                most.setdefault(name, {})[place] = phase.units[shape.name]
            if shape.name in phase.scales:
                coarser.setdefault(name, {})[place] = phase.scales[shape.name]
    return shard.narrowed(places, most, coarser)
