"""Fine-tuning what was pruned is the job once more, shorter and slower, from the weights that are left."""

from mgdist.job.compress import PruneStepSpec
from mgdist.job.point import at_point
from mgdist.job.spec import Job

SLOWER = 1 / 3
"""Of ``train.lr``, where ``compress.prune.lr`` says nothing."""


def fine_tuning(job: Job, step: PruneStepSpec) -> Job:
    """Return the job that fine-tunes a network behind a step of pruning: all its levels learn together.

    Args:
        job: that trained the whole network.
        step: one of ``compress.prune.steps``.
    """
    spec = job.compress.prune
    assert spec is not None, "the job asks for pruning"
    distil = None if spec.distil is None else {"teacher": "the whole network", **spec.distil.model_dump()}
    return at_point(
        job,
        {
            "search": None,
            "train.epochs": step.epochs,
            "train.lr": spec.lr or job.train.lr * SLOWER,
            "train.strategy": {"kind": "joint"},
            "train.distil": distil,
        },
    )
