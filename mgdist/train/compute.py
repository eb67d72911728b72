"""What training costs: floating-point operations, counted from the network and the units of each batch.

Legend: N units of a level in a batch, S samples of the longest of them, C channels, D width of a state.
"""

from collections.abc import Mapping

from mgdist.data.batches import Batch
from mgdist.job.cost import linear
from mgdist.job.phases import TOP, WHOLE, Phase
from mgdist.job.shapes import shapes, unit_operations
from mgdist.job.spec import Job

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
    answers = sum(count for name, count in outputs.items() if name not in job.summed)
    for name in phase.auxiliary:
        total += LEARNS * len(batch) * linear(levels[name].width, answers)
    if phase.heads:
        total += (LEARNS if phase.rate(TOP) else STAYS) * len(batch) * top_operations(job, answers)
    return 2.0 * total


def top_operations(job: Job, outputs: int) -> int:
    """Return the multiply-adds of fusion and heads for one example.

    Args:
        job: whose network it is.
        outputs: K of all heads.
    """
    widths, width = [shape.width for shape in shapes(job)], job.model.width
    if job.model.fusion == "concat":
        return linear(sum(widths), outputs)
    gates = linear(len(widths) * width, len(widths))
    return sum(linear(each, width) for each in widths) + gates + linear(width, outputs)
