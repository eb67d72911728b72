"""What training costs: floating-point operations, counted from the network and the units of each batch.

Legend: N units of a level in a batch, S samples of the longest of them, C channels, D width of a state.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from mgdist.data.batches import Batch
from mgdist.job.cost import linear
from mgdist.job.phases import TOP, WHOLE, Phase
from mgdist.job.shapes import Shape, shapes, tagged, unit_operations
from mgdist.job.spec import Job
from mgdist.job.task import TagSpec

LEARNS, STAYS = 3, 1
"""Passes: forward, and backward twice as much, for inputs and for weights; only forward where nothing learns."""


def step_flops(job: Job, phase: Phase, outputs: Mapping[str, int]) -> Callable[[Batch], float]:
    """Return what tells the floating-point operations of learning from a batch: two for each multiply-add.

    Padding inside of a batch is computed, and so it counts; looking up an embedding does not.

    Args:
        job: what is trained.
        phase: tells what runs and what learns.
        outputs: K of each head.
    """
    levels = {shape.name: shape for shape in shapes(job)}
    runs = [
        (levels[name], phase.parts.get(name, WHOLE), LEARNS if phase.rate(name) else STAYS) for name in phase.levels
    ]
    answers = [(head, _answer_operations(job, phase, count, read)) for head, count, read in _readers(job, outputs)]

    known: list[dict[int, int]] = [{} for _ in runs]  # operations of a unit by its samples: asked for at each step

    def flops(batch: Batch) -> float:
        total = 0
        for (shape, part, each), of_unit, units in zip(runs, known, batch.levels, strict=True):
            count, samples = units.mask.shape
            if samples not in of_unit:
                of_unit[samples] = each * unit_operations(shape, samples, part.layers, part.width)
            total += count * of_unit[samples]
        for head, each in answers:
            total += each * (len(batch) if head is None else len(batch.targets[head]))
        return 2.0 * total

    return flops


def _readers(job: Job, outputs: Mapping[str, int]) -> Iterator[tuple[str | None, int, Sequence[tuple[Shape, int]]]]:
    """Yield the head of samples, None for those of examples together, with K and what they read."""
    tags = {name for name, head in job.heads.items() if isinstance(head, TagSpec)}
    whole = sum(count for name, count in outputs.items() if name not in tags and name not in job.summed)
    if whole:
        yield None, whole, [(shape, shape.width) for shape in shapes(job)]
    for name in tags:
        yield name, outputs[name], [(shape, shape.states) for shape in tagged(job)]


def _answer_operations(job: Job, phase: Phase, outputs: int, read: Sequence[tuple[Shape, int]]) -> int:
    """Return the multiply-adds of learning from one answer, with those of auxiliary heads."""
    total = sum(LEARNS * linear(width, outputs) for shape, width in read if shape.name in phase.auxiliary)
    if phase.heads:
        top = LEARNS if phase.rate(TOP) else STAYS
        total += top * top_operations(job, [width for _, width in read], outputs)
    return total


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
