"""What no single field can know: fields of a job that contradict each other."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from mgdist.job.audio import GRANULARITIES as AUDIO
from mgdist.job.audio import AudioSpec
from mgdist.job.compress import EMBEDDED, STATIC, USUAL, WRONG
from mgdist.job.distil_conflicts import distil_mistakes, ensemble_mistakes
from mgdist.job.encoders import (
    AttentionPoolSpec,
    BagSpec,
    ConvSpec,
    GruSpec,
    LevelSpec,
    LstmSpec,
    MlpSpec,
    NoneSpec,
    PretrainedSpec,
    RnnSpec,
    TransformerSpec,
)
from mgdist.job.exit_conflicts import exit_mistakes
from mgdist.job.head_conflicts import head_mistakes
from mgdist.job.image import GRANULARITIES as IMAGE
from mgdist.job.image import ImageSpec, image_mistakes
from mgdist.job.mistakes import Mistake
from mgdist.job.pretrained import pretrained_mistakes
from mgdist.job.prune_conflicts import aware_mistakes, prune_mistakes
from mgdist.job.series import SeriesSpec, series_mistakes
from mgdist.job.shapes import shapes, shortest_unit
from mgdist.job.spec import Job
from mgdist.job.split_conflicts import split_mistakes
from mgdist.job.strategy_conflicts import regularising_mistakes, strategy_mistakes
from mgdist.job.table import GRANULARITIES as TABLE
from mgdist.job.table import TableSpec
from mgdist.job.tag_conflicts import tag_mistakes
from mgdist.job.task import ClassifySpec, ForecastSpec, MultiLabelSpec, SeveralSpec
from mgdist.job.text import GRANULARITIES as TEXT
from mgdist.job.text import TextSpec
from mgdist.job.train_conflicts import scale_mistakes

LONGEST_RECURRENT = 256
"""Samples of a recurrent unit at most: it is unrolled on the device, and 400 steps take 4 MB of operators."""

METRICS = {
    "classify": ("accuracy", "macro_f1", "auc"),
    "ordinal": ("accuracy", "macro_f1", "auc"),
    "multi_label": ("micro_f1", "macro_f1", "subset_accuracy"),
    "regress": ("r2", "mse", "mae"),
    "forecast": ("r2", "mse", "mae", "pinball"),
    "tag": ("accuracy", "macro_f1", "auc"),
}
"""What each kind of head can be chosen by."""


def conflicts(job: Job) -> list[Mistake]:
    """Return all contradictions of a job, with the path to change."""
    found = [*_inputs(job), *_levels(job), *_beginning(job), *_learning(job), *_training(job), *_rest(job)]
    found += [*_forecast(job), *strategy_mistakes(job), *regularising_mistakes(job), *pretrained_mistakes(job)]
    found += [*split_mistakes(job), *head_mistakes(job)]
    found += [*ensemble_mistakes(job), *distil_mistakes(job)]
    found += [
        *_padded(job),
        *_long(job),
        *tag_mistakes(job),
        *prune_mistakes(job),
        *aware_mistakes(job),
        *exit_mistakes(job),
    ]
    for level in shapes(job):
        path, spec = f"granularities.{level.name}", level.spec
        found += [*_encoder(path, spec, level.states, level.axes), *_pools(path, spec, level.states)]
    return found


def _inputs(job: Job) -> Iterator[Mistake]:
    if job.data.input is not None and job.data.inputs:
        yield Mistake("data", "expected one of input and inputs; got both")
    if not job.inputs:
        yield Mistake("data.input", "expected a value; it is missing")
    if len(job.data.inputs) == 1:
        yield Mistake("data.inputs", "expected several inputs; got one; write it as data.input")
    for full in job.granularities if job.data.inputs else ():
        name, dot, _ = full.partition(".")
        if not dot or name not in job.data.inputs:
            known = ", ".join(f"{each}.NAME" for each in job.data.inputs)
            yield Mistake(f"granularities.{full}", f"expected the input in front, one of {known}")


def _levels(job: Job) -> Iterator[Mistake]:
    for name, spec in job.inputs.items():
        before = f"{name}." if job.data.inputs else ""
        levels = job.levels_of(name)
        if not levels:
            yield Mistake("granularities", f"expected at least one of input {name}; got none")
        match spec:
            case TextSpec():
                yield from _of_text(levels, before)
            case ImageSpec():
                yield from _named(levels, before, IMAGE)
                for path, message in image_mistakes(spec, job.windows_of(name)):
                    yield Mistake(f"granularities.{before}{path}", message)
            case AudioSpec():
                yield from _named(levels, before, AUDIO)
            case TableSpec(groups=groups):
                yield from _named(levels, before, TABLE)
                for inner, level in levels.items():
                    if level.scale not in (None, 1):
                        yield Mistake(f"granularities.{before}{inner}.scale", "fields cannot be averaged; leave it out")
                if groups is not None and "group" not in levels:
                    yield Mistake("granularities", f"expected {before}group, since data.input.groups is given")
            case SeriesSpec():
                for path, message in series_mistakes(spec, job.windows_of(name)):
                    yield Mistake(f"granularities.{before}{path}", message)
            case _ as never:
                assert_never(never)


def _of_text(levels: Mapping[str, LevelSpec], before: str) -> Iterator[Mistake]:
    yield from _named(levels, before, TEXT)
    for name, level in levels.items():
        if level.scale is not None:
            yield Mistake(f"granularities.{before}{name}.scale", "words cannot be averaged; leave it out")
    if levels and TEXT[0] not in levels:
        yield Mistake("granularities", f"expected {before}{TEXT[0]}, on which the others build; it is missing")


def _named(levels: Mapping[str, LevelSpec], before: str, known: Sequence[str]) -> Iterator[Mistake]:
    """Yield levels that an input does not have, and a wrong order."""
    for name in levels:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield Mistake(f"granularities.{before}{name}", f"expected one of {', '.join(known)}{meant}")
    named = [name for name in levels if name in known]
    if named != sorted(named, key=known.index):
        yield Mistake("granularities", f"expected the finest first; got {', '.join(named)}")


def _encoder(path: str, level: LevelSpec, width: int, axes: int = 1) -> Iterator[Mistake]:
    wide = f"{path}.width" if level.width is not None else "model.width"
    match level.encoder:
        case ConvSpec() as conv:
            yield from _conv(path, conv, level.length, width, wide)
        case RnnSpec(bidirectional=both) | GruSpec(bidirectional=both) | LstmSpec(bidirectional=both):
            if both and width % 2:
                yield Mistake(wide, f"expected an even number for {path}, which reads both ways; got {width}")
            fused = isinstance(level.encoder, LstmSpec) and level.encoder.fused
            if level.samples(axes) > LONGEST_RECURRENT and not fused:
                yield Mistake(
                    f"{path}.length",
                    f"expected at most {LONGEST_RECURRENT} for a recurrent encoder, which is unrolled on the device; "
                    f"got {level.samples(axes)}; an lstm with encoder.fused: true may be longer",
                )
        case TransformerSpec(heads=heads):
            if width % heads:
                yield Mistake(f"{path}.encoder.heads", f"{heads} heads do not divide {wide} {width}")
        case NoneSpec():
            if level.width is not None:
                yield Mistake(wide, "a level without an encoder is as wide as its samples; use null, or encoder bag")
        case BagSpec() | MlpSpec() | PretrainedSpec():
            pass  # what a checkpoint must fit is told by pretrained_mistakes
        case _ as never:
            assert_never(never)


def _conv(path: str, conv: ConvSpec, length: int, width: int, wide: str) -> Iterator[Mistake]:
    field = f"{path}.encoder.kernel" if conv.kernels is None else f"{path}.encoder.kernels"
    if conv.kernels is not None and conv.kernel != ConvSpec.model_fields["kernel"].default:
        yield Mistake(f"{path}.encoder.kernel", "kernels stands in its place; leave one of the two out")
    for kernel in conv.filters:
        if kernel % 2 == 0:
            yield Mistake(field, f"expected an odd number; got {kernel}; use {kernel + 1}")
    longest = max(conv.filters)
    span = (longest - 1) * conv.dilation ** (conv.layers - 1) + 1
    if longest > length:
        yield Mistake(
            field,
            f"{longest} is wider than a unit of {length} samples; make kernel <= {length}, or length larger",
        )
    elif span > length:
        yield Mistake(
            f"{path}.encoder.dilation",
            f"the filters of layer {conv.layers} span {span} samples, and a unit has {length}; "
            "make dilation or layers smaller, or length larger",
        )
    elif conv.left(length) < 1:
        yield Mistake(
            f"{path}.encoder.padding",
            f"valid leaves nothing of a unit of {length} samples; use same, or fewer layers or narrower filters",
        )
    if length < 2 ** (conv.stages - 1):
        yield Mistake(
            f"{path}.encoder.stages",
            f"{conv.stages} stages halve {conv.stages - 1} times, and a unit has {length} samples along an axis; "
            "use fewer stages",
        )
    if width % 2 ** (conv.stages - 1):
        yield Mistake(
            wide, f"expected a multiple of {2 ** (conv.stages - 1)} for the {conv.stages} stages of {path}; got {width}"
        )
    elif len(conv.filters) > width >> (conv.stages - 1):
        yield Mistake(wide, f"expected a number for each of {len(conv.filters)} kernels in every stage; got {width}")


def _padded(job: Job) -> Iterator[Mistake]:
    """Convolutions without padding need units of which something is left."""
    for shape in shapes(job):
        conv = shape.spec.encoder
        if not isinstance(conv, ConvSpec) or conv.padding == "same":
            continue
        shortest = shortest_unit(job, shape)
        path = f"granularities.{shape.name}.encoder.padding"
        if shortest is None:
            yield Mistake(path, "units may be too short for valid; use same, or an image or a series of one length")
        elif conv.left(shortest) < 1 <= conv.left(shape.spec.length):
            yield Mistake(
                path,
                f"valid leaves nothing of the last unit, of {shortest} samples; use same, or a length that divides all",
            )


def _pools(path: str, level: LevelSpec, width: int) -> Iterator[Mistake]:
    for index, pool in enumerate(level.pool):
        if isinstance(pool, AttentionPoolSpec) and width % pool.heads:
            yield Mistake(f"{path}.pool.{index}.heads", f"{pool.heads} heads do not divide the {width} of a state")


def _beginning(job: Job) -> Iterator[Mistake]:
    """What starts as a bag of class ratios must reach the head as such."""
    if job.model.embedding.bayes is None:
        return
    if not isinstance(next(iter(job.inputs.values()), None), TextSpec):
        yield Mistake("model.embedding.bayes", "needs a first input that reads text; leave it out")
        return
    first, *_ = shapes(job)
    finest = first.spec
    passes = isinstance(finest.encoder, NoneSpec | BagSpec) or (
        isinstance(finest.encoder, ConvSpec) and finest.encoder.residual and finest.encoder.stages == 1
    )
    reaches = finest.skip or (passes and first.states == first.channels and finest.pool[0] == "mean")
    if not (job.model.fusion == "concat" and reaches and not job.model.hidden):
        yield Mistake(
            "model.embedding.bayes",
            "the head must be able to read it: use fusion concat without hidden layers, and at the finest granularity "
            "skip: true, or a bag or a residual conv as wide as the embedding with pool mean first",
        )
    head = next(iter(job.heads.values()))
    if not isinstance(head, ClassifySpec | MultiLabelSpec) or (isinstance(head, ClassifySpec) and head.sums):
        yield Mistake(
            "model.embedding.bayes", "needs a first head that classifies with weights of its own; leave it out"
        )


def _learning(job: Job) -> Iterator[Mistake]:
    """The metric that heads are chosen by."""
    metric, known = job.train.metric, [name for head in job.heads.values() for name in METRICS[head.kind]]
    if metric not in (None, "loss", *known):
        told = ", ".join(dict.fromkeys(known))
        yield Mistake("train.metric", f"expected loss or one that the task has: {told}; got {metric}")


def _forecast(job: Job) -> Iterator[Mistake]:
    """A forecast reads windows of one long series, and nothing else."""
    if isinstance(job.task, SeveralSpec):
        for name, head in job.task.heads.items():
            if isinstance(head, ForecastSpec):
                yield Mistake(f"task.heads.{name}.kind", "a forecast is learned alone; make it the job's only task")
    inputs = list(job.inputs.values())
    if not isinstance(job.task, ForecastSpec):
        for spec in inputs:
            if isinstance(spec, SeriesSpec) and spec.layout == "long" and spec.id is None:
                yield Mistake("data.input.id", "expected a column, since one long series is for forecasts only")
            if isinstance(spec, SeriesSpec) and spec.channels == "apart" and len(spec.columns) > 1:
                yield Mistake("data.input.channels", "only forecasts read channels apart; use together")
        return
    wanted = job.task.quantiles
    if wanted is not None and (0.5 not in wanted or list(wanted) != sorted(set(wanted))):
        yield Mistake("task.quantiles", f"expected rising numbers with 0.5 among them; got {list(wanted)}")
    if job.train.metric == "pinball" and wanted is None:
        yield Mistake("train.metric", "pinball needs task.quantiles; give them, or choose another metric")
    if len(inputs) != 1 or not isinstance(spec := inputs[0], SeriesSpec):
        got = ", ".join(each.kind for each in inputs)
        yield Mistake("data.input.kind", f"a forecast reads one series; got {got}")
        return
    if spec.layout != "long" or spec.id is not None:
        yield Mistake("data.input.layout", "a forecast reads one long series; use layout: long, and leave id out")
    if spec.length is None:
        yield Mistake("data.input.length", "a forecast needs the readings that it looks back on, such as 336")
    if spec.scaling != "standard":
        yield Mistake("data.input.scaling", f"a forecast is scored on standardised readings; got {spec.scaling}")
    if job.data.limit is not None:
        yield Mistake("data.limit", "rows of one long series cannot be drawn; leave it out, or use task.stride")
    if job.data.on_bad_record == "skip":
        yield Mistake("data.on_bad_record", "a row that is left out is a gap in the series; use data.input.missing")


def _long(job: Job) -> Iterator[Mistake]:
    """A long table of examples is read whole, and alone."""
    for spec in job.inputs.values():
        if not isinstance(spec, SeriesSpec) or spec.layout != "long" or spec.id is None:
            continue
        if job.data.inputs:
            yield Mistake("data.inputs", "the rows of a long table hold the readings of one series; make it data.input")
        if job.data.on_bad_record == "skip":
            yield Mistake("data.on_bad_record", "a row that is left out is a gap in the series; use data.input.missing")


def _training(job: Job) -> Iterator[Mistake]:
    yield from scale_mistakes(job.train)
    epochs = job.train.epochs
    if job.search is not None and job.search.epochs is not None and job.search.epochs > epochs:
        yield Mistake("search.epochs", f"expected at most train.epochs, which is {epochs}; got {job.search.epochs}")


def _rest(job: Job) -> Iterator[Mistake]:
    asked = job.compress.methods or ()
    for method in asked:
        if method in EMBEDDED and not job.embeds:
            yield Mistake("compress.methods", f"{method} is for embeddings, and no input here has one; leave it out")
        if method in STATIC and job.embeds:
            yield Mistake(
                "compress.methods", f"{method} is for images, series and audio, not for embeddings; leave it out"
            )
        if method in WRONG and job.device.has == "tflite_2_14":
            right = ", ".join(USUAL["tflite_2_14"])
            yield Mistake(
                "compress.methods", f"tflite-runtime 2.14 computes {method} wrongly or not at all; use {right}"
            )
    yield from _fused(job)
    counts = job.device.unit_counts
    if counts[0] != 1 or list(counts) != sorted(set(counts)):
        yield Mistake("device.unit_counts", f"expected rising numbers that start with 1; got {list(counts)}")


def _fused(job: Job) -> Iterator[Mistake]:
    """Yield where an LSTM cannot be one operator."""
    for name, level in job.granularities.items():
        if not (isinstance(level.encoder, LstmSpec) and level.encoder.fused):
            continue
        path = f"granularities.{name}.encoder.fused"
        if job.device.profile == "browser":
            yield Mistake(path, "the browser has no such operator; leave it out, or use another device.profile")
        for method in job.compress.methods or ():
            if method in STATIC:
                yield Mistake(path, f"one operator cannot be had in {method}; leave one of the two out")
