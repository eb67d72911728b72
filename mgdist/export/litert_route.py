"""From a trained network to one .tflite file, through litert-torch.

Each level is exported in a few unit counts, as signatures that share their weights; so the device pays
for the units that a document has, and not for the longest document. Shapes are fixed, since the
converter accepts no others.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from mgdist.apart import ApartError, apart, needs
from mgdist.errors import ConvertError
from mgdist.export.lstm import hold_places, with_operators
from mgdist.job.shapes import Shape, shapes, tagged, unit_counts
from mgdist.job.spec import Job
from mgdist.models import level as models
from mgdist.models.heads import activated
from mgdist.models.network import Network, key_of
from mgdist.runs import write
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.manifest import Level
from mgdist_edge.runtime import HEAD
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Task
from mgdist_edge.text import TextInput

LEVELS = ".levels.json"
"""What stands in place of a model's ending in the name of the file with its levels."""


@dataclass(frozen=True)
class Converted:
    """A device model in float32.

    Attributes:
        path: the .tflite file.
        levels: its signatures ``{key}_{count}``; beside them stands ``head``, or ``head_{count}`` for labelled samples.
    """

    path: Path
    levels: tuple[Level, ...]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @classmethod
    def open(cls, path: Path) -> "Converted":
        """Read what :func:`convert` left."""
        levels = json.loads(path.with_suffix(LEVELS).read_text())
        return cls(path, tuple(Level(**(each | {"counts": tuple(each["counts"])})) for each in levels))


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


def convert(
    network: Network, job: Job, inputs: Mapping[str, Input], tasks: Mapping[str, Task], destination: Path
) -> Converted:
    """Write a network as a .tflite file: float32, one signature a level and unit count, and the head.

    Its levels are written beside it. The work is done in a process of its own: the converter switches jax to 64 bits,
    prints, and takes half a gigabyte.

    Args:
        network: trained; it is not changed.
        job: that it was built from.
        inputs: fitted, by name.
        tasks: what each head answers.
        destination: the file to write, as a whole or not at all.

    Raises:
        ConvertError: an operator of a level does not convert; says which level.
    """
    network = copy.deepcopy(network).cpu().eval()
    levels = device_levels(job, inputs, network)
    try:
        model = apart(flatbuffer, network, levels, dict(tasks))
    except ApartError as error:
        raise ConvertError(f"the converter stopped: {error}") from None
    write(destination, model)
    write(destination.with_suffix(LEVELS), json.dumps([asdict(level) for level in levels], indent=1))
    return Converted(destination, levels)


def device_levels(job: Job, inputs: Mapping[str, Input], network: Network) -> tuple[Level, ...]:
    """Return what the device knows of each level: of each input, finest first.

    Args:
        job: what is asked for.
        inputs: fitted, by name.
        network: ready to answer; its widths count, which are smaller than asked for where it was pruned.
    """
    levels: list[Level] = []
    for shape in shapes(job):
        channels = levels[-1].width if shape.reads == "units" else inputs[shape.input].channels[shape.inner]
        levels.append(_level(job, shape, inputs[shape.input], channels, network))
    return tuple(levels)


def _level(job: Job, shape: Shape, fitted: Input, channels: int, network: Network) -> Level:
    raw, ids = shape.reads == "raw", isinstance(fitted, TextInput)
    kind = torch.int32 if raw and ids else torch.float32
    samples = torch.zeros(1, shape.spec.samples(shape.axes), channels, dtype=kind)
    states, width = _widths(network, key_of(shape.name), samples)
    return Level(
        name=shape.name,
        input=shape.input,
        reads="units" if not raw else "ids" if ids else "samples",
        length=shape.spec.samples(shape.axes),
        channels=channels,
        width=width,
        counts=unit_counts(job, shape.input, shape.inner),
        masked=not (raw and ids) and not isinstance(fitted, ImageInput),
        states=states if shape in tagged(job) else 0,
    )


def _widths(network: Network, key: str, samples: Shaped[Tensor, "1 S C"]) -> tuple[int, int]:
    """Return the numbers of a state and of a unit's vector, for samples of a raw view or of the finer level."""
    level = network.levels[key]
    assert isinstance(level, models.Level), "a network has levels"
    with torch.inference_mode():
        seen = network.embeddings[key](samples) if key in network.embeddings else samples
        mask = torch.ones_like(seen[:, :, 0])
        states, real = level.states(seen, mask)
        return states.shape[2], level.vectors(states, real, seen, mask).shape[1]


@needs("litert_torch")
def flatbuffer(network: Network, levels: tuple[Level, ...], tasks: Mapping[str, Task]) -> bytes:
    """Return the bytes of the device model; better called through ``apart``."""
    wanted = list(signatures(network.eval().float().requires_grad_(False), levels, tasks))
    try:
        return joined(wanted)
    except Exception as error:  # noqa: BLE001  torch, jax and MLIR each raise errors of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        where = _culprit(wanted)
        raise ConvertError(f"{where}: expected operators that convert; got: {reason}; use another encoder") from None


