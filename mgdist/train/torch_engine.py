"""Plain PyTorch steps; DistributedDataParallel where there are several workers."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mgdist.data.batches import Batch
from mgdist.job.phases import Phase
from mgdist.job.train import TrainSpec
from mgdist.models.network import Network
from mgdist.train import group
from mgdist.train.average import Average
from mgdist.train.engine import Loss, Outputs, Weights, forget, open_for, optimizer, set_rates, whole

LOWER = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"""Numbers that the forward pass may have; those of the weights and of the optimizer are float32."""


class TorchEngine:
    """Plain PyTorch; DistributedDataParallel where there are several workers."""

    STATE = "engine.pt"

    def __init__(self, network: Network, spec: TrainSpec, plan: Sequence[Phase]) -> None:
        self.network = network
        self.model: nn.Module = network
        self.phase: Phase | None = None
        self.optimizer, self.rates = optimizer(network, spec, plan)
        self.clipped = tuple(network.parameters())  # once: to walk all modules at each step takes as long as to clip
        self.average = Average(spec.ema) if spec.ema else None
        self.clip = spec.clip
        self.lower = LOWER.get(spec.precision)
        self.device = next(network.parameters()).device
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=spec.precision == "float16")

    def begin(self, phase: Phase, *, fresh: bool) -> None:
        """See :class:`Engine`. What does not learn in a phase has no gradient there."""
        if fresh:
            forget(self.optimizer, self.average)
        if phase == self.phase:
            return
        self.phase = phase
        open_for(self.network, phase)
        if group.size() > 1:
            # Anew for each phase: it waits for the gradients of all parameters that could learn when it was made.
            self.model = DistributedDataParallel(
                self.network,
                gradient_as_bucket_view=True,
                find_unused_parameters=any(part.layers is not None for part in phase.parts.values()),
            )

    def step(self, batches: Sequence[Batch], loss: Loss, lr: float) -> Float[Tensor, ""]:
        """See :class:`Engine`."""
        assert self.phase is not None, "a phase has begun"
        shares: list[Tensor] = []
        for batch in batches:
            with self._gradients_stay(batch is not batches[-1]):
                share = loss(self._outputs(batch.to(self.device)), batch) / len(batches)
                if batch is batches[0]:  # not before: the new gradients take the memory of the old ones, still warm
                    self.optimizer.zero_grad(set_to_none=True)
                self.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
            shares.append(share.detach())
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.clipped, self.clip)
        set_rates(self.optimizer, lr, self.rates, self.phase)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.network.state_dict())
        return sum(shares[1:], shares[0])

    def _outputs(self, batch: Batch) -> Outputs:
        lower = contextlib.nullcontext() if self.lower is None else torch.autocast(self.device.type, self.lower)
        with lower:
            outputs: Outputs = self.model(batch, self.phase)
        return outputs

    def _gradients_stay(self, stay: bool) -> contextlib.AbstractContextManager[None]:
        """All but the last of the accumulated batches keep their gradients to themselves."""
        if stay and isinstance(self.model, DistributedDataParallel):
            return self.model.no_sync()
        return contextlib.nullcontext()

    def weights(self) -> Weights:
        """See :class:`Engine`."""
        averaged = self.average.weights if self.average else {}
        return {name: whole(value) for name, value in (averaged or self.network.state_dict()).items()}

    def save(self, folder: Path) -> None:
        """See :class:`Engine`. All workers hold the same, so the first one writes."""
        if group.rank() == 0:
            state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            state |= {"average": self.average.state()} if self.average else {}
            state |= {"scaler": self.scaler.state_dict()} if self.scaler.is_enabled() else {}
            torch.save(state, folder / self.STATE)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        state = torch.load(folder / self.STATE, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load(state["average"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
