"""What no single field can know of a job that labels samples: inputs, levels and strategies that cannot serve."""

from collections.abc import Iterator, Mapping

from mgdist.job.encoders import ConvSpec, LevelSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.phases import watched
from mgdist.job.series import SeriesSpec
from mgdist.job.shapes import Shape, shapes, tagged
from mgdist.job.spec import Job
from mgdist.job.strategy import GrowSpec
from mgdist.job.strategy_conflicts import strategy_mistakes
from mgdist.job.task import SeveralSpec, TagSpec

RESERVED = "head"
"""What the signatures are called that label samples."""


def tag_mistakes(job: Job) -> list[Mistake]:
    """Return all that contradicts labels of single samples; nothing where a job has none."""
    heads = {name: head for name, head in job.heads.items() if isinstance(head, TagSpec)}
    if not heads:
        return []
    inputs = list(job.inputs.values())
    if len(inputs) != 1 or not isinstance(inputs[0], SeriesSpec):
        got = ", ".join(each.kind for each in inputs)
        return [Mistake("data.input.kind", f"only the samples of one series can be labelled; got {got}")]
    unknown = [*_unknown(job, heads)]
    if unknown:
        return unknown
    return [*_levels(job), *_learning(job)]


def _unknown(job: Job, heads: Mapping[str, TagSpec]) -> Iterator[Mistake]:
    """Yield levels that are not there, or not the same for all heads."""
    known, named = list(job.granularities), set[str]()
    for name, head in heads.items():
        path = f"task.heads.{name}.level" if isinstance(job.task, SeveralSpec) else "task.level"
        if head.level not in known:
            yield Mistake(path, f"expected one of {', '.join(known)}; got {head.level}")
        elif named and head.level not in named:
            yield Mistake(path, f"expected {min(named)}, whose samples another head labels; got {head.level}")
        else:
            named.add(head.level)


def _levels(job: Job) -> Iterator[Mistake]:
    levels, read = shapes(job), tagged(job)
    names = [shape.name for shape in levels]
    place = names.index(read[0].name)
    alone = all(isinstance(head, TagSpec) for head in job.heads.values())
    if RESERVED in names:
        yield Mistake(
            f"granularities.{RESERVED}", "what labels samples is called so on the device; choose another name"
        )
    if alone and read[0].reads == "raw":
        for shape in levels[:place]:
            wanted = f"nothing of it reaches the labels of {read[0].name}, which reads a raw view; leave it out"
            yield Mistake(f"granularities.{shape.name}", wanted)
    elif alone:
        chain = max(each for each in range(place) if levels[each].reads == "raw")
        for shape in levels[:chain]:
            wanted = f"nothing of it reaches the labels of {read[0].name}, which builds on {names[chain]}; leave it out"
            yield Mistake(f"granularities.{shape.name}", wanted)
    for shape in read:
        yield from _states(shape)
        followed = names.index(shape.name) + 1
        built_on = followed < len(levels) and levels[followed].reads == "units"
        if alone and not built_on:
            yield from _unread(shape)


def _states(shape: Shape) -> Iterator[Mistake]:
    encoder = shape.spec.encoder
    if isinstance(encoder, ConvSpec) and encoder.stages > 1:
        yield Mistake(
            f"granularities.{shape.name}.encoder.stages",
            f"a label needs a state of each sample, and {encoder.stages} stages halve them; use 1",
        )
    if isinstance(encoder, ConvSpec) and encoder.padding == "valid":
        yield Mistake(
            f"granularities.{shape.name}.encoder.padding",
            "a label needs a state of each sample, and valid leaves out those at the ends; use same",
        )


def _unread(shape: Shape) -> Iterator[Mistake]:
    """Yield what makes vectors of units, where no level and no head reads them."""
    if shape.spec.pool != LevelSpec.model_fields["pool"].default:
        yield Mistake(
            f"granularities.{shape.name}.pool",
            "labels of samples read its states, and no level builds on its units; leave it out",
        )
    if shape.spec.skip:
        yield Mistake(
            f"granularities.{shape.name}.skip",
            "labels of samples read its states, and no level builds on its units; leave it out",
        )


def _learning(job: Job) -> Iterator[Mistake]:
    train, read = job.train, {shape.name for shape in tagged(job)}
    if train.mixup is not None:
        yield Mistake("train.mixup", "the labels of single samples cannot be mixed; leave it out")
    if isinstance(train.strategy, GrowSpec):
        for place, step in enumerate(train.strategy.steps):
            for field in ("units", "scale"):
                if getattr(step, field):
                    yield Mistake(
                        f"train.strategy.steps.{place}.{field}",
                        "every sample of an example is labelled, so that all are read; use layers",
                    )
    for name in () if strategy_mistakes(job) else watched(job):
        if name not in read:
            yield Mistake(
                "train.strategy.order",
                f"{name} is finer than the samples that are labelled, and cannot learn by itself; "
                f"name only {', '.join(shape.name for shape in tagged(job))}",
            )
