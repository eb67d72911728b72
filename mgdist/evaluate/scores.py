"""How good a network is, head by head, in numbers and in plain words.

Legend: N examples, K outputs of a head.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from mgdist.evaluate.classes import ClassScores, consistency, score_classes
from mgdist.evaluate.labels import LabelScores, score_labels
from mgdist.evaluate.values import ValueScores, score_forecast, score_values
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

Scores = ClassScores | LabelScores | ValueScores
Heads = Mapping[str, Scores]
"""The scores of each head, by name."""
KINDS = {each.kind: each for each in (ClassScores, LabelScores, ValueScores)}


def score(
    tasks: Mapping[str, Task],
    outputs: Mapping[str, Float[np.ndarray, "_ _"]],
    targets: Mapping[str, Shaped[np.ndarray, "_ *any"]],
) -> dict[str, Scores]:
    """Compare the outputs of each head with its targets, and with those of a finer head; N is at least 1."""
    found = {name: score_head(task, outputs[name], targets[name]) for name, task in tasks.items()}
    for name, task in tasks.items():
        scores = found[name]
        if isinstance(scores, ClassScores) and isinstance(task, Classify) and task.above is not None:
            share = consistency(outputs[name], outputs[task.above.head], np.array(task.above.parents))
            found[name] = replace(scores, consistent=share)
    return found


def score_head(task: Task, outputs: Float[np.ndarray, "N K"], targets: NDArray[Any]) -> Scores:
    """Compare the outputs of one head with its targets; N is at least 1."""
    match task:
        case Classify() | Ordinal() | Tag():
            return score_classes(outputs, targets)
        case MultiLabel():
            return score_labels(outputs, targets)
        case Regress():
            return score_values(outputs, targets)
        case Forecast():
            return score_forecast(task, outputs, targets)
        case _ as never:
            assert_never(never)


def quality(heads: Heads) -> float:
    """Return the mean over the heads of what each is chosen by: higher is better, and 1 is perfect."""
    return math.fsum(each.quality for each in heads.values()) / len(heads)


def total_loss(heads: Heads, weights: Mapping[str, float]) -> float:
    """Return the loss of all heads together, each with its weight, as it is trained for but without smoothing."""
    return math.fsum(weights.get(name, 1.0) * each.loss for name, each in heads.items())


def named(heads: Heads) -> dict[str, float]:
    """Return all numbers by name; with the head in front where there are several: ``coarse.accuracy``."""
    several = len(heads) > 1
    return {
        f"{head}.{name}" if several else name: value
        for head, each in heads.items()
        for name, value in each.metrics.items()
    }


def consistent(heads: Heads) -> dict[str, float]:
    """Return for each head that stands above a finer one, how often their answers agree."""
    shares = {name: each.consistent for name, each in heads.items() if isinstance(each, ClassScores)}
    return {name: share for name, share in shares.items() if share is not None}


def metric_name(heads: Heads) -> str:
    """Return what the quality is called."""
    if len(heads) > 1:
        return "quality"
    (only,) = heads.values()
    return next(iter(only.metrics))


def as_json(heads: Heads) -> dict[str, Any]:
    """Return plain mappings, lists and numbers."""
    return {name: {"kind": each.kind, **each.as_json()} for name, each in heads.items()}


def from_json(document: Mapping[str, Any]) -> dict[str, Scores]:
    """Return what :func:`as_json` was made of."""
    return {
        name: KINDS[fields["kind"]].from_json({key: value for key, value in fields.items() if key != "kind"})
        for name, fields in document.items()
    }


def verdict(network: Heads, baseline: Heads) -> tuple[str, ...]:
    """Say in plain words that a network is no better than chance, or worse than the simple baseline.

    Args:
        network: on some split.
        baseline: on the same rows; a head may lack one.

    Returns:
        one sentence for each; none for a network that beats both.
    """
    said = []
    for name, scores in network.items():
        of = f" at {name}" if len(network) > 1 else ""
        if (nothing := _nothing(scores)) is not None:
            said.append(f"The network has learned nothing{of}: {nothing}. Change train.lr or the encoders.")
        if name in baseline and scores.quality < baseline[name].quality:
            metric = next(iter(scores.metrics)).replace("_", " ")
            said.append(
                f"The network is below the simple baseline{of}: {metric} {scores.quality:.4f} against "
                f"{baseline[name].quality:.4f} on the same rows."
            )
    return tuple(said)


def _nothing(scores: Scores) -> str | None:
    """Return why scores are at chance: within two standard errors of what needs no input at all."""
    match scores:
        case ClassScores():
            chance = scores.chance
            if scores.accuracy > chance + 2 * math.sqrt(chance * (1 - chance) / scores.examples):
                return None
            return (
                f"its accuracy of {scores.accuracy:.4f} on {scores.examples:,} examples is what always naming the most "
                f"frequent class gives ({chance:.4f})"
            )
        case LabelScores():
            if scores.micro_f1 > scores.frequent_f1:
                return None
            return f"its micro F1 of {scores.micro_f1:.4f} is what always naming the frequent labels gives"
        case ValueScores():
            return f"its errors are as large as those of the mean (R2 {scores.r2:.4f})" if scores.r2 <= 0 else None
        case _ as never:
            assert_never(never)