def signatures(network: Network, levels: tuple[Level, ...], tasks: Mapping[str, Task]) -> Iterator[Signature]:
    """Yield the entries of the device model: each level at each unit count, then the heads."""
    for level in levels:
        module = network.levels[level.key]
        if level.key in network.embeddings:
            module = Embedded(network.embeddings[level.key], module)
        for count in level.counts:
            shape, mask = (count, level.length, level.channels), torch.ones(count, level.length)
            match level.reads:
                case "ids":
                    ids = {"ids": torch.ones(shape, dtype=torch.int32)}
                    yield Signature(f"{level.key}_{count}", OfIds(module), ids)
                case "samples" | "units" if level.masked:
                    inputs = {"samples": torch.zeros(shape), "mask": mask}
                    each = OfStates(module) if level.states else OfSamples(module)
                    yield Signature(f"{level.key}_{count}", each, inputs)
                case "samples" | "units":
                    yield Signature(f"{level.key}_{count}", OfFull(module), {"samples": torch.zeros(shape)})
    tags = {name: task for name, task in tasks.items() if isinstance(task, Tag)}
    others = {name: task for name, task in tasks.items() if name not in tags}
    if network.fusion is not None:
        summaries = {level.key: torch.zeros(1, level.width) for level in levels}
        yield Signature(HEAD, Outcome(network.fusion, network.heads, others), summaries)
    if network.sample_fusion is not None:
        read = [level for level in levels if level.states]
        for count in read[0].counts:
            states = {level.key: torch.zeros(count, read[0].length, level.states) for level in read}
            yield Signature(f"{HEAD}_{count}", OfTags(network.sample_fusion, network.heads, tags), states)


class Embedded(nn.Module):
    """A level behind the embedding of what it reads."""

    def __init__(self, embedding: nn.Module, level: nn.Module) -> None:
        super().__init__()
        self.embedding, self.level = embedding, level

    def forward(self, samples: Tensor, mask: Float[Tensor, "N S"]) -> Float[Tensor, "N W"]:
        """Return the units' vectors."""
        vectors: Tensor = self.level(self.embedding(samples), mask)
        return vectors


class OfIds(nn.Module):
    """A level that reads ids: padding is where the word's id is 0."""

    def __init__(self, level: nn.Module) -> None:
        super().__init__()
        self.level = level

    def forward(self, ids: Int[Tensor, "N S O"]) -> dict[str, Float[Tensor, "N W"]]:
        """Return the units' vectors."""
        mask = (ids[:, :, 0] != 0).float()
        return {"vectors": self.level(ids, mask)}


class OfSamples(nn.Module):
    """A level that reads readings, or the vectors of the finer one."""

    def __init__(self, level: nn.Module) -> None:
        super().__init__()
        self.level = level

    def forward(self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> dict[str, Float[Tensor, "N W"]]:
        """Return the units' vectors."""
        return {"vectors": self.level(samples, mask)}


class OfStates(nn.Module):
    """A level that tells the states of its samples too, since they are labelled, or cover samples that are."""

    def __init__(self, level: nn.Module) -> None:
        super().__init__()
        assert isinstance(level, models.Level), "readings have no embedding"
        self.level = level

    def forward(
        self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> dict[str, Float[Tensor, "N *any"]]:
        """Return the units' vectors (N, W), and the states (N, S, D)."""
        states, seen = self.level.states(samples, mask)
        return {"vectors": self.level.vectors(states, seen, samples, mask), "states": states}


class OfFull(nn.Module):
    """A level whose units are always full, so that it needs no mask."""

    def __init__(self, level: nn.Module) -> None:
        super().__init__()
        self.level = level

    def forward(self, samples: Float[Tensor, "N S C"]) -> dict[str, Float[Tensor, "N W"]]:
        """Return the units' vectors."""
        return {"vectors": self.level(samples, torch.ones_like(samples[:, :, 0]))}


class Outcome(nn.Module):
    """From the levels' summaries to what each head answers."""

    def __init__(self, fusion: nn.Module, heads: nn.ModuleDict, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.fusion, self.heads, self.tasks = fusion, heads, dict(tasks)

    def forward(self, **summaries: Float[Tensor, "B _"]) -> dict[str, Float[Tensor, "B _"]]:
        """Return the outputs of each head: probabilities, or standardised numbers."""
        fused = self.fusion(list(summaries.values()))
        return {name: activated(task, self.heads[name](fused)) for name, task in self.tasks.items()}


class OfTags(nn.Module):
    """From the states that each sample reads to its labels."""

    def __init__(self, fusion: nn.Module, heads: nn.ModuleDict, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.fusion, self.heads, self.tasks = fusion, heads, dict(tasks)

    def forward(self, **states: Float[Tensor, "N S _"]) -> dict[str, Float[Tensor, "N S _"]]:
        """Return the probabilities of each head's labels."""
        units, samples, _ = next(iter(states.values())).shape
        fused = self.fusion([each.flatten(0, 1) for each in states.values()])
        found = {name: activated(task, self.heads[name](fused)) for name, task in self.tasks.items()}
        return {name: each.reshape(units, samples, -1) for name, each in found.items()}


def joined(wanted: list[Signature]) -> bytes:
    """Return a flatbuffer with some signatures; whatever torch, jax and MLIR raise goes through."""
    import litert_torch

    converter = litert_torch.Converter()
    for signature in wanted:
        hold_places(signature.module)
        converter.signature(signature.name, signature.module.eval(), sample_kwargs=signature.inputs)
    return with_operators(converter.convert().model_content())


def _culprit(wanted: list[Signature]) -> str:
    """Return the name of the first level that does not convert alone."""
    for signature in wanted:
        try:
            joined([signature])
        except Exception:  # noqa: BLE001  as above
            return signature.name.rsplit("_", 1)[0]
    return "the levels together"
