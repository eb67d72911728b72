"""DeepSpeed steps, with ZeRO (Rajbhandari et al., "ZeRO", 2020)."""

import argparse
import contextlib
import io
import logging
import math
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
from mgdist.errors import named_line
from mgdist.job.phases import Phase
from mgdist.job.train import DeepSpeedSpec, Offload, TrainSpec
from mgdist.job.train_conflicts import accumulated
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
        self.decays = [each["weight_decay"] for each in learner.param_groups]
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
        with _quiet(), _only_weights():
            # Only read at this moment; a shard of this training's own checkpoints is loaded as it is.
            self.model._config.load_universal_checkpoint = others
            self.model.load_checkpoint(str(folder), tag=self.UNIVERSAL if others else self.STATE)
            self.model._config.load_universal_checkpoint = False
        if others:
            self._apart()
        if self.average is not None:
            self.average.load(torch.load(folder / self.AVERAGE, weights_only=True))

    def _apart(self) -> None:
        """Mend what stage 3 mixes up with others' shards: all groups get one decay, and share a counter of steps."""
        for each, decay in zip(self.optimizer.param_groups, self.decays, strict=True):
            each["weight_decay"] = decay
        for remembered in getattr(self.optimizer, "optimizer", self.optimizer).state.values():
            if isinstance(remembered.get("step"), Tensor):
                remembered["step"] = remembered["step"].clone()


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
        "gradient_accumulation_steps": accumulated(spec, group.size()),
        "gradient_clipping": spec.clip or 0.0,
        "zero_optimization": sharding,
        "zero_force_ds_cpu_optimizer": False,
        "torch_autocast": {"enabled": spec.precision == "bfloat16", "dtype": "bfloat16"},
        "steps_per_print": None,
    }


def unusable(device: torch.device) -> str:
    """Return why DeepSpeed cannot be used here, such as an import that fails; nothing where it can."""
    try:
        _deepspeed(device)
    except (ImportError, RuntimeError, OSError) as error:  # its import looks for compilers and drivers
        return named_line(error)
    return ""


def estimate(
    parameters: int, largest: int, stage: int, offload: Offload, workers: int, nodes: int
) -> tuple[float, float]:
    """Return what DeepSpeed's own estimators say of ZeRO 2 and 3: bytes of a node, and of each of its workers.

    Args:
        parameters: of the network.
        largest: parameters of its largest module.
        stage: 2 or 3.
        offload: as ``train.engine.offload``.
        workers: of all nodes.
        nodes: how many there are.
    """
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    with _quiet():
        from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as of_stage_3
        from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as of_stage_2
    here = {"num_gpus_per_node": math.ceil(workers / nodes), "num_nodes": nodes, "cpu_offload": bool(offload)}
    if stage == 2:
        host, each = of_stage_2(parameters, **here)
    else:
        host, each, _ = of_stage_3(parameters, largest, cpu_offload_params=offload == "parameters", **here)
    return float(host), float(each)


def shards(folder: Path) -> int:
    """Return how many workers wrote the optimizer's shards of a checkpoint."""
    return len(list(folder.glob("*zero_pp_rank_*optim_states.pt")))


def universal(shards: Path, folder: Path) -> None:
    """Write the shards of a checkpoint as one that any number of workers can load."""
    from deepspeed.checkpoint import ds_to_universal

    shutil.rmtree(folder, ignore_errors=True)
    with (
        _quiet(),
        _only_weights(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
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

        deepspeed.utils.logger.setLevel(logging.ERROR)
        # What it believes it could compile. Its operators take up to a minute to build, fail without a
        # compiler, and nothing here needs one.
        deepspeed.ops.__dict__["__compatible_ops__"] = {}
        if not deepspeed.comm.is_initialized():
            deepspeed.init_distributed(dist_backend=dist.get_backend(), auto_mpi_discovery=False, verbose=False)
    return deepspeed


@contextlib.contextmanager
def _only_weights() -> Iterator[None]:
    """Refuse all but numbers and DeepSpeed's own plain values in what is read: a pickle may hold any code."""

    def load(*given: Any, **more: Any) -> Any:
        return plain(*given, **{**more, "weights_only": True})

    plain = torch.load
    torch.load = load  # DeepSpeed asks it by this name for pickles of anything, and has no setting for that
    try:
        with torch.serialization.safe_globals(_values()):
            yield
    finally:
        torch.load = plain


def _values() -> list[Any]:
    """Return the types of values in DeepSpeed's checkpoints that are no tensors."""
    from deepspeed.runtime.fp16.loss_scaler import LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    return [LossScaler, ZeroStageEnum, fragment_address]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch tells DeepSpeed's authors away from people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
