"""Which engine a training fits with: estimated from the network, a few real examples, and the memory found."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.job.phases import phases
from mgdist.job.spec import Job
from mgdist.job.train import Offload, TrainSpec
from mgdist.models.build import build
from mgdist.train.losses import of_phase
from mgdist.train.phases import narrowed

ADAMW = 16
"""Bytes of a parameter in float32: itself, its gradient and two moments."""
ROOM = 0.8
"""Share of the memory that may be planned for; the rest is for what is not estimated."""
FEWEST = 8
"""In so many times more parts a step may be computed before a slower engine is taken."""
EXAMPLES = 8
"""Of the training split, that tell what one example keeps for the backward pass."""


@dataclass(frozen=True)
class Memory:
    """What there is.

    Attributes:
        each: bytes that one worker has to compute in: its accelerator's, or its share of the node's.
        host: bytes of the node's memory for each of its workers.
        nodes: how many there are.
        accelerated: ``each`` is that of an accelerator, beside which ``host`` has room of its own.
    """

    each: float
    host: float
    nodes: int
    accelerated: bool


@dataclass(frozen=True)
class Need:
    """What a network asks for.

    Attributes:
        parameters: numbers that are learned.
        largest: those of the largest module that has some of its own.
        example: bytes that one example keeps for the backward pass.
    """

    parameters: int
    largest: int
    example: float


@dataclass(frozen=True)
class Sizing:
    """What was decided.

    Attributes:
        engine: as ``train.engine`` would say it; None where nothing fits.
        accumulate: forward passes of one step.
        why: one line for each engine that was looked at.
    """

    engine: dict[str, Any] | None
    accumulate: int
    why: tuple[str, ...]


def need(job: Job, dataset: Dataset) -> Need:
    """Return what the network of a job asks for, with its last phase, in which all learns."""
    network = build(job, dataset.inputs, dataset.tasks, dataset.seen).train()
    network.recompute(again=job.train.activation_checkpointing)
    phase = phases(job)[-1]
    shard = narrowed(job, phase, dataset.train)
    some = batch(shard, np.linspace(0, len(shard) - 1, EXAMPLES).astype(np.int64))
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        of_phase(network(some, phase), some, phase=phase, tasks=dataset.tasks, weights=job.loss_weights, smoothing=0.0)
    for weight in network.parameters():
        kept.pop(weight.untyped_storage().data_ptr(), None)
    own = [sum(weight.numel() for weight in module.parameters(recurse=False)) for module in network.modules()]
    return Need(sum(own), max(own), sum(kept.values()) / len(some))


def sized(job: Job, asked: Need, memory: Memory) -> Sizing:
    """Return the fastest engine that fits, and with how many parts of a step."""
    train, why = job.train, []
    share = train.batch_size // train.most_workers
    for name, engine, bytes_each, bytes_host in _engines(train, asked, memory):
        left = ROOM * memory.each - bytes_each
        fits = bytes_host <= ROOM * memory.host
        together = min(share // train.accumulate, math.floor(left / max(asked.example, 1)))
        parts = next((count for count in _parts(train, share) if share // count <= together), None)
        told = f"{name}: {_size(bytes_each)} and {_size(asked.example)} an example"
        if parts is not None and fits:
            why.append(f"{told} fit into {ROOM:.0%} of {_size(memory.each)}, {share // parts} examples at a time")
            return Sizing(engine, parts, tuple(why))
        lacks = f"of {_size(memory.each)}" if fits else f"of the node's {_size(memory.host)}"
        why.append(f"{told} do not fit into {ROOM:.0%} {lacks}")
    return Sizing(None, train.accumulate, tuple(why))


def _parts(train: TrainSpec, share: int) -> Iterator[int]:
    """Yield in how many parts a worker may compute its share of a step, fewest first."""
    most = max(train.accumulate * FEWEST, 1)
    yield from (count for count in range(train.accumulate, min(most, share) + 1) if share % count == 0)


def _engines(train: TrainSpec, asked: Need, memory: Memory) -> Iterator[tuple[str, dict[str, Any], float, float]]:
    """Yield engines, fastest first: name, what a job would say, bytes of each worker, and bytes of the node for each.

    DeepSpeed's estimators count weights of 16 bits beside masters of 32; ours have 32 bits, 2 bytes more of each.
    """
    workers, numbers = train.most_workers, asked.parameters
    yield "torch", {"kind": "torch"}, float(ADAMW * numbers), 0.0
    from mgdist.train.deepspeed_engine import estimate

    if workers > 1:
        yield "ZeRO 1", {"kind": "deepspeed", "stage": 1}, 8 * numbers + 12 * numbers / workers, 0.0
        for stage, of in ((2, numbers), (3, numbers / workers)):
            _, each = estimate(numbers, asked.largest, stage, False, workers, memory.nodes)
            yield f"ZeRO {stage}", {"kind": "deepspeed", "stage": stage}, each + 2 * of, 0.0
    offloads: tuple[tuple[int, Offload], ...] = ((2, True), (3, "parameters"))
    for stage, offload in offloads if memory.accelerated else ():
        host, each = estimate(numbers, asked.largest, stage, offload, workers, memory.nodes)
        engine = {"kind": "deepspeed", "stage": stage, "offload": offload}
        what = "all" if offload == "parameters" else "the optimizer"
        here = math.ceil(workers / memory.nodes)
        yield f"ZeRO {stage} with {what} in the CPU's memory", engine, each + 2 * numbers * (stage == 2), host / here


def _size(count: float) -> str:
    unit, name = (1e9, "GB") if count >= 1e9 else (1e6, "MB") if count >= 1e6 else (1e3, "kB")
    return f"{count / unit:.2f} {name}"
