"""What no single field can know of how a job is trained: strategies that its levels cannot follow."""

from collections.abc import Collection, Iterable, Iterator
from typing import assert_never

from mgdist.job.audio import AudioSpec
from mgdist.job.encoders import ConvSpec, MlpSpec, TransformerSpec
from mgdist.job.image import ImageSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.series import SeriesSpec
from mgdist.job.shapes import Shape, shapes
from mgdist.job.spec import Job
from mgdist.job.strategy import GrowSpec, GrowStepSpec, JointSpec, StagedSpec
from mgdist.job.task import ClassifySpec, OrdinalSpec, TagSpec
from mgdist.job.text import TextSpec

PATH = "train.strategy"


def strategy_mistakes(job: Job) -> list[Mistake]:
    """Return all that the strategy of a job asks for and cannot have."""
    match job.train.strategy:
        case JointSpec():
            return []
        case StagedSpec() as staged:
            return list(_staged(job, staged))
        case GrowSpec(steps=steps):
            levels = {shape.name: shape for shape in shapes(job)}
            return [
                mistake
                for place, step in enumerate(steps)
                for mistake in _grown(job, levels, step, f"{PATH}.steps.{place}")
            ]
        case _ as never:
            assert_never(never)


def _staged(job: Job, staged: StagedSpec) -> Iterator[Mistake]:
    known = list(job.granularities)
    if isinstance(staged.order, tuple):
        yield from _known(staged.order, known, f"{PATH}.order")
        if len(set(staged.order)) < len(staged.order):
            yield Mistake(f"{PATH}.order", f"expected each granularity once; got {', '.join(staged.order)}")
    if not isinstance(staged.epochs, int):
        yield from _known(staged.epochs, known, f"{PATH}.epochs")


def _grown(job: Job, levels: dict[str, Shape], step: GrowStepSpec, path: str) -> Iterator[Mistake]:
    yield from _known(step.units, levels, f"{path}.units")
    yield from _known(step.scale, levels, f"{path}.scale")
    yield from _known(step.layers, levels, f"{path}.layers")
    yield from _known(step.width, levels, f"{path}.width")
    if not step.units and not step.scale and not step.layers and not step.width:
        yield Mistake(path, "expected units, scale, layers or width, of which there is less; got none of them")
    for name in step.units:
        if name in levels and not _can_be_short(job, levels[name]):
            yield Mistake(
                f"{path}.units.{name}",
                "expected the first granularity of a text, an audio or a series of differing length; leave it out",
            )
    for name, factor in step.scale.items():
        if name in levels:
            yield from _coarse(job, levels[name], factor, f"{path}.scale.{name}")
    for name, count in step.layers.items():
        encoder = levels[name].spec.encoder if name in levels else None
        if encoder is not None and not isinstance(encoder, MlpSpec | TransformerSpec):
            yield Mistake(f"{path}.layers.{name}", f"expected a transformer or an mlp; got {encoder.kind}")
        elif encoder is not None and count > encoder.layers:
            yield Mistake(f"{path}.layers.{name}", f"expected at most its {encoder.layers} layers; got {count}")
    for name in step.width:
        encoder = levels[name].spec.encoder if name in levels else None
        if isinstance(encoder, TransformerSpec) or (isinstance(encoder, MlpSpec) and encoder.layers > 1):
            continue
        if encoder is not None:
            got = "an mlp of one layer" if isinstance(encoder, MlpSpec) else encoder.kind
            yield Mistake(f"{path}.width.{name}", f"expected a transformer, or an mlp of several layers; got {got}")


def _can_be_short(job: Job, shape: Shape) -> bool:
    spec = job.inputs[shape.input]
    ragged = isinstance(spec, TextSpec | AudioSpec) or (isinstance(spec, SeriesSpec) and spec.length is None)
    return ragged and shape.reads == "raw"


def _coarse(job: Job, shape: Shape, factor: int, path: str) -> Iterator[Mistake]:
    """Yield why a level cannot be read coarser for a while: its network has to run along any length."""
    spec, input = shape.spec, job.inputs[shape.input]
    dense = isinstance(input, ImageSpec) or (isinstance(input, SeriesSpec) and input.length is not None)
    if not dense or shape.reads != "raw":
        yield Mistake(path, "expected a raw view of an image, or of a series of one length; leave it out")
    elif spec.length % factor:
        yield Mistake(path, f"expected a divisor of its length {spec.length}; got {factor}")
    if isinstance(spec.encoder, TransformerSpec) and spec.encoder.positions == "learned":
        yield Mistake(path, "each place of its transformer has a vector of its own; use positions: none")
    if isinstance(spec.encoder, ConvSpec) and spec.encoder.left(spec.length // factor) < 1:
        yield Mistake(path, "nothing is left of so few samples by its padding: valid; use same, or a smaller factor")
    if "all" in spec.pool:
        yield Mistake(path, "its pool all gives as many numbers as there are samples; use mean, max or attention")


def _known(names: Iterable[str], known: Collection[str], path: str) -> Iterator[Mistake]:
    for name in names:
        if name not in known:
            yield Mistake(path, f"expected granularities of the job, {', '.join(known)}; got {name}")


def regularising_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what a job asks for against overfitting and rare classes, and its task or inputs do not allow."""
    train, one_label = job.train, [isinstance(head, ClassifySpec | OrdinalSpec) for head in job.heads.values()]
    if train.class_weights and not any([*one_label, *(isinstance(head, TagSpec) for head in job.heads.values())]):
        yield Mistake("train.class_weights", "needs a head of one label, classify, ordinal or tag; leave it out")
    if train.sampling and not one_label[0]:
        yield Mistake("train.sampling", "needs a first head of one label, classify or ordinal; leave it out")
    if train.sampling and train.class_weights:
        yield Mistake("train.sampling", "rare labels would count twice; leave out either sampling or class_weights")
    if train.mixup and train.mixup.at == "samples":
        for name, spec in job.inputs.items():
            if not (isinstance(spec, ImageSpec) or (isinstance(spec, SeriesSpec) and spec.length is not None)):
                yield Mistake(
                    "train.mixup.at",
                    f"the samples of input {name} ({spec.kind}) cannot be mixed, only those of images and of series of "
                    "one length; use fused",
                )
