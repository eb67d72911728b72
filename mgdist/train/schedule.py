"""How the learning rate climbs and falls."""

import math
from collections.abc import Sequence
from typing import assert_never

from mgdist.job.phases import Phase
from mgdist.job.train import TrainSpec
from mgdist.train.events import Epoch, better


def rate(spec: TrainSpec, phase: Phase, step: int, falls: int = 0) -> float:
    """Return the learning rate of a step.

    It climbs in a line over the first ``spec.warmup`` of the phase, then falls to 0 at its end:
    in a half cosine (Loshchilov and Hutter, "SGDR", 2017), in a line, or not at all; or by a factor at each plateau.

    Args:
        spec: the shape.
        phase: its length and its highest rate.
        step: optimizer steps of this phase done so far, from 0.
        falls: plateaus behind it.
    """
    total = phase.epochs * phase.steps
    climb = math.ceil(spec.warmup * total)
    if step < climb:
        return phase.lr * (step + 1) / climb
    done = (step - climb) / max(1, total - climb)
    match spec.schedule:
        case "cosine":
            return phase.lr * (1 + math.cos(math.pi * done)) / 2
        case "linear":
            return phase.lr * (1 - done)
        case "constant":
            return phase.lr
        case "plateau":
            return float(phase.lr * spec.plateau.factor**falls)
        case never:
            assert_never(never)


def plateaus(spec: TrainSpec, phase: Phase, history: Sequence[Epoch]) -> int:
    """Return how often the metric stood still in a phase for longer than the patience, as torch counts it.

    From the epochs done alone, so that a continued training has the rate of an uninterrupted one.
    """
    found = waited = 0
    best: float | None = None
    for value in (epoch.metric(spec) for epoch in history if epoch.phase == phase.name):
        if best is None or better(value, best, spec):
            best, waited = value, 0
        else:
            waited += 1
        if waited > spec.plateau.patience:
            found, waited = found + 1, 0
    return found
