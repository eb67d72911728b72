"""A finished run as a teacher: its network answers for the training rows, which must be those of the student."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mgdist.errors import DataError, JobError, MgdistError, first_line
from mgdist.job.load import load
from mgdist.job.point import as_document, at_point, cutting
from mgdist.job.spec import Job
from mgdist.runs import JOB, RECEIPT, digest, write
from mgdist.search.results import Searched, trained_at

if TYPE_CHECKING:  # `mgdist check` looks at a teacher too, and answers at once
    from mgdist.data.dataset import Dataset
    from mgdist.evaluate.scores import Heads

FIELD, TEACHER = "train.distil.teacher", "teacher.json"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose network can answer.

    Attributes:
        folder: of the run.
        job: at the point at which it was trained.
        given: digest of what its data was prepared from.
        sha256: of the weights of its network.
        parameters: numbers that it learned.
    """

    folder: Path
    job: Job
    given: str
    sha256: str
    parameters: int

    @property
    def data(self) -> Path:
        """Folder of its prepared data."""
        return self.folder / "data"

    @property
    def weights(self) -> Path:
        """Its network's weights."""
        return self.folder / "train" / "model.safetensors"


@dataclass(frozen=True)
class Taught:
    """A teacher's answers for the training rows.

    Attributes:
        folder: where they lie.
        run: folder of the teacher's run.
        parameters: numbers that the teacher learned.
        valid: its scores on the validation split.
        test: the same on the test split.
    """

    folder: Path
    run: str
    parameters: int
    valid: "Heads"
    test: "Heads"

    @classmethod
    def open(cls, folder: Path) -> "Taught":
        """Read what :func:`teach` left."""
        from mgdist.evaluate.scores import from_json

        told = json.loads((folder / TEACHER).read_text())
        return cls(folder, told["run"], told["parameters"], from_json(told["valid"]), from_json(told["test"]))


def teacher_of(job: Job) -> FinishedRun | None:
    """Return the run that a job learns from; None where it learns from none.

    What can be seen without reading data is looked at here: quick enough for ``mgdist check``.

    Raises:
        DataError: there is no such run, it is not finished, or it learned something else.
    """
    distil = job.train.distil
    if distil is None or distil.of_ensemble:
        return None
    run = open_run(Path(distil.teacher))
    for what, theirs, mine in (
        ("heads", ", ".join(run.job.heads), ", ".join(job.heads)),
        ("kind of task", _kinds(run.job), _kinds(job)),
    ):
        if theirs != mine:
            raise _other(run, f"its {what}: {theirs}; here: {mine}")
    if distil.states and not set(run.job.granularities) & set(job.granularities):
        raise DataError(
            f"train.distil.states: expected a granularity that the teacher has too, of "
            f"{', '.join(run.job.granularities)}; got {', '.join(job.granularities)}; call one alike, or leave it out"
        )
    return run


def open_run(folder: Path, field: str = FIELD) -> FinishedRun:
    """Open a folder that ``mgdist submit`` has written.

    Args:
        folder: of the run.
        field: who asks for it, for what is said of a mistake.

    Raises:
        DataError: it is none, or training has not come to its end there.
    """
    if not (folder / JOB).is_file():
        raise DataError(
            f"{field}: {folder}: expected the folder of a run; it holds no {JOB}; name one, such as runs/NAME/latest"
        )
    try:
        job = load(folder / JOB)
    except JobError as error:
        raise DataError(
            f"{field}: {folder}: its job cannot be read any more: {first_line(error)}; run it again"
        ) from error
    stages = ("data", "train") if job.search is None else ("data", "search", "train")
    receipts = {}
    for stage in stages:
        with suppress(OSError, ValueError):
            receipts[stage] = json.loads((folder / stage / RECEIPT).read_text())
    if missing := [stage for stage in stages if stage not in receipts]:
        raise DataError(
            f"{field}: {folder}: expected a finished run; its stage {missing[0]} is not done; submit its job again, or "
            "name another run"
        )
    point = {} if job.search is None else trained_at(job, Searched.open(folder / "search"))
    trained = json.loads((folder / "train" / "trained.json").read_text())
    given = str(receipts["data"]["digest"])
    return FinishedRun(folder, at_point(job, point), given, trained["sha256"], trained["parameters"])


