"""Folds: a fold of a cross-validation is the job at a point."""

from pathlib import Path

from mgdist.errors import JobError
from mgdist.job.point import at_point
from mgdist.job.spec import Job

FOLDS = "folds"


def require_folds(job: Job) -> None:
    """Refuse a job without folds.

    Raises:
        JobError: says what to set.
    """
    if job.data.split.folds is None:
        raise JobError(
            "data.split.folds: expected a number of folds, or each for one a group of data.split.by; got none; give it "
            "to evaluate, or submit the job as it is"
        )


def folder_of_folds(job: Job) -> Path:
    """Return where the runs of a job's folds lie."""
    return Path(job.run.folder) / job.name / FOLDS


def at_fold(job: Job, fold: int) -> Job:
    """Return the job at one of its folds, with its run in a folder of the fold's own.

    Raises:
        JobError: there is no such fold.
    """
    return at_point(job, {"data.split.fold": fold, "run.folder": str(folder_of_folds(job)), "name": f"fold_{fold}"})
