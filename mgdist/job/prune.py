"""Fine-tuning what was pruned, or for a format, is the job once more, shorter and slower, from given weights."""

from mgdist.job.compress import AwareSpec, PruneSpec, PruneStepSpec
from mgdist.job.point import at_point
from mgdist.job.spec import Job

SLOWER = 1 / 3
"""Of ``train.lr``, where ``compress.prune.lr`` or ``compress.aware.lr`` says nothing."""


def fine_tuning(job: Job, step: PruneStepSpec) -> Job:
    """Return the job that fine-tunes a network behind a step of pruning: all its levels learn together.

    Args:
        job: that trained the whole network.
        step: one of ``compress.prune.steps``.
    """
    spec = job.compress.prune
    assert spec is not None, "the job asks for pruning"
    return _tuning(job, spec, step.epochs)


def aware_tuning(job: Job) -> Job:
    """Return the job that fine-tunes a network for a format."""
    spec = job.compress.aware
    assert spec is not None, "the job asks for it"
    return _tuning(job, spec, spec.epochs)


def _tuning(job: Job, spec: PruneSpec | AwareSpec, epochs: int) -> Job:
    distil = None if spec.distil is None else {"teacher": "the whole network", **spec.distil.model_dump()}
    return at_point(
        job,
        {
            "search": None,
            "train.epochs": epochs,
            "train.lr": spec.lr or job.train.lr * SLOWER,
            "train.strategy": {"kind": "joint"},
            "train.distil": distil,
        },
    )
