"""Who steps: what plain torch and DeepSpeed have in common.

An engine owns the network while it learns. What leaves it are whole float32 weights on the CPU, so that
nothing behind it needs to know who stepped.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.data.batches import Batch
from mgdist.job.phases import Phase
from mgdist.job.train import TrainSpec
from mgdist.models.network import Network
from mgdist.train.average import Average

Weights = dict[str, Tensor]
"""Name of a parameter or buffer -> its numbers: whole, float32 and on the CPU, whoever stepped."""
Outputs = Mapping[str, Tensor]
"""For each head, (B, K)."""
Rates = Mapping[str, float]
"""Phase -> factor of the learning rate."""
Loss = Callable[[Outputs, Batch], Tensor]
"""(outputs of each head, their batch) -> the mean loss of the batch."""


@runtime_checkable
class Engine(Protocol):
    """What the loop needs of whoever steps. Every worker calls the same methods in the same order.

    Attributes:
        network: that learns.
    """

    network: Network

    def begin(self, phase: Phase, *, fresh: bool) -> None:
        """Let the parameters of a phase learn; called before each epoch.

        Args:
            phase: one of those that the engine was made for.
            fresh: the optimizer shall forget what it remembers of earlier phases.
        """

    def step(self, batches: Sequence[Batch], loss: Loss, lr: float) -> Float[Tensor, ""]:
        """Take one optimizer step over all batches and all workers.

        Args:
            batches: this worker's share, all of one size; more than one is gradient accumulation.
            loss: what is made small.
            lr: learning rate of this step.

        Returns:
            Mean loss of this worker's share, before the step.
        """

    def weights(self) -> Weights:
        """Return the whole weights, on every worker, whatever is sharded."""

    def save(self, folder: Path) -> None:
        """Write what :meth:`load` needs to go on; each worker writes its own part."""

    def load(self, folder: Path) -> None:
        """Go on where :meth:`save` was called, with as many workers or with others."""


def optimizer(network: Network, spec: TrainSpec, plan: Sequence[Phase]) -> tuple[torch.optim.AdamW, list[Rates]]:
    """Return AdamW (Loshchilov and Hutter, 2019) that shrinks matrices, and leaves biases and norms alone.

    Parameters that learn at the same rates in all phases share a group, so that a phase needs no other optimizer. What
    never learns has no part in it, so that it takes no memory of its gradients.

    Returns:
        the optimizer; and for each of its groups, phase -> factor of the learning rate.
    """
    alike: dict[tuple[tuple[float, ...], bool], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        rates = tuple(network.rate(name, phase) for phase in plan)
        if any(rates):
            alike.setdefault((rates, weight.ndim <= 1), []).append(weight)
    kinds = sorted(alike, key=lambda kind: kind[1])
    groups = [{"params": alike[kind], "weight_decay": 0.0 if kind[1] else spec.weight_decay} for kind in kinds]
    names = [phase.name for phase in plan]
    rates_of: list[Rates] = [dict(zip(names, rates, strict=True)) for rates, _ in kinds]
    return torch.optim.AdamW(groups, lr=spec.lr, betas=spec.betas, fused=True), rates_of


def set_rates(optimizer: Any, lr: float, rates: Sequence[Rates], phase: Phase) -> None:
    """Give each group of an optimizer, or of what ZeRO made of it, its learning rate in a phase."""
    for learning, factors in zip(optimizer.param_groups, rates, strict=True):
        learning["lr"] = lr * factors[phase.name]


def open_for(network: Network, phase: Phase) -> None:
    """Let what learns in a phase have gradients and be in training mode, and nothing else."""
    network.learn(phase)
    for name, weight in network.named_parameters():
        weight.requires_grad_(network.rate(name, phase) > 0)


def forget(optimizer: Any, average: Average | None) -> None:
    """Let an optimizer, or the one in what ZeRO made of it, begin anew: no moments, no steps; and the average too."""
    if average is not None:
        average.forget()
    plain = getattr(optimizer, "optimizer", optimizer)
    for remembered in plain.state.values():
        for value in remembered.values():
            if isinstance(value, Tensor):
                value.zero_()


def whole(value: Tensor) -> Tensor:
    """Return a float32 copy on the CPU."""
    return value.detach().to("cpu", torch.float32, copy=True).contiguous()