def teach(run: FinishedRun, job: Job, dataset: "Dataset", folder: Path) -> None:
    """Let the network of a run answer for the training rows, each once and as it is.

    The run reads its own prepared data, so that it may have other granularities, another tokenizer or other inputs.
    Leaves ``taught.HEAD.npy`` in the folder, ``states.LEVEL.npy`` where they are learned from, and last
    ``teacher.json``.

    Raises:
        DataError: its training rows, labels or numbers are not those of the job; or its weights are damaged.
    """
    from mgdist.data.dataset import Dataset
    from mgdist.evaluate.network import answers, leave_answers, leave_states, restore
    from mgdist.evaluate.scores import as_json, score
    from mgdist.train.checkpoint import sha256

    theirs = Dataset.open(run.data)
    for difference in _differences(run, theirs, job, dataset):
        raise _other(run, difference)
    if sha256(run.weights) != run.sha256:
        raise DataError(f"{FIELD}: {run.weights}: is damaged: not what was written; submit the teacher's job again")
    network = restore(run.job, theirs, run.weights)
    leave_answers(network, theirs, folder)
    if job.train.distil is not None and job.train.distil.states:
        leave_states(network, run.job, theirs, folder)
    held = {"valid": theirs.valid, "test": theirs.test}
    scores = {
        name: as_json(score(theirs.tasks, answers(network, theirs.tasks, shard), shard.targets))
        for name, shard in held.items()
    }
    told = {"run": str(run.folder), "parameters": run.parameters, **scores}
    write(folder / TEACHER, json.dumps(told, indent=1))


def _differences(run: FinishedRun, theirs: "Dataset", job: Job, mine: "Dataset") -> Iterator[str]:
    """Yield in what the training rows of a run and of a job differ, the plainest first."""
    import numpy as np

    from mgdist_edge.tasks import labels_of

    for name, task in mine.tasks.items():
        one, other = labels_of(theirs.tasks[name]), labels_of(task)
        if one != other:
            yield f"the labels of head {name}: {_unlike(one, other)}"
    if len(theirs.train) != len(mine.train):
        yield f"its training rows: {len(theirs.train):,}; here: {len(mine.train):,}"
    if theirs.digest != mine.digest:
        yield from _other_source(run, theirs, job, mine)
    for name, targets in mine.train.targets.items():
        known = theirs.train.targets[name]
        if theirs.tasks[name] != mine.tasks[name] or not np.array_equal(known, targets):
            yield f"the targets of head {name} in the training rows are others, or in another order"


def _other_source(run: FinishedRun, theirs: "Dataset", job: Job, mine: "Dataset") -> Iterator[str]:
    """Yield why rows that are read otherwise are not known to be the same: from where, and how they are drawn."""
    from mgdist.data.digest import digest as source_digest
    from mgdist.data.digest import of_source

    try:
        unchanged = digest("data", source_digest(run.job), cutting(run.job)) == run.given
        same = unchanged and of_source(run.job) == of_source(job)
    except MgdistError as error:
        yield f"its data.source cannot be read any more: {first_line(error)}"
        return
    if not same:
        yield f"its data.source has {'other content' if unchanged else 'changed since it learned'}"
    for path in ("seed", "data.split", "data.limit", "data.on_bad_record"):
        one, other = (_at(each, path) for each in (run.job, job))
        if one != other:
            yield f"its {path}: {one}; here: {other}"
    if theirs.skipped != mine.skipped:
        yield "other records were left out of it"


def _at(job: Job, path: str) -> object:
    found: object = as_document(job)
    for name in path.split("."):
        assert isinstance(found, dict), "the path leads through sections"
        found = found[name]
    return found


def _kinds(job: Job) -> str:
    return ", ".join(head.kind for head in job.heads.values())


def _unlike(theirs: tuple[str, ...], mine: tuple[str, ...]) -> str:
    for told, one, other in (("it lacks", mine, theirs), ("here it lacks", theirs, mine)):
        if missing := [label for label in one if label not in other]:
            return f"{told} {missing[0]!r}"
    return "they are in another order"


def _other(run: FinishedRun, difference: str) -> DataError:
    return DataError(
        f"{FIELD}: {run.folder}: expected a run that learned the same from the same training rows; got another: "
        f"{difference}; name another run, or make the job like it"
    )
