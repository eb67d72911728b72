"""What a job would do, worked out without doing it, and without torch.

Legend: C channels of a sample, D width of a state, S samples of a unit, F numbers of the fused vector, K classes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from mgdist.job.audio import AudioSpec
from mgdist.job.checkpoint import read_checkpoint
from mgdist.job.compress import Method
from mgdist.job.cost import encoder_cost, linear, pool_cost
from mgdist.job.data import InputSpec
from mgdist.job.device import size_line
from mgdist.job.image import ImageSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.phases import TOP, WHOLE, Phase, phases
from mgdist.job.series import SeriesSpec
from mgdist.job.shapes import Shape, shapes, tagged, unit_counts, unit_operations, units
from mgdist.job.spec import Job
from mgdist.job.table import TableSpec
from mgdist.job.task import ClassifySpec, ForecastSpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec, TagSpec
from mgdist.job.text import TextSpec, WordPieceSpec

SMALLEST_VOCABULARY = 2
"""Padding and the unknown word are always there."""


@dataclass(frozen=True)
class LevelPlan:
    """One granularity.

    Attributes:
        name: word, sentence, ...
        length: S, samples of a unit at most.
        channels: C of what it reads.
        width: numbers of a unit's vector.
        parameters: that it learns.
        operations: multiply-adds of one full unit.
        signatures: its entries in the device model.
    """

    name: str
    length: int
    channels: int
    width: int
    parameters: int
    operations: int
    signatures: tuple[str, ...]


@dataclass(frozen=True)
class PhasePlan:
    """One phase of the training.

    Attributes:
        name: as it is logged.
        epochs: at most.
        levels: that run.
        learns: the parts that learn: levels, and ``top`` for fusion and heads.
        less: what is read or run less than in the end, in words; empty for nothing.
        operations: multiply-adds of its levels: of one full unit of each, or of all of an example where that is known.
    """

    name: str
    epochs: int
    levels: tuple[str, ...]
    learns: tuple[str, ...]
    less: str
    operations: int


@dataclass(frozen=True)
class Plan:
    """A job, resolved.

    Attributes:
        job: that is planned.
        levels: finest first.
        tables: rows and width of each embedding; before fitting, as many rows as there can be.
        outputs: K of all heads; before reading the data, as few as there can be.
        fusion: parameters of the fusion.
        head: parameters of the heads.
        sizes: bytes of the weights in each format, about.
        trials: of the search; 0 without one.
        phases: of the training, in order.
        mistakes: limits of the device that are surely broken.
    """

    job: Job
    levels: tuple[LevelPlan, ...]
    tables: tuple[tuple[int, int], ...]
    outputs: int
    fusion: int
    head: int
    sizes: dict[Method, int]
    trials: int
    phases: tuple[PhasePlan, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def parameters(self) -> int:
        """Numbers that the network learns, in all."""
        return (
            sum(rows * width for rows, width in self.tables)
            + sum(level.parameters for level in self.levels)
            + self.fusion
            + self.head
        )


def plan(job: Job) -> Plan:
    """Work out what a checked job would do."""
    levels = tuple(_level(job, shape) for shape in shapes(job))
    tables = tuple(table for spec in job.inputs.values() for table in _tables(job, spec, fewest=False))
    least = sum(rows * width for spec in job.inputs.values() for rows, width in _tables(job, spec, fewest=True))
    embedded = sum(rows * width for rows, width in tables)
    fusion, head = _top(job)
    outputs = sum(map(_outputs, job.heads.values()))
    others = sum(level.parameters for level in levels) + fusion + head
    return Plan(
        job=job,
        levels=levels,
        tables=tables,
        outputs=outputs,
        fusion=fusion,
        head=head,
        sizes={method: _bytes(method, embedded, others) for method in job.methods},
        trials=job.search.trials if job.search else 0,
        phases=tuple(_phase(job, levels, phase) for phase in phases(job)),
        mistakes=_broken(job, least, others),
    )


def _tables(job: Job, spec: InputSpec, *, fewest: bool) -> list[tuple[int, int]]:
    """Return rows and width of the embedding that an input needs, if it does."""
    match spec:
        case TextSpec(tokenizer=WordPieceSpec(path=path)):
            buckets = job.model.embedding.ngrams.buckets if job.model.embedding.ngrams else 0
            return [(read_checkpoint(path).vocabulary + buckets, job.model.embedding.width or job.model.width)]
        case TextSpec(vocabulary=vocabulary):
            buckets = job.model.embedding.ngrams.buckets if job.model.embedding.ngrams else 0
            rows = (SMALLEST_VOCABULARY if fewest else vocabulary) + buckets
            return [(rows, job.model.embedding.width or job.model.width)]
        case TableSpec():
            # A number has two rows at least, itself and missing; so has a category, and the unknown one.
            least = 1 + 2 * len(spec.numeric) + 3 * len(spec.categorical) + 2 * len(spec.dates)
            return [(least, 2 * (job.model.embedding.width or job.model.width))]
        case ImageSpec() | SeriesSpec() | AudioSpec():
            return []
        case _ as never:
            assert_never(never)


def _top(job: Job) -> tuple[int, int]:
    """Return the parameters of the fusions and of the heads; labels of samples are made by a fusion of their own."""
    tags: list[Head] = [head for head in job.heads.values() if isinstance(head, TagSpec)]
    with_weights = [head for name, head in job.heads.items() if name not in job.summed]
    parts = [
        (tuple(shape.width for shape in shapes(job)), [each for each in with_weights if each not in tags]),
        (tuple(shape.states for shape in tagged(job)), tags),
    ]
    fusions, answers = 0, 0
    for widths, heads in parts:
        if heads:
            fusion, fused = _fusion(job, widths)
            fusions, answers = fusions + fusion, answers + linear(fused, sum(map(_outputs, heads)))
    return fusions, answers


def _outputs(head: Head) -> int:
    """Return the outputs of a head, as few as there can be."""
    match head:
        case ClassifySpec():
            return 2
        case OrdinalSpec(order=order):
            return len(order or (0, 1, 2))
        case MultiLabelSpec(labels=labels):
            return len(labels or (0,))
        case RegressSpec(targets=targets):
            return len(targets)
        case ForecastSpec(horizon=horizon, quantiles=quantiles):
            return horizon * len(quantiles or (0.5,))
        case TagSpec():
            return 2
        case _ as never:
            assert_never(never)


def _level(job: Job, shape: Shape) -> LevelPlan:
    spec = shape.spec
    encoder, _ = encoder_cost(spec.encoder, shape.channels, shape.states, spec.length, shape.axes)
    pools = [pool_cost(pool, shape.states) for pool in spec.pool]
    counts = unit_counts(job, shape.input, shape.inner)
    return LevelPlan(
        name=shape.name,
        length=spec.samples(shape.axes),
        channels=shape.channels,
        width=shape.width,
        parameters=encoder + sum(pools),
        operations=unit_operations(shape, spec.samples(shape.axes)),
        signatures=tuple(f"{shape.name.replace('.', '_')}_{count}" for count in counts),
    )


def _phase(job: Job, levels: tuple[LevelPlan, ...], phase: Phase) -> PhasePlan:
    less = [f"{name} {count} units" for name, count in phase.units.items()]
    less += [f"{name} at 1/{factor} of its size" for name, factor in phase.scales.items()]
    for name, ran in phase.parts.items():
        less += [f"{name} {ran.layers} layers"] if ran.layers is not None else []
        less += [f"{name} {ran.width:g} of its hidden width"] if ran.width < 1 else []
    runs = [(level, shape) for level, shape in zip(levels, shapes(job), strict=True) if shape.name in phase.levels]
    operations = 0
    for level, shape in runs:
        known = units(job, shape.input) or {}
        full = shape.spec.samples(shape.axes) // phase.scales.get(level.name, 1) ** shape.axes
        runs_of = phase.parts.get(level.name, WHOLE)
        operations += unit_operations(shape, full, runs_of.layers, runs_of.width) * known.get(shape.inner, 1)
    return PhasePlan(
        name=phase.name,
        epochs=phase.epochs,
        levels=phase.levels,
        learns=tuple(part for part in (*phase.levels, TOP) if phase.rate(part)),
        less=", ".join(less),
        operations=operations,
    )


def _fusion(job: Job, levels: tuple[int, ...]) -> tuple[int, int]:
    """Return the parameters of the fusion of so many numbers of each level, and of the layers behind it, and F."""
    width = job.model.width
    count = len(levels) if job.model.norm else 0
    match job.model.fusion:
        case "concat":
            fused = sum(levels)
        case "gated":
            fused = width
            count += sum(linear(each, width) for each in levels) + linear(len(levels) * width, len(levels))
        case _ as never:
            assert_never(never)
    widths = (fused, *job.model.hidden)
    return count + sum(linear(into, out) for into, out in pairwise(widths)), widths[-1]


def _bytes(method: Method, embedding: int, others: int) -> int:
    """Return the bytes of the weights; scales, operators and what else a bundle holds come on top."""
    match method:
        case "float32":
            return 4 * (embedding + others)
        case "float16":
            return 2 * (embedding + others)
        case "int8_weight" | "int8_dynamic" | "int8_static" | "int16_static":
            return embedding + others
        case "int8_embedding":
            return embedding + 4 * others
        case "int4":
            return embedding // 2 + others
        case "int2":
            return embedding // 4 + others
        case "mixed":  # at the least
            return embedding // 4 + others // 2
        case _ as never:
            assert_never(never)


def _broken(job: Job, embedding: int, others: int) -> tuple[Mistake, ...]:
    """Return the limits that even the smallest format, with the fewest rows there can be, breaks."""
    limit = job.device.max_size
    least, method = min((_bytes(method, embedding, others), method) for method in job.methods)
    if limit is None or least <= limit:
        return ()
    message = (
        f"the weights alone take {size_line(least)} as {method}; got a limit of {size_line(limit)}; "
        "make model.width or model.embedding.ngrams.buckets smaller, or the limit larger"
    )
    return (Mistake("device.max_size", message),)
