"""How the learning rate climbs and falls."""

import math
from typing import assert_never

from mgdist.job.train import TrainSpec
from mgdist.train.phases import Phase


def rate(spec: TrainSpec, phase: Phase, step: int) -> float:
    """Return the learning rate of a step.

    It climbs in a line over the first ``spec.warmup`` of the phase, then falls to 0 at its end:
    in a half cosine (Loshchilov and Hutter, "SGDR", 2017), in a line, or not at all.

    Args:
        spec: the shape.
        phase: its length and its highest rate.
        step: optimizer steps of this phase done so far, from 0.
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
        case never:
            assert_never(never)
