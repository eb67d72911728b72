"""Who steps: plain torch, or DeepSpeed with ZeRO. Both have the same small surface.

An engine owns the network while it learns. What leaves it are whole float32 weights on the CPU, so that
nothing behind it needs to know who stepped.
"""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, assert_never, runtime_checkable

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mgdist.data.batches import Batch
from mgdist.job.phases import Phase
from mgdist.job.train import DeepSpeedSpec, TorchSpec, TrainSpec
from mgdist.models.network import Network
from mgdist.train import group
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
    """What the loop needs of whoever steps. Every worker calls the same methods in the same order."""

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
        """Go on where :meth:`save` was called, with as many workers."""


def engine(network: Network, spec: TrainSpec, device: torch.device | None, plan: Sequence[Phase]) -> Engine:
    """Return the engine that a job asks for.

    Args:
        network: with its initial weights, the same on every worker.
        spec: engine, optimizer and precision.
        device: where the network learns; the CPU where it is None.
        plan: all phases of the training.
    """
    network.to(device or torch.device("cpu"))
    match spec.engine:
        case TorchSpec():
            return TorchEngine(network, spec, plan)
        case DeepSpeedSpec() as zero:
            return DeepSpeedEngine(network, spec, plan, zero)
        case _ as never:
            assert_never(never)


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


class TorchEngine:
    """Plain PyTorch; DistributedDataParallel where there are several workers."""

    STATE = "engine.pt"

    def __init__(self, network: Network, spec: TrainSpec, plan: Sequence[Phase]) -> None:
        self.network = network
        self.model: nn.Module = network
        self.phase: Phase | None = None
        self.optimizer, self.rates = optimizer(network, spec, plan)
        self.average = Average(spec.ema) if spec.ema else None
        self.clip = spec.clip
        self.half = spec.precision == "bfloat16"
        self.device = next(network.parameters()).device

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
        self.network.learn(self.phase)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for batch in batches:
            with self._gradients_stay(batch is not batches[-1]):
                share = loss(self._outputs(batch.to(self.device)), batch) / len(batches)
                share.backward()  # type: ignore[no-untyped-call]
            total += share.detach()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        set_rates(self.optimizer, lr, self.rates, self.phase)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network.state_dict())
        return total

    def _outputs(self, batch: Batch) -> Outputs:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
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
            torch.save(state, folder / self.STATE)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        state = torch.load(folder / self.STATE, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load(state["average"])


class DeepSpeedEngine:
    """DeepSpeed with ZeRO (Rajbhandari et al., "ZeRO", 2020). Needs a process group, even for one worker."""

    STATE, AVERAGE = "zero", "average.pt"

    def __init__(self, network: Network, spec: TrainSpec, plan: Sequence[Phase], zero: DeepSpeedSpec) -> None:
        deepspeed = _deepspeed(next(network.parameters()).device)
        self.phase: Phase | None = None
        learner, self.rates = optimizer(network, spec, plan)
        self.average = Average(spec.ema) if spec.ema else None
        self.network = network
        self.device = next(network.parameters()).device
        with _quiet():
            self.model, self.optimizer, *_ = deepspeed.initialize(
                model=network, optimizer=learner, config=configuration(spec, zero)
            )

    def begin(self, phase: Phase, *, fresh: bool) -> None:
        """See :class:`Engine`. What does not learn in a phase has no gradient there, and a rate of 0."""
        self.phase = phase
        open_for(self.network, phase)
        if fresh:
            forget(self.optimizer, self.average)

    def step(self, batches: Sequence[Batch], loss: Loss, lr: float) -> Float[Tensor, ""]:
        """See :class:`Engine`. DeepSpeed counts the accumulated batches, and steps at the last one."""
        assert self.phase is not None, "a phase has begun"
        self.network.learn(self.phase)
        total = torch.zeros((), device=self.device)
        set_rates(self.optimizer, lr, self.rates, self.phase)
        for batch in batches:
            with _quiet():
                share = loss(self.model(batch.to(self.device), self.phase), batch)
                self.model.backward(share)
                self.model.step()
            total += share.detach() / len(batches)
        if self.average is not None:
            self.average.update(self._gathered())  # whole on every worker, which costs a copy of the network a step
        return total

    def weights(self) -> Weights:
        """See :class:`Engine`."""
        averaged = self.average.weights if self.average else {}
        return {name: whole(value) for name, value in averaged.items()} or self._gathered()

    def _gathered(self) -> Weights:
        """Return the optimizer's float32 masters where there are any, else the parameters."""
        from deepspeed.utils import safe_get_full_fp32_param

        found = {name: whole(value) for name, value in self.network.named_buffers()}
        for name, value in self.network.named_parameters():
            with _quiet():
                master = safe_get_full_fp32_param(value)
            found[name] = whole(value if master is None else master)
        return found

    def save(self, folder: Path) -> None:
        """See :class:`Engine`."""
        with _quiet():
            self.model.save_checkpoint(str(folder), tag=self.STATE)
        if self.average is not None and group.rank() == 0:
            torch.save(self.average.state(), folder / self.AVERAGE)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        with _quiet():
            self.model.load_checkpoint(str(folder), tag=self.STATE)
        if self.average is not None:
            self.average.load(torch.load(folder / self.AVERAGE, weights_only=True))


def configuration(spec: TrainSpec, zero: DeepSpeedSpec) -> dict[str, Any]:
    """Return DeepSpeed's own configuration for a job."""
    sharding: dict[str, Any] = {"stage": zero.stage}
    if zero.offload:
        # DeepSpeed's own CPU Adam would have to be compiled first; torch's is here already.
        sharding["offload_optimizer"] = {"device": "cpu"}
    return {
        "train_batch_size": spec.batch_size,
        "gradient_accumulation_steps": spec.accumulate,
        "gradient_clipping": spec.clip or 0.0,
        "zero_optimization": sharding,
        "zero_force_ds_cpu_optimizer": False,
        "torch_autocast": {"enabled": spec.precision == "bfloat16", "dtype": "bfloat16"},
        "steps_per_print": None,
    }


def set_rates(optimizer: Any, lr: float, rates: Sequence[Rates], phase: Phase) -> None:
    """Give each group of an optimizer, or of what ZeRO made of it, its learning rate in a phase."""
    for learning, factors in zip(optimizer.param_groups, rates, strict=True):
        learning["lr"] = lr * factors[phase.name]


def open_for(network: Network, phase: Phase) -> None:
    """Let what learns in a phase have gradients, and nothing else."""
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


def _deepspeed(device: torch.device) -> Any:
    """Import DeepSpeed so that it is silent and compiles nothing."""
    os.environ.setdefault("DS_ACCELERATOR", device.type)  # else it looks for one, and warns that it found the CPU
    with _quiet():
        import deepspeed

        # What it believes it could compile. Its operators take up to a minute to build, fail without a
        # compiler, and nothing here needs one.
        deepspeed.ops.__dict__["__compatible_ops__"] = {}
        if not deepspeed.comm.is_initialized():
            deepspeed.init_distributed(dist_backend=dist.get_backend(), auto_mpi_discovery=False, verbose=False)
    return deepspeed


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch tells DeepSpeed's authors away from people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
