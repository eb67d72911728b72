"""What no single field can know of how rows are held out."""

from collections.abc import Iterator

from mgdist.job.data import DocstringsSpec, SklearnSpec, SplitSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.task import ForecastSpec

PATH = "data.split"


def split_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what the split of a job asks for and cannot have."""
    split = job.data.split
    if isinstance(job.task, ForecastSpec) and (split.by is not None or split.folds is not None):
        yield Mistake(PATH, "windows of one long series are held out by time; leave out by and folds")
    if split.by is None and split.valid_by == "row":
        yield Mistake(f"{PATH}.valid_by", "rows are drawn one by one already; leave it out, or give by")
    if split.folds is not None:
        yield from _folds(job, split)
        return
    if split.fold:
        yield Mistake(f"{PATH}.fold", "needs data.split.folds; give it, or leave fold out")
    if split.valid + split.test >= 1:
        yield Mistake(PATH, "valid and test leave no rows to train on; make their sum less than 1")


def _folds(job: Job, split: SplitSpec) -> Iterator[Mistake]:
    source = job.data.source
    if not isinstance(source, DocstringsSpec | SklearnSpec) and (source.valid or source.test):
        own = "test" if source.test else "valid"
        yield Mistake(
            f"data.source.{own}",
            "folds are cut from all rows; leave it out, and let data.source.train name all of them, such as a glob",
        )
    if split.test != SplitSpec.model_fields["test"].default:
        yield Mistake(f"{PATH}.test", "the test is one of the folds; leave it out")
    if split.folds == "each":
        if split.by is None:
            yield Mistake(f"{PATH}.by", "expected a column of groups, since folds: each is one for each group")
        return
    assert split.folds is not None, "one of several folds"
    if split.fold >= split.folds:
        yield Mistake(f"{PATH}.fold", f"expected at most {split.folds - 1}, the last of the folds; got {split.fold}")
    if split.valid + 1 / split.folds >= 1:
        yield Mistake(f"{PATH}.valid", f"valid and one of {split.folds} folds leave no rows to train on; make it less")
