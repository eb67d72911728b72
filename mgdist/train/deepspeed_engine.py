"""DeepSpeed steps, with ZeRO (Rajbhandari et al., "ZeRO", 2020)."""

import argparse
import contextlib
import io
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from mgdist.data.batches import Batch
from mgdist.job.phases import Phase
from mgdist.job.train import DeepSpeedSpec, TrainSpec
from mgdist.models.network import Network
from mgdist.train import group
from mgdist.train.average import Average
from mgdist.train.engine import Loss, Weights, forget, open_for, optimizer, set_rates, whole


class DeepSpeedEngine:
    """DeepSpeed with ZeRO (Rajbhandari et al., "ZeRO", 2020). Needs a process group, even for one worker."""

    STATE, UNIVERSAL, AVERAGE = "zero", "zero-universal", "average.pt"

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
        """See :class:`Engine`. Shards of other workers are put together first, and then taken apart anew."""
        others = self.model.zero_optimization_stage() > 0 and shards(folder / self.STATE) != group.size()
        if others and group.rank() == 0:
            universal(folder / self.STATE, folder / self.UNIVERSAL)
        group.wait()
        with _quiet():
            # Only read at this moment; a shard of this training's own checkpoints is loaded as it is.
            self.model._config.load_universal_checkpoint = others
            self.model.load_checkpoint(str(folder), tag=self.UNIVERSAL if others else self.STATE)
            self.model._config.load_universal_checkpoint = False
        if self.average is not None:
            self.average.load(torch.load(folder / self.AVERAGE, weights_only=True))


def configuration(spec: TrainSpec, zero: DeepSpeedSpec) -> dict[str, Any]:
    """Return DeepSpeed's own configuration for a job."""
    sharding: dict[str, Any] = {"stage": zero.stage}
    if zero.offload:
        # DeepSpeed's own CPU Adam would have to be compiled first; torch's is here already.
        sharding["offload_optimizer"] = {"device": "cpu"}
    if zero.offload == "parameters":
        sharding["offload_param"] = {"device": "cpu"}
    return {
        "train_batch_size": spec.batch_size,
        "gradient_accumulation_steps": spec.accumulate,
        "gradient_clipping": spec.clip or 0.0,
        "zero_optimization": sharding,
        "zero_force_ds_cpu_optimizer": False,
        "torch_autocast": {"enabled": spec.precision == "bfloat16", "dtype": "bfloat16"},
        "steps_per_print": None,
    }


def shards(folder: Path) -> int:
    """Return how many workers wrote the optimizer's shards of a checkpoint."""
    return len(list(folder.glob("*zero_pp_rank_*optim_states.pt")))


def universal(shards: Path, folder: Path) -> None:
    """Write the shards of a checkpoint as one that any number of workers can load."""
    from deepspeed.checkpoint import ds_to_universal

    shutil.rmtree(folder, ignore_errors=True)
    with _quiet(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ds_to_universal.main(
            argparse.Namespace(
                input_folder=str(shards),
                output_folder=str(folder),
                num_extract_workers=1,
                num_merge_workers=1,
                keep_temp_folder=False,
                strict=True,
                inject_missing_state=True,
            )
        )


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
