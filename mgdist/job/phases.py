"""A training as a list of phases: stretches in which the same parameters learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from mgdist.job.shapes import Shape, shapes
from mgdist.job.spec import Job
from mgdist.job.strategy import GrowSpec, GrowStepSpec, JointSpec, StagedSpec

TOP = "top"
"""The part of a network above its levels: fusion and heads."""


@dataclass(frozen=True)
class Part:
    """How much of an encoder runs.

    Attributes:
        layers: the first so many; None for all.
        width: share of its hidden numbers that are computed, the first ones.
    """

    layers: int | None = None
    width: float = 1.0


WHOLE = Part()
"""All of an encoder."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training.

    Attributes:
        name: as it is shown and logged; no two of a training are alike.
        epochs: times that the training split is read at most.
        lr: highest learning rate.
        levels: those that run; the others are not even cut.
        rates: part (a level, or TOP) -> factor of its learning rate, 1 where it is not named; 0: it stays as it is.
        heads: weight of the loss of fusion and heads; 0: they do not run.
        auxiliary: level -> weight of the loss of its auxiliary heads; they do not run where it is not named.
        units: level -> units of an example that are read at most.
        scales: level -> by how much coarser than asked for its raw view is read; not at all where it is not named.
        parts: level -> how much of its encoder runs; all of it where it is not named.
        teacher: share of the loss that looks at a teacher's answers; 0: none is looked at.
        temperature: at which probabilities are compared with the teacher's.
        states: weight of the loss that compares what the levels say with what the teacher's say; 0: not compared.
        steps: optimizer steps of one epoch; 0 as long as the rows are not counted.
    """

    name: str
    epochs: int
    lr: float
    levels: tuple[str, ...]
    rates: Mapping[str, float] = field(default_factory=dict)
    heads: float = 1.0
    auxiliary: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    scales: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    teacher: float = 0.0
    temperature: float = 1.0
    states: float = 0.0
    steps: int = 0

    def rate(self, part: str) -> float:
        """Return the factor of the learning rate of a part; 0 of one that does not run."""
        runs = self.heads > 0 if part == TOP else part in self.levels
        return self.rates.get(part, 1.0) if runs else 0.0


def phases(job: Job) -> tuple[Phase, ...]:
    """Return the phases of a job, in order; the last one trains what ships. A teacher is looked at in all of them."""
    distil = job.train.distil
    plan = _of_strategy(job)
    if distil is None:
        return plan
    return tuple(
        replace(phase, teacher=distil.weight, temperature=distil.temperature, states=distil.states) for phase in plan
    )


def _of_strategy(job: Job) -> tuple[Phase, ...]:
    levels = shapes(job)
    names = tuple(shape.name for shape in levels)
    whole = Phase("joint", job.train.epochs, job.train.lr, names)
    match job.train.strategy:
        case JointSpec():
            return (whole,)
        case StagedSpec() as staged:
            order = order_of(staged, names)
            stages = [_stage(job, staged, levels, order, place) for place in range(len(order))]
            slow = {} if staged.lr_factor == 1 else dict.fromkeys(order, staged.lr_factor)
            watched = dict.fromkeys(order, staged.auxiliary) if staged.auxiliary else {}
            return (*stages, Phase("joint", whole.epochs, whole.lr, names, rates=slow, auxiliary=watched))
        case GrowSpec(steps=steps):
            grown = [
                replace(whole, name=f"grow_{place}", epochs=step.epochs, **_less(step))
                for place, step in enumerate(steps, start=1)
            ]
            return (*grown, whole)
        case _ as never:
            assert_never(never)


def _less(step: GrowStepSpec) -> dict[str, Any]:
    parts = {
        name: Part(step.layers.get(name), step.width.get(name, 1.0))
        for name in dict.fromkeys([*step.layers, *step.width])
    }
    return {"units": step.units, "scales": step.scale, "parts": parts}


def narrowest(job: Job) -> dict[str, float]:
    """Return the smallest share of the hidden numbers of each level's encoder that a phase computes, if not all."""
    found: dict[str, float] = {}
    for phase in phases(job):
        for name, part in phase.parts.items():
            found[name] = min(part.width, found.get(name, 1.0))
    return {name: share for name, share in found.items() if share < 1}


def order_of(staged: StagedSpec, names: Sequence[str]) -> tuple[str, ...]:
    """Return the granularities that have a stage, in the order of the stages."""
    match staged.order:
        case "fine_to_coarse":
            return tuple(names)
        case "coarse_to_fine":
            return tuple(reversed(names))
        case order:
            return order


def watched(job: Job) -> tuple[str, ...]:
    """Return the levels that have auxiliary heads while they are trained, finest first."""
    found = {level for phase in phases(job) for level in phase.auxiliary}
    return tuple(shape.name for shape in shapes(job) if shape.name in found)


def needed(levels: Sequence[Shape], name: str) -> tuple[str, ...]:
    """Return a level and those that it builds on, finest first."""
    chain: list[str] = []
    for shape in levels:
        chain = [shape.name] if shape.reads == "raw" else [*chain, shape.name]
        if shape.name == name:
            return tuple(chain)
    raise AssertionError(f"no level is called {name}")


def _stage(job: Job, staged: StagedSpec, levels: Sequence[Shape], order: Sequence[str], place: int) -> Phase:
    name = order[place]
    runs = needed(levels, name)
    learnt = () if staged.freeze else order[:place]
    epochs = staged.epochs if isinstance(staged.epochs, int) else staged.epochs.get(name, 1)
    rates = {level: 0.0 for level in runs if level != name and level not in learnt}
    return Phase(name, epochs, job.train.lr, runs, rates=rates, heads=0.0, auxiliary={name: 1.0})
