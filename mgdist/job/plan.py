"""What a job would do, worked out without doing it, and without torch.

Legend: C channels of a sample, D width of a state, S samples of a unit, F numbers of the fused vector, K classes.
"""

from dataclasses import dataclass
from typing import assert_never

from mgdist.job.compress import Method
from mgdist.job.encoders import BagSpec, ConvSpec, Encoder, GruSpec, LstmSpec, Pool, TransformerSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job

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
class Plan:
    """A job, resolved.

    Attributes:
        job: that is planned.
        levels: finest first.
        rows: of the embedding; before fitting, as many as there can be.
        classes: K; before reading the data, as few as there can be.
        embedding: parameters of the embedding.
        fusion: parameters of the fusion.
        head: parameters of the head.
        sizes: bytes of the weights in each format, about.
        trials: of the search; 0 without one.
        phases: of the training, in order.
        mistakes: limits of the device that are surely broken.
    """

    job: Job
    levels: tuple[LevelPlan, ...]
    rows: int
    classes: int
    embedding: int
    fusion: int
    head: int
    sizes: dict[Method, int]
    trials: int
    phases: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def parameters(self) -> int:
        """Numbers that the network learns, in all."""
        return self.embedding + sum(level.parameters for level in self.levels) + self.fusion + self.head


def plan(job: Job, vocabulary: int | None = None, classes: int = 2) -> Plan:
    """Work out what a job would do.

    Args:
        job: checked.
        vocabulary: words with a vector of their own, once it is fitted.
        classes: K, once the data is read.
    """
    model, buckets = job.model, job.model.embedding.ngrams.buckets if job.model.embedding.ngrams else 0
    rows = (vocabulary or job.data.input.vocabulary) + buckets
    width = model.embedding.width or model.width
    levels = _levels(job, width)
    fusion, fused = _fusion(job, levels)
    others = sum(level.parameters for level in levels) + fusion + _linear(fused, classes)
    return Plan(
        job=job,
        levels=levels,
        rows=rows,
        classes=classes,
        embedding=rows * width,
        fusion=fusion,
        head=_linear(fused, classes),
        sizes={method: _bytes(method, rows * width, others) for method in job.compress.methods},
        trials=job.search.trials if job.search else 0,
        phases=("joint",),
        mistakes=_broken(job, ((vocabulary or SMALLEST_VOCABULARY) + buckets) * width, others),
    )


def _levels(job: Job, channels: int) -> tuple[LevelPlan, ...]:
    levels: list[LevelPlan] = []
    width = job.model.width
    for name, spec in job.granularities.items():
        counts = job.device.unit_counts if len(levels) + 1 < len(job.granularities) else (1,)
        encoder, operations = _encoder(spec.encoder, channels, width, spec.length)
        pools = [_pool(pool, width) for pool in spec.pool]
        levels.append(
            LevelPlan(
                name=name,
                length=spec.length,
                channels=channels,
                width=spec.unit_width(channels, width),
                parameters=encoder + sum(pools),
                operations=operations + spec.length * sum(pools),
                signatures=tuple(f"{name}_{count}" for count in counts),
            )
        )
        channels = levels[-1].width
    return tuple(levels)


def _encoder(spec: Encoder, channels: int, width: int, length: int) -> tuple[int, int]:
    """Return the parameters of an encoder, and the multiply-adds of one full unit."""
    project = 0 if channels == width else _linear(channels, width)
    match spec:
        case BagSpec():
            return project, length * project
        case ConvSpec(layers=layers, kernel=kernel, residual=residual):
            into = width if residual else channels
            beginning = project if residual else 0
            count = beginning + _linear(kernel * into, width) + (layers - 1) * _linear(kernel * width, width)
            return count, length * count
        case GruSpec(layers=layers, bidirectional=both) | LstmSpec(layers=layers, bidirectional=both):
            ways, gates = 2 if both else 1, 3 if isinstance(spec, GruSpec) else 4
            state = width // ways
            read = [channels] + [width] * (layers - 1)
            count = sum(ways * gates * (_linear(each, state) + _linear(state, state)) for each in read)
            return count, length * count
        case TransformerSpec(layers=layers, expansion=expansion):
            wide = expansion * width
            feed = _linear(width, wide) + _linear(wide, width)
            block = _linear(width, 3 * width) + _linear(width, width) + feed
            norms = (2 * layers + 1) * 2 * width
            count = project + layers * block
            return count + norms + length * width, length * (count + layers * 2 * length * width)
        case _ as never:
            assert_never(never)


def _pool(pool: Pool, width: int) -> int:
    match pool:
        case "mean" | "max":
            return 0
        case "attention":
            return _linear(width, width) + width
        case _ as never:
            assert_never(never)


def _fusion(job: Job, levels: tuple[LevelPlan, ...]) -> tuple[int, int]:
    """Return the parameters of the fusion, and F."""
    width = job.model.width
    factors = len(levels) if job.model.norm else 0
    match job.model.fusion:
        case "concat":
            return factors, sum(level.width for level in levels)
        case "gated":
            projections = sum(_linear(level.width, width) for level in levels)
            return factors + projections + _linear(len(levels) * width, len(levels)), width
        case _ as never:
            assert_never(never)


def _linear(channels: int, width: int) -> int:
    return (channels + 1) * width


def _bytes(method: Method, embedding: int, others: int) -> int:
    """Return the bytes of the weights; scales, operators and what else a bundle holds come on top."""
    match method:
        case "float32":
            return 4 * (embedding + others)
        case "float16":
            return 2 * (embedding + others)
        case "int8_weight" | "int8_dynamic":
            return embedding + others
        case "int4":
            return embedding // 2 + others
        case _ as never:
            assert_never(never)


def _broken(job: Job, embedding: int, others: int) -> tuple[Mistake, ...]:
    """Return the limits that even the smallest format, with the fewest rows there can be, breaks."""
    limit = job.device.max_size
    least, method = min((_bytes(method, embedding, others), method) for method in job.compress.methods)
    if limit is None or least <= limit:
        return ()
    message = (
        f"the weights alone take {least / 1e6:.1f} MB as {method}; got a limit of {limit / 1e6:.1f} MB; "
        "make model.width or model.embedding.ngrams.buckets smaller, or the limit larger"
    )
    return (Mistake("device.max_size", message),)
