"""From a trained network to one .tflite file, through litert-torch.

Each level is exported in a few unit counts, as signatures that share their weights; so the device pays
for the units that a document has, and not for the longest document. Shapes are fixed, since the
converter accepts no others.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mgdist.apart import ApartError, apart
from mgdist.errors import ConvertError
from mgdist.job.spec import Job
from mgdist.models.network import Network
from mgdist.runs import write
from mgdist_edge.manifest import Level


@dataclass(frozen=True)
class Converted:
    """A device model in float32.

    Attributes:
        path: the .tflite file.
        levels: its signatures ``{name}_{count}``, finest first; beside them stands ``head``.
        size: bytes of the file.
        seconds: that the conversion took.
    """

    path: Path
    levels: tuple[Level, ...]
    size: int
    seconds: float


@dataclass(frozen=True)
class Signature:
    """One entry of the device model.

    Attributes:
        name: by which the device calls it.
        module: what it computes, from the inputs by name.
        inputs: of the shapes that the device will give.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]


def convert(network: Network, job: Job, order: int, destination: Path) -> Converted:
    """Write a network as a .tflite file: float32, one signature a level and unit count, and the head.

    The work is done in a process of its own: the converter switches jax to 64 bits, prints, and takes
    half a gigabyte.

    Args:
        network: trained; it is not changed.
        job: that it was built from.
        order: O, the ids of a sample: 1 for words only, 2 with pairs.
        destination: the file to write, as a whole or not at all.

    Raises:
        ConvertError: an operator of a level does not convert; says which level.
    """
    started = time.monotonic()
    levels = device_levels(job, order)
    try:
        model = apart(flatbuffer, copy.deepcopy(network).cpu(), levels)
    except ApartError as error:
        raise ConvertError(f"the converter stopped: {error}") from None
    write(destination, model)
    return Converted(destination, levels, len(model), time.monotonic() - started)


def device_levels(job: Job, order: int) -> tuple[Level, ...]:
    """Return what the device knows of each level, finest first.

    Args:
        job: what is asked for.
        order: O, the ids of a sample.
    """
    levels: list[Level] = []
    read, channels = order, job.model.embedding.width or job.model.width
    for name, spec in job.granularities.items():
        # The coarsest level has one unit, the whole document.
        counts = job.device.unit_counts if len(levels) + 1 < len(job.granularities) else (1,)
        channels = spec.unit_width(channels, job.model.width)
        levels.append(Level(name=name, length=spec.length, channels=read, width=channels, counts=counts))
        read = channels
    return tuple(levels)


def flatbuffer(network: Network, levels: tuple[Level, ...]) -> bytes:
    """Return the bytes of the device model; better called through ``apart``."""
    import litert_torch

    wanted = list(signatures(network.eval().float().requires_grad_(False), levels))
    try:
        return _joined(litert_torch, wanted)
    except Exception as error:  # noqa: BLE001  torch, jax and MLIR each raise errors of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        where = _culprit(litert_torch, wanted)
        raise ConvertError(f"{where}: expected operators that convert; got: {reason}; use another encoder") from None


def signatures(network: Network, levels: tuple[Level, ...]) -> Iterator[Signature]:
    """Yield the entries of the device model: each level at each unit count, then the head."""
    for index, (level, module) in enumerate(zip(levels, network.levels.values(), strict=True)):
        for count in level.counts:
            units = (count, level.length, level.channels)
            if index == 0:
                finest = Finest(network.embedding, module)
                yield Signature(f"{level.name}_{count}", finest, {"ids": torch.ones(units, dtype=torch.int32)})
            else:
                inputs = {"samples": torch.zeros(units), "mask": torch.ones(units[:2])}
                yield Signature(f"{level.name}_{count}", Coarser(module), inputs)
    summaries = {level.name: torch.zeros(1, level.width) for level in levels}
    yield Signature("head", Outcome(network.fusion, network.head), summaries)


class Finest(nn.Module):
    """The level that reads ids: padding is where the word's id is 0."""

    def __init__(self, embedding: nn.Module, level: nn.Module) -> None:
        super().__init__()
        self.embedding, self.level = embedding, level

    def forward(self, ids: Int[Tensor, "N S O"]) -> dict[str, Float[Tensor, "N W"]]:
        """Return the units' vectors."""
        mask = (ids[:, :, 0] != 0).float()
        return {"vectors": self.level(self.embedding(ids), mask)}


class Coarser(nn.Module):
    """A level that reads the vectors of the finer one."""

    def __init__(self, level: nn.Module) -> None:
        super().__init__()
        self.level = level

    def forward(self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> dict[str, Float[Tensor, "N W"]]:
        """Return the units' vectors."""
        return {"vectors": self.level(samples, mask)}


class Outcome(nn.Module):
    """From the levels' summaries to probabilities."""

    def __init__(self, fusion: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.fusion, self.head = fusion, head

    def forward(self, **summaries: Float[Tensor, "B _"]) -> dict[str, Float[Tensor, "B K"]]:
        """Return the probability of each class."""
        logits = self.head(self.fusion(list(summaries.values())))
        return {"probabilities": torch.softmax(logits, 1)}


def _joined(litert_torch: Any, wanted: list[Signature]) -> bytes:
    converter = litert_torch.Converter()
    for signature in wanted:
        converter.signature(signature.name, signature.module.eval(), sample_kwargs=signature.inputs)
    model: bytes = converter.convert().model_content()
    return model


def _culprit(litert_torch: Any, wanted: list[Signature]) -> str:
    """Return the name of the first level that does not convert alone."""
    for signature in wanted:
        try:
            _joined(litert_torch, [signature])
        except Exception:  # noqa: BLE001  as above
            return signature.name.rsplit("_", 1)[0]
    return "the levels together"
