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
from mgdist.job.train import DeepSpeedSpec, TorchSpec, TrainSpec
from mgdist.train import group

Weights = dict[str, Tensor]
"""Name of a parameter or buffer -> its numbers: whole, float32 and on the CPU, whoever stepped."""
Outputs = Mapping[str, Tensor]
"""For each head, (B, K)."""
Loss = Callable[[Outputs, Batch], Tensor]
"""(outputs of each head, their batch) -> the mean loss of the batch."""


@runtime_checkable
class Engine(Protocol):
    """What the loop needs of whoever steps. Every worker calls the same methods in the same order."""

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


def engine(network: nn.Module, spec: TrainSpec, device: torch.device | None = None) -> Engine:
    """Return the engine that a job asks for.

    Args:
        network: with its initial weights, the same on every worker.
        spec: engine, optimizer and precision.
        device: where the network learns; the CPU where it is None.
    """
    network.to(device or torch.device("cpu"))
    match spec.engine:
        case TorchSpec():
            return TorchEngine(network, spec)
        case DeepSpeedSpec() as zero:
            return DeepSpeedEngine(network, spec, zero)
        case _ as never:
            assert_never(never)


def optimizer(network: nn.Module, spec: TrainSpec) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter, 2019) that shrinks matrices, and leaves biases and norms alone."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    vectors = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": spec.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=spec.lr, betas=spec.betas, fused=True)


class TorchEngine:
    """Plain PyTorch; DistributedDataParallel where there are several workers."""

    STATE = "engine.pt"

    def __init__(self, network: nn.Module, spec: TrainSpec) -> None:
        self.network = network
        self.model: nn.Module = network
        if group.size() > 1:
            self.model = DistributedDataParallel(network, gradient_as_bucket_view=True)
        self.optimizer = optimizer(network, spec)
        self.clip = spec.clip
        self.half = spec.precision == "bfloat16"
        self.device = next(network.parameters()).device

    def step(self, batches: Sequence[Batch], loss: Loss, lr: float) -> Float[Tensor, ""]:
        """See :class:`Engine`."""
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for batch in batches:
            with self._gradients_stay(batch is not batches[-1]):
                share = loss(self._outputs(batch.to(self.device)), batch) / len(batches)
                share.backward()  # type: ignore[no-untyped-call]
            total += share.detach()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        set_rate(self.optimizer, lr)
        self.optimizer.step()
        return total

    def _outputs(self, batch: Batch) -> Outputs:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            outputs: Outputs = self.model(batch)
        return outputs

    def _gradients_stay(self, stay: bool) -> contextlib.AbstractContextManager[None]:
        """All but the last of the accumulated batches keep their gradients to themselves."""
        if stay and isinstance(self.model, DistributedDataParallel):
            return self.model.no_sync()
        return contextlib.nullcontext()

    def weights(self) -> Weights:
        """See :class:`Engine`."""
        return {name: whole(value) for name, value in self.network.state_dict().items()}

    def save(self, folder: Path) -> None:
        """See :class:`Engine`. All workers hold the same, so the first one writes."""
        if group.rank() == 0:
            state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            torch.save(state, folder / self.STATE)

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        state = torch.load(folder / self.STATE, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


class DeepSpeedEngine:
    """DeepSpeed with ZeRO (Rajbhandari et al., "ZeRO", 2020). Needs a process group, even for one worker."""

    STATE = "zero"

    def __init__(self, network: nn.Module, spec: TrainSpec, zero: DeepSpeedSpec) -> None:
        deepspeed = _deepspeed(next(network.parameters()).device)
        self.network = network
        self.device = next(network.parameters()).device
        with _quiet():
            self.model, self.optimizer, *_ = deepspeed.initialize(
                model=network, optimizer=optimizer(network, spec), config=configuration(spec, zero)
            )

    def step(self, batches: Sequence[Batch], loss: Loss, lr: float) -> Float[Tensor, ""]:
        """See :class:`Engine`. DeepSpeed counts the accumulated batches, and steps at the last one."""
        self.model.train()
        total = torch.zeros((), device=self.device)
        set_rate(self.optimizer, lr)
        for batch in batches:
            with _quiet():
                share = loss(self.model(batch.to(self.device)), batch)
                self.model.backward(share)
                self.model.step()
            total += share.detach() / len(batches)
        return total

    def weights(self) -> Weights:
        """See :class:`Engine`. The optimizer's float32 masters where there are any, else the parameters."""
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

    def load(self, folder: Path) -> None:
        """See :class:`Engine`."""
        with _quiet():
            self.model.load_checkpoint(str(folder), tag=self.STATE)


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


def set_rate(optimizer: Any, lr: float) -> None:
    """Give all groups of an optimizer, or of what ZeRO made of it, one learning rate."""
    for learning in optimizer.param_groups:
        learning["lr"] = lr


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
