"""What training costs: floating-point operations, counted from the network and the units of each batch.

Legend: N units of a level in a batch, S samples of the longest of them, C channels, D width of a state.
"""

from collections.abc import Iterator, Mapping, Sequence

from mgdist.data.batches import Batch
from mgdist.job.cost import linear
from mgdist.job.phases import TOP, WHOLE, Phase
from mgdist.job.shapes import Shape, shapes, tagged, unit_operations
from mgdist.job.spec import Job
from mgdist.job.task import TagSpec

LEARNS, STAYS = 3, 1
"""Passes: forward, and backward twice as much, for inputs and for weights; only forward where nothing learns."""


def step_flops(job: Job, phase: Phase, outputs: Mapping[str, int], batch: Batch) -> float:
    """Return the floating-point operations of learning from a batch: two for each multiply-add.

    Padding inside of a batch is computed, and so it counts; looking up an embedding does not.

    Args:
        job: what is trained.
        phase: tells what runs and what learns.
        outputs: K of each head.
        batch: whose units are counted.
    """
    levels = {shape.name: shape for shape in shapes(job)}
    total = 0
    for name, units in zip(phase.levels, batch.levels, strict=True):
        count, samples = units.mask.shape
        part = phase.parts.get(name, WHOLE)
        each = unit_operations(levels[name], samples, part.layers, part.width)
        total += (LEARNS if phase.rate(name) else STAYS) * count * each
    top = LEARNS if phase.rate(TOP) else STAYS
    for count, answers, read in _readers(job, outputs, batch):
        for shape, width in read:
            if shape.name in phase.auxiliary:
                total += LEARNS * count * linear(width, answers)
        if phase.heads:
            total += top * count * top_operations(job, [width for _, width in read], answers)
    return 2.0 * total


def _readers(
    job: Job, outputs: Mapping[str, int], batch: Batch
) -> Iterator[tuple[int, int, Sequence[tuple[Shape, int]]]]:
    """Yield for the heads of examples and for those of samples how often they answer, K, and what they read."""
    tags = {name for name, head in job.heads.items() if isinstance(head, TagSpec)}
    whole = sum(count for name, count in outputs.items() if name not in tags and name not in job.summed)
    if whole:
        yield len(batch), whole, [(shape, shape.width) for shape in shapes(job)]
    for name in tags:
        yield len(batch.targets[name]), outputs[name], [(shape, shape.states) for shape in tagged(job)]


def top_operations(job: Job, widths: Sequence[int], outputs: int) -> int:
    """Return the multiply-adds of fusion and heads for one answer.

    Args:
        job: whose network it is.
        widths: numbers of each level that are read.
        outputs: K of all heads.
    """
    width = job.model.width
    if job.model.fusion == "concat":
        return linear(sum(widths), outputs)
    gates = linear(len(widths) * width, len(widths))
    return sum(linear(each, width) for each in widths) + gates + linear(width, outputs)
