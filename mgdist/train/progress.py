"""How far a training is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mgdist.train import group
from mgdist.train.chance import drawn
from mgdist.train.engine import Weights
from mgdist.train.events import Epoch


@dataclass(frozen=True)
class Begun:
    """The first steps of an epoch.

    Attributes:
        losses: mean of all workers for each optimizer step.
        flops: floating-point operations of all workers.
        seconds: for learning, and for checkpoints.
        random: this worker's random generators behind the last step, by device; empty where they are not known.
    """

    losses: tuple[float, ...] = ()
    flops: float = 0.0
    seconds: float = 0.0
    random: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def after(self, losses: Sequence[Tensor], flops: float) -> "Begun":
        """Return the first steps and some more.

        Args:
            losses: of this worker, of those steps that were done since it was begun or continued.
            flops: of this worker, in them.
        """
        here = torch.tensor(flops, dtype=torch.float64, device=group.device())
        more = tuple(group.mean(torch.stack(list(losses))).tolist())
        everywhere = float(group.mean(here) * group.size())
        return Begun((*self.losses, *more), self.flops + everywhere, self.seconds, drawn())


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        history: the epochs done, of all phases.
        weights: those of the best epoch, without auxiliary heads; empty before the first.
        begun: the epoch that was begun behind them; None between two epochs.
    """

    history: tuple[Epoch, ...] = ()
    weights: Weights = field(default_factory=dict, repr=False)
    begun: Begun | None = None

    @property
    def best(self) -> Epoch:
        """The epoch that the weights are from: the best one of the last phase begun."""
        return next(epoch for epoch in reversed(self.history) if epoch.best)

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - self.best.epoch if self.history else 0

    @property
    def done(self) -> int:
        """Optimizer steps."""
        return (self.history[-1].done if self.history else 0) + (len(self.begun.losses) if self.begun else 0)

    def __str__(self) -> str:
        where = f"step {len(self.begun.losses)} of epoch" if self.begun else "the end of epoch"
        return f"{where} {len(self.history) + bool(self.begun)}"
