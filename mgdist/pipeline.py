"""The line: from a job to a bundle, one stage after another."""

from dataclasses import replace

from rich.console import Console

from mgdist.cluster.connect import Connection
from mgdist.compress.budget import Budget
from mgdist.compress.choose import choose, way
from mgdist.export.sign import require_key
from mgdist.job.folds import at_fold, require_folds
from mgdist.job.spec import Job
from mgdist.report.folds import CrossValidation, write_folds
from mgdist.report.markdown import write_report
from mgdist.report.summary import Summary
from mgdist.report.terminal import watching
from mgdist.report.tracking import tracked
from mgdist.runs import Run
from mgdist.search.teacher import teacher_of
from mgdist.stages import Line


def submit(
    job: Job, console: Console, *, fresh: bool = False, address: str | None = None, name: str | None = None
) -> Summary:
    """Do a job, or go on with it, and return what it came to.

    Args:
        job: what is asked for.
        console: shows the stages as they go.
        fresh: keep nothing of earlier runs.
        address: of a Ray cluster; None for one of our own on this machine.
        name: of the run to go on with; None: the newest of this very job.

    Raises:
        MgdistError: in one line a mistake, what went wrong; finished stages are kept.
    """
    with _connection(job, address) as ray:
        return _carry_out(job, console, ray, fresh=fresh, name=name)


def evaluate(job: Job, console: Console, *, fresh: bool = False, address: str | None = None) -> CrossValidation:
    """Do a job at each fold of its cross-validation, or go on with it, and return what all of them came to.

    Each fold is a run of its own below ``folds`` in the job's folder, with all of its stages.

    Args:
        job: with folds.
        console: shows the stages as they go.
        fresh: keep nothing of earlier runs.
        address: of a Ray cluster; None for one of our own on this machine, which serves all folds.

    Raises:
        JobError: the job has no folds.
        MgdistError: in one line a mistake, what went wrong; finished folds and stages are kept.
    """
    require_folds(job)
    found: list[Summary] = []
    with _connection(job, address) as ray:
        while not found or len(found) < len(found[0].folds):  # how many there are is known once the data is read
            console.print(f"fold {len(found)}" + (f" of {len(found[0].folds)}" if found else ""), style="bold")
            found.append(_carry_out(at_fold(job, len(found)), console, ray, fresh=fresh))
    validated = CrossValidation(job, tuple(found))
    write_folds(validated)
    return validated


def _connection(job: Job, address: str | None) -> Connection:
    return Connection(address, dashboard=job.search is not None)  # only a search needs one


def _carry_out(job: Job, console: Console, ray: Connection, *, fresh: bool, name: str | None = None) -> Summary:
    """Do all stages of a job."""
    require_key(job)
    with (
        Run.open(job, fresh=fresh, name=name) as run,
        watching(run.folder, console, job.train),
        tracked(run) as tell,
    ):
        line = Line(run, ray)
        teaching = teacher_of(job)  # one that cannot teach is told of before any work
        data = line.read()
        taught = line.teach(data, teaching)
        found = line.search(data, taught)
        together = line.ensemble(data, found)
        best, point = line.best(found)
        trained = line.train(best, data, line.teacher(taught, together))
        whole = line.contender(best, 0, data, trained)
        pruned = list(line.prune(best, whole))
        made = line.candidates(best, [whole, *(each for _, each in pruned)])
        measured = tuple(each for _, stage in made for each in stage.value)
        budget = Budget.of(whole.quality, job.compress, job.device, measured)
        chosen = choose(measured, budget)
        ((contender, source),) = ((each, stage) for each, stage in made if chosen in stage.value)
        shipped = line.bundle(best, contender, source, way(measured, chosen))
        summary = replace(
            line.summary(best, point, whole, measured, chosen, budget, shipped.value),
            taught=None if taught is None else taught.value,
            ensemble=None if together is None else together.value,
            skipped=tuple(each for _, stage in made for each in line.skipped(stage)),
            pruned=tuple((stage.value, each.evaluated.value.network["valid"]) for stage, each in pruned),
            searched=None if found is None else found.value,
        )
        write_report(summary)
        tell(summary)
        return summary
