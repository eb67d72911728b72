"""What no single field can know of ensembles and of teachers."""

from collections.abc import Iterator

from mgdist.job.distil import DistilSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.task import ForecastSpec, RegressSpec

COMBINE, DISTIL = "search.ensemble.combine", "train.distil"
MIXED = "a teacher says nothing of examples that train.mixup mixes; leave one of the two out"


def ensemble_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what a job asks of an ensemble and cannot have."""
    if job.search is None or (ensemble := job.search.ensemble) is None:
        return
    if ensemble.winners > job.search.trials:
        yield Mistake(
            "search.ensemble.winners", f"expected at most the {job.search.trials} trials; got {ensemble.winners}"
        )
    for name, head in job.heads.items():
        numbers = isinstance(head, RegressSpec | ForecastSpec)
        if ensemble.combine == "vote" and numbers:
            yield Mistake(COMBINE, f"there is no vote on numbers, which head {name} gives; use mean, weighted or stack")
        if ensemble.combine == "stack" and isinstance(head, ForecastSpec) and head.quantiles is not None:
            yield Mistake(COMBINE, "quantiles cannot be stacked by least squares; use mean or weighted")


def distil_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what a job asks of a teacher and cannot have."""
    distil = job.train.distil
    if distil is None:
        return
    if distil.of_ensemble and (job.search is None or job.search.ensemble is None):
        yield Mistake(
            f"{DISTIL}.teacher", "ensemble needs search.ensemble, such as {winners: 3}; give it, or name a run's folder"
        )
    if distil.states and distil.of_ensemble:
        yield Mistake(
            f"{DISTIL}.states", "the members of an ensemble say different things; leave it out, or name a run's folder"
        )
    if distil.states and job.train.mixup is not None:
        yield Mistake(f"{DISTIL}.states", MIXED)
    numbers = all(isinstance(head, RegressSpec | ForecastSpec) for head in job.heads.values())
    if numbers and distil.temperature != DistilSpec.model_fields["temperature"].default:
        yield Mistake(f"{DISTIL}.temperature", "numbers have no temperature; leave it out")
    for field in ("label_smoothing", "class_weights"):
        if distil.weight == 1 and getattr(job.train, field):
            yield Mistake(
                f"{DISTIL}.weight",
                f"1 leaves nothing of the targets' own loss, which train.{field} changes; use less than 1, or leave "
                f"{field} out",
            )


def moved_mistake(path: str, moved: Job, job: Job) -> str | None:
    """Return why a search may not move a field of ``train.distil``; None where it may.

    Args:
        path: that is searched over.
        moved: the job at one of its values.
        job: as it is written.
    """
    if path != "train" and not f"{path}.".startswith(f"{DISTIL}."):
        return None
    mine, others = job.train.distil, moved.train.distil
    if mine is not None and mine.of_ensemble:
        return None if path == "train" else "the trials become the teacher, and have none themselves; leave it out"
    if others is not None and others.teacher != (mine.teacher if mine else None):
        return "a search cannot choose the teacher, which answers before it; set train.distil in the job itself"
    if others is not None and others.states and mine is not None and not mine.states:
        return "a teacher tells its states before the search, where the job asks for them; set it above 0 in the job"
    return None
