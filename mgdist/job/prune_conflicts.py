"""What no single field can know of pruning, and of fine-tuning for a format."""

from collections.abc import Iterator
from itertools import pairwise

from mgdist.job.compress import PruneStepSpec, TeachSpec
from mgdist.job.distil_conflicts import MIXED
from mgdist.job.encoders import PretrainedSpec, TransformerSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.task import ForecastSpec, RegressSpec
from mgdist.job.train import DeepSpeedSpec

STEPS, AWARE = "compress.prune.steps", "compress.aware"


def prune_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what a job asks of pruning and cannot have."""
    spec = job.compress.prune
    if spec is None:
        return
    if job.searches_deployed:
        yield Mistake(
            "search.objective",
            "deployed tells what ships of a network as it was trained, and compress.prune makes it smaller afterwards; "
            "leave compress.prune out, or compare what was trained",
        )
    for number, (before, step) in enumerate(pairwise((PruneStepSpec(), *spec.steps))):
        shares = list(zip(_shares(before), _shares(step), strict=True))
        if any(later < sooner for sooner, later in shares):
            yield Mistake(f"{STEPS}.{number}", "expected shares as large as those of the step before, or larger")
        elif all(later == sooner for sooner, later in shares):
            yield Mistake(
                f"{STEPS}.{number}", "takes nothing out; give rows, channels, width or layers, or leave the step out"
            )
    for name in ("rows", "width"):
        if any(getattr(step, name) for step in spec.steps) and not any(
            each.kind == "text" for each in job.inputs.values()
        ):
            yield Mistake(STEPS, f"{name}: those of texts' embeddings, and no input here is a text; leave {name} out")
    if any(step.layers for step in spec.steps) and not any(
        isinstance(each.encoder, TransformerSpec | PretrainedSpec) for each in job.granularities.values()
    ):
        yield Mistake(STEPS, "layers: blocks of transformers and pre-trained encoders; there is none; leave layers out")
    yield from _teach_mistakes(job, "compress.prune.distil", spec.distil)


def _shares(step: PruneStepSpec) -> tuple[float, ...]:
    return step.rows, step.channels, step.width, step.layers


def aware_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what a job asks of fine-tuning for a format and cannot have."""
    spec = job.compress.aware
    if spec is None:
        return
    if spec.method not in job.methods:
        yield Mistake(
            f"{AWARE}.method",
            f"expected a format that is tried: {', '.join(job.methods)}; got {spec.method}; add it to compress.methods",
        )
    if job.searches_deployed:
        yield Mistake(
            "search.objective",
            "deployed tells what ships of a network as it was trained, and compress.aware trains it further; leave "
            "compress.aware out, or compare what was trained",
        )
    if isinstance(job.train.engine, DeepSpeedSpec) and job.train.engine.stage == 3:
        yield Mistake(AWARE, "ZeRO stage 3 shards the weights that are rounded; set train.engine.stage to 2 or less")
    yield from _teach_mistakes(job, f"{AWARE}.distil", spec.distil)


def _teach_mistakes(job: Job, path: str, spec: TeachSpec | None) -> Iterator[Mistake]:
    """Yield what a job asks of learning from the whole network's answers and cannot have."""
    if spec is None:
        return
    if spec.states and job.train.mixup is not None:
        yield Mistake(f"{path}.states", MIXED)
    numbers = all(isinstance(head, RegressSpec | ForecastSpec) for head in job.heads.values())
    plain = TeachSpec.model_fields["temperature"].default
    if numbers and spec.temperature != plain:
        yield Mistake(f"{path}.temperature", "numbers have no temperature; leave it out")
    for field in ("label_smoothing", "class_weights"):
        if spec.weight == 1 and getattr(job.train, field):
            yield Mistake(
                f"{path}.weight",
                f"1 leaves nothing of the targets' own loss, which train.{field} changes; use less than 1, or leave "
                f"{field} out",
            )
