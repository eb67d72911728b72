"""The line of a model that was not trained here: from its file to a bundle."""

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from mgdist.cluster.connect import Connection
from mgdist.compress.budget import Budget
from mgdist.compress.choose import choose, way
from mgdist.data.dataset import Dataset
from mgdist.data.digest import digest_of_path, of_source
from mgdist.errors import JobError
from mgdist.job.export import ExportJob, OwnModel
from mgdist.job.point import as_document
from mgdist.job.train import TrainSpec
from mgdist.report.markdown import write_report
from mgdist.report.summary import Summary
from mgdist.report.terminal import watching
from mgdist.report.tracking import tracked
from mgdist.runs import Done, Run
from mgdist.stages import Contender, Line


def export(job: ExportJob, console: Console, *, fresh: bool = False) -> Summary:
    """Do an export, or go on with it, and return what it came to.

    Args:
        job: what is asked for.
        console: shows the stages as they go.
        fresh: keep nothing of earlier runs.

    Raises:
        MgdistError: in one line a mistake, what went wrong; finished stages are kept.
    """
    from mgdist.export.own import describe, resolved

    if job.compress.prune is not None:
        raise JobError("compress.prune: expected none, since nothing is trained here; leave it out")
    if job.compress.aware is not None:
        raise JobError("compress.aware: expected none, since nothing is trained here; leave it out")
    if job.compress.exit is not None:
        raise JobError("compress.exit: expected none, since only texts are read in part; leave it out")
    model = describe(Path(job.model))
    job = resolved(job, model)
    with Run.open(job, fresh=fresh) as run, watching(run.folder, console, TrainSpec()), tracked(run) as tell:
        line = Line(run, Connection(None, dashboard=False))
        whole = _contender(run, job, model)
        made = line.candidates(job, [whole])
        measured = tuple(each for _, stage in made for each in stage.value)
        budget = Budget.of(whole.quality, job.compress, job.device, measured)
        chosen = choose(measured, budget)
        source = next(stage for _, stage in made if chosen in stage.value)
        shipped = line.bundle(job, whole, source, way(measured, chosen))
        summary = line.summary(job, {}, whole, measured, chosen, budget, shipped.value)
        write_report(summary)
        tell(summary)
        return summary


def _contender(run: Run[ExportJob], job: ExportJob, model: OwnModel) -> Contender:
    """Read the examples, let the model answer for them in its own framework, and convert it."""
    from mgdist.data.own import prepare_own
    from mgdist.evaluate.network import Evaluated
    from mgdist.export.litert_route import Converted
    from mgdist.export.own import convert_own, evaluate_own

    document = as_document(job)
    given: list[Any] = [digest_of_path(Path(job.model)), of_source(job), document["data"], document["task"], job.seed]
    data = run.stage("data", *given, do=partial(prepare_own, job, model), load=Dataset.open)
    evaluated = run.stage(
        "evaluate", data.digest, do=partial(evaluate_own, job, model, data.value), load=Evaluated.open
    )

    def convert(folder: Path) -> None:
        convert_own(job, model, evaluated.folder, folder / "float32.tflite")

    converted = run.stage(
        "convert", evaluated.digest, do=convert, load=lambda folder: Converted.open(folder / "float32.tflite")
    )
    nothing: Done[Any] = Done(None, data.digest, data.folder)
    return Contender(0, data, nothing, evaluated, converted)
