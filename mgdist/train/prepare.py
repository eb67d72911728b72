"""From a job and its data to a training that is ready to begin."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from mgdist.compress.grid import grids
from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.compress import Aware
from mgdist.job.phases import Phase, phases
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.job.train import AutoSpec, DeepSpeedSpec, TorchSpec, TrainSpec
from mgdist.models.build import begin_narrow, build, hint, watch
from mgdist.models.network import Network
from mgdist.models.pretrained import begin_with_checkpoints, lr_factors
from mgdist.models.shaped import shaped
from mgdist.train import group
from mgdist.train.deepspeed_engine import DeepSpeedEngine
from mgdist.train.engine import Engine
from mgdist.train.events import Listener, nobody
from mgdist.train.loop import Training
from mgdist.train.rounding import learn_rounded
from mgdist.train.torch_engine import TorchEngine

SMALL = 1_000_000
"""Parameters beside the embeddings, below which a second thread costs more than it brings."""


def prepare(
    job: Job,
    dataset: Dataset,
    listen: Listener = nobody,
    start: Path | None = None,
    aware: Aware | None = None,
) -> Training:
    """Build the network of a job, and put it into its engine.

    Args:
        job: what is asked for.
        dataset: to learn from.
        listen: hears this worker's steps and all epochs.
        start: weights to begin with, which may be fewer than the job asks for; None: those that its seed draws, and of
            its pre-trained encoders.
        aware: format whose rounding the network learns with, and whose grids its weights lie on; None for none.

    Raises:
        TrainError: the weights are sharded, so that none of them can be rounded.
    """
    assert job.train.distil is None or dataset.teacher is not None, "a teacher has answered before"
    # Gradients of what is learned well become subnormal numbers, with which some processors compute ten times as long.
    # Here, before there are threads: they take it from the one that starts them.
    torch.set_flush_denormal(True)
    torch.manual_seed(job.seed)
    network = watch(build(job, dataset.inputs, dataset.tasks, dataset.seen), job, dataset.tasks)
    begin_narrow(network, job)
    if start is None:
        begin_with_checkpoints(network, job)
    else:
        shaped(network, load_file(start))
    if dataset.train.states:
        _hint(network, job, dataset)
    network.slow_down(lr_factors(job))
    # A copy to measure with: ZeRO takes the one in the engine apart, and asks all workers for each forward pass.
    twin = copy.deepcopy(network).to(group.device())
    laid = {} if aware is None else grids(network, aware)
    if laid and isinstance(job.train.engine, DeepSpeedSpec) and job.train.engine.stage == 3:
        raise TrainError(
            "compress.aware: expected weights that each worker has as a whole; ZeRO stage 3 shards them; set "
            "train.engine.stage to 2 or less, or leave compress.aware out"
        )
    learn_rounded(network, laid)
    network.recompute(again=job.train.activation_checkpointing)
    return Training(job, dataset, engine(network, job.train, group.device(), phases(job)), twin, listen, laid)


def _hint(network: Network, job: Job, dataset: Dataset) -> None:
    """Let a network's levels be compared with a teacher's, as wide as they are: they may have been pruned."""
    some = batch(dataset.train, np.arange(1))
    with torch.no_grad():
        spoken = list(network.eval().spoken(some))
    said = {shape.name: each.summary.shape[1] for shape, each in zip(shapes(job), spoken, strict=True)}
    taught = {name: states[0].size // some.examples for name, states in dataset.train.states.items()}
    hint(network.train(), job, said, taught)


def threads(network: nn.Module, cores: int) -> int:
    """Return how many threads torch may use for a network that has some cores to itself.

    A small one runs on one: its threads would mostly wait for each other, in loops that keep their cores busy. On a
    machine that others use too, two threads were then 2 to 12 times slower than one.
    """
    embedding = sum(weight.numel() for name, weight in network.named_parameters() if name.startswith("embeddings."))
    others = sum(weight.numel() for weight in network.parameters()) - embedding
    return max(1, cores) if others >= SMALL else 1


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
        case AutoSpec():
            raise AssertionError("what auto means is decided before a training is prepared")
        case _ as never:
            assert_never(never)
