"""What a phase makes small."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import assert_never

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from mgdist.data.batches import Batch, Mix
from mgdist.job.phases import Phase
from mgdist.models.network import UNCERTAINTY, auxiliary_name, said_name
from mgdist.models.uncertainty import share
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

UNBALANCED: Mapping[str, Tensor] = MappingProxyType({})
ALIKE: Mapping[str, float] = MappingProxyType({})
SMALLEST = 1e-7
"""Probability below which a teacher's answer counts as no smaller, so that its logit is a number."""


def loss(
    outputs: Mapping[str, Float[Tensor, "_ _"]],
    batch: Batch,
    *,
    tasks: Mapping[str, Task],
    weights: Mapping[str, float],
    smoothing: float,
    balance: Mapping[str, Float[Tensor, " K"]] = UNBALANCED,
    teacher: float = 0.0,
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """Return the mean loss of a batch: of all heads together, each with its weight.

    Args:
        outputs: of each head; and how uncertain they are, where that is learned.
        batch: with the targets, and with a teacher's answers where they are looked at.
        tasks: what each head answers.
        weights: how much the loss of a head counts; 1 where it has none.
        smoothing: share of a label's target spread over all labels.
        balance: for a head, how much each of its classes counts; 1 where it is not named.
        teacher: share of each head's loss that looks at the teacher's answers; the rest is that of the targets.
        temperature: at which probabilities are compared with the teacher's.
    """

    def told(name: str, task: Task) -> Tensor:
        aim = partial(of_head, task, outputs[name], smoothing=smoothing, balance=balance.get(name))
        mine = _mixed(aim, batch.targets[name].to(outputs[name].device), batch.mix)
        if not teacher:
            return mine
        aim = partial(of_teacher, task, outputs[name], temperature=temperature)
        return (1 - teacher) * mine + teacher * _mixed(aim, batch.taught[name].to(outputs[name].device), batch.mix)

    losses = {name: told(name, task) for name, task in tasks.items()}
    if UNCERTAINTY in outputs:
        return uncertain(losses, outputs[UNCERTAINTY].float().mean(0), tasks)
    total = sum(weights.get(name, 1.0) * each for name, each in losses.items())
    assert isinstance(total, Tensor), "there is a head at least"
    return total


def uncertain(
    losses: Mapping[str, Float[Tensor, ""]], log_variances: Float[Tensor, " H"], tasks: Mapping[str, Task]
) -> Float[Tensor, ""]:
    """Return the losses of all heads together, each divided by the variance of its head.

    Half of the logarithm of each variance is added, so that none grows without end. After Kendall, Gal and Cipolla,
    "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018.
    """
    shares = log_variances.new_tensor([share(task) for task in tasks.values()])
    of_heads = torch.stack([losses[name] for name in tasks])
    return (shares * torch.exp(-log_variances) * of_heads + log_variances / 2).sum()


def of_phase(
    outputs: Mapping[str, Float[Tensor, "_ _"]],
    batch: Batch,
    *,
    phase: Phase,
    tasks: Mapping[str, Task],
    weights: Mapping[str, float],
    smoothing: float,
    balance: Mapping[str, Float[Tensor, " K"]] = UNBALANCED,
    spreads: Mapping[str, float] = ALIKE,
) -> Float[Tensor, ""]:
    """Return what a phase makes small: the loss of the heads and of each level's auxiliary ones, each with its weight.

    Args:
        outputs: of each head that runs.
        batch: with the targets.
        phase: which heads count, and how much; and how much a teacher's answers and states do.
        tasks: what each head answers.
        weights: how much the loss of a head counts among all heads.
        smoothing: share of a label's target spread over all labels.
        balance: for a head, how much each of its classes counts.
        spreads: for a level, the variance of what a teacher's says; for each that is compared.
    """
    aim = partial(
        loss,
        tasks=tasks,
        weights=weights,
        smoothing=smoothing,
        balance=balance,
        teacher=phase.teacher,
        temperature=phase.temperature,
    )
    parts = []
    if phase.heads:
        parts.append(phase.heads * aim(outputs, batch))
    # A fused vector that is mixed is behind the summaries that the auxiliary heads read.
    unfused = replace(batch, mix=None) if batch.mix is not None and batch.mix.fused else batch
    for level, weight in phase.auxiliary.items():
        spoken = {name: outputs[auxiliary_name(level, name)] for name in tasks}
        spoken |= {UNCERTAINTY: outputs[UNCERTAINTY]} if UNCERTAINTY in outputs else {}
        parts.append(weight * aim(spoken, unfused))
    if phase.states:
        parts.append(phase.states * of_states(outputs, batch, spreads))
    total = sum(parts)
    assert isinstance(total, Tensor), "a phase has heads that learn"
    return total


def of_states(
    outputs: Mapping[str, Float[Tensor, "_ _"]], batch: Batch, spreads: Mapping[str, float]
) -> Float[Tensor, ""]:
    """Return how far what the levels say is from what a teacher's say: the mean over the levels that run.

    Of each level the mean squared difference, in multiples of the variance of the teacher's numbers, so that 1 is to
    know their means alone, and loud levels do not count for more.
    """
    found = []
    for level, taught in batch.states.items():
        if (said := outputs.get(said_name(level))) is not None:
            aim = taught.to(said.device).reshape(len(said), -1)
            found.append(F.mse_loss(said.float(), aim) / max(spreads[level], SMALLEST))
    return torch.stack(found).mean() if found else next(iter(outputs.values())).new_zeros(())


def _mixed(aim: Callable[[Tensor], Tensor], targets: Shaped[Tensor, "B *any"], mix: Mix | None) -> Float[Tensor, ""]:
    """Return the loss of a head; of mixed examples, with the targets of both and the share of each."""
    mine = aim(targets)
    if mix is None:
        return mine
    return mix.share * mine + (1 - mix.share) * aim(targets[mix.partners.to(targets.device)])


def of_head(
    task: Task,
    outputs: Float[Tensor, "B K"],
    targets: Shaped[Tensor, "B *any"],
    smoothing: float,
    balance: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean loss of one head."""
    match task:
        case Classify() | Ordinal() | Tag():
            return cross_entropy(outputs, targets, smoothing=smoothing, balance=balance)
        case MultiLabel():
            # Each label for itself; added over the labels, so that many rare ones do not dilute each other.
            spread = targets * (1 - smoothing) + smoothing / 2
            return F.binary_cross_entropy_with_logits(outputs.float(), spread, reduction="none").sum(1).mean()
        case Regress():
            return F.mse_loss(outputs.float(), targets)
        case Forecast():
            return forecast_loss(task, outputs.float(), targets)
        case _ as never:
            assert_never(never)


def of_teacher(
    task: Task, outputs: Float[Tensor, "B K"], answers: Float[Tensor, "B K"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return how far the outputs of a head are from a teacher's answers, the mean of a batch.

    After Hinton et al., "Distilling the Knowledge in a Neural Network", 2015: the Kullback-Leibler divergence of the
    softened probabilities x T^2, since softening makes its gradient smaller by that much. A teacher's logits are the
    logarithms of its probabilities, but for a number that a softmax does not see.

    Args:
        task: what the head answers.
        outputs: of the student: logits, or standardised numbers.
        answers: of the teacher: probabilities, or standardised numbers.
        temperature: T; numbers have none.
    """
    match task:
        case Classify() | Ordinal() | Tag():
            soft = torch.softmax(answers.clamp(min=SMALLEST).log() / temperature, 1)
            logs = torch.log_softmax(outputs.float() / temperature, 1)
            return temperature**2 * F.kl_div(logs, soft, reduction="batchmean")
        case MultiLabel():
            # Each label for itself, added over the labels as in the loss of the targets.
            soft = torch.sigmoid(torch.logit(answers, eps=SMALLEST) / temperature)
            crossed = F.binary_cross_entropy_with_logits(outputs.float() / temperature, soft, reduction="none")
            own = F.binary_cross_entropy(soft, soft, reduction="none")
            return temperature**2 * (crossed - own).sum(1).mean()
        case Regress() | Forecast():
            return F.mse_loss(outputs.float(), answers)
        case _ as never:
            assert_never(never)


def cross_entropy(
    logits: Float[Tensor, "B K"],
    targets: Int[Tensor, " B"],
    *,
    smoothing: float,
    balance: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of a batch, in nats.

    Args:
        logits: one number a class.
        targets: the right class of each example.
        smoothing: share of the target spread over all classes (Szegedy et al., "Rethinking the Inception
            Architecture", 2016).
        balance: how much an example of each class counts; the mean is over the examples, so that the classes of a
            batch do not change what one counts.
    """
    # In float32 whatever the network computed in: bfloat16 keeps two to three digits of a loss.
    if balance is None:
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)
    each = F.cross_entropy(logits.float(), targets, label_smoothing=smoothing, reduction="none")
    return (each * balance.to(each.device)[targets]).mean()


def forecast_loss(task: Forecast, outputs: Float[Tensor, "B K"], targets: Float[Tensor, "B C H"]) -> Float[Tensor, ""]:
    """Return the mean squared error; where quantiles are foretold, the mean pinball loss of all of them.

    After Koenker and Bassett, "Regression Quantiles", Econometrica, 1978.
    """
    laid = outputs.reshape(*targets.shape, task.ways)
    if not task.quantiles:
        return F.mse_loss(laid.squeeze(3), targets)
    missed, shares = targets.unsqueeze(3) - laid, outputs.new_tensor(task.quantiles)
    return torch.maximum(shares * missed, (shares - 1) * missed).mean()
