"""Points: a few fields of a job replaced. A trial is the job at a point."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from mgdist.errors import JobError
from mgdist.job.conflicts import conflicts
from mgdist.job.distil_conflicts import moved_mistake
from mgdist.job.mistakes import Mistake, mistakes_of
from mgdist.job.search import EnsembleSpec
from mgdist.job.spec import Job
from mgdist.job.strict import Spec

Point = Mapping[str, Any]
ONLY_LEARNING = ("dropout", "word_dropout", "encoder_dropout", "unit_dropout", "idf", "smoothing", "lr_factor")
"""Fields of granularities and of the model that change how a network learns, and not its shape."""


def as_document(job: Spec) -> dict[str, Any]:
    """Return the job as plain mappings, lists and scalars, every default written out."""
    return job.model_dump(mode="json")


def replace(document: dict[str, Any], path: str, value: Any) -> None:
    """Set the field at a dotted path, in place; sections that are absent are made.

    Raises:
        KeyError: a name on the way holds a plain value.
    """
    *sections, last = path.split(".")
    for name in sections:
        if document.get(name) is None:
            document[name] = {}
        document = document[name]
        if not isinstance(document, dict):
            raise KeyError(path)
    document[last] = value


def cutting(job: Job) -> dict[str, Any]:
    """Return what decides how the data is read and cut into ids, as plain values."""
    document = as_document(job)
    return {
        "task": document["task"],
        "data": {name: part for name, part in document["data"].items() if name != "cache"},
        "levels": {name: [level["length"], level["scale"]] for name, level in document["granularities"].items()},
        "ngrams": document["model"]["embedding"]["ngrams"],
        "seed": job.seed,
    }


def network_values(job: Job) -> dict[str, Any]:
    """Return what decides the shape of a network, and so all of a converted one but its weights, as plain values."""
    document = as_document(job)
    shape = {name: _without(document[name], ONLY_LEARNING) for name in ("granularities", "model")}
    return {**shape, "cutting": cutting(job), "unit_counts": document["device"]["unit_counts"]}


def _without(value: Any, names: Collection[str]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without(each, names) for name, each in value.items() if name not in names}


def checked(document: Any) -> tuple[Job | None, list[Mistake]]:
    """Return the job that a document asks for, or all that is wrong with it."""
    try:
        job = Job.model_validate(document)
    except ValidationError as error:
        return None, mistakes_of(error, document)
    mistakes = conflicts(job)
    if not mistakes and job.search is not None:
        mistakes = space_mistakes(job)
    return (None, mistakes) if mistakes else (job, [])


def at_point(job: Job, point: Point) -> Job:
    """Return the job with the fields at the dotted paths replaced, checked anew.

    Raises:
        JobError: the job at that point is not a job; one line a mistake.
    """
    document = as_document(job)
    for path, value in point.items():
        replace(document, path, value)
    moved, mistakes = checked(document)
    if moved is None:
        raise JobError("\n".join(f"at point {dict(point)}: {m.path}: {m.message}" for m in mistakes))
    return moved


def space_mistakes(job: Job) -> list[Mistake]:
    """Return what is wrong with the search space: every choice and every bound must make a job."""
    assert job.search is not None
    plain = as_document(untaught(job).model_copy(update={"search": None}))
    found = []
    for path, spec in job.search.space.items():
        values = spec.choice or spec.uniform or spec.loguniform or spec.integer or ()
        for value in values:
            found += _at(job, plain, path, value)
    return list(dict.fromkeys(found))


def untaught(job: Job) -> Job:
    """Return a job without the teacher that only its own search makes."""
    if job.train.distil is None or not job.train.distil.of_ensemble:
        return job
    return job.model_copy(update={"train": job.train.model_copy(update={"distil": None})})


def _at(job: Job, plain: dict[str, Any], path: str, value: Any) -> list[Mistake]:
    document = Job.model_validate(plain).model_dump(mode="json")
    where = f"search.space.{path}"
    if path.split(".", maxsplit=1)[0] in ("search", "name", "run", "data", "task", "compress", "device", "seed"):
        return [Mistake(where, "expected a field of granularities, model or train; a search changes nothing else")]
    try:
        replace(document, path, value)
    except KeyError:
        return [Mistake(where, "the job has no such field")]
    moved, mistakes = checked(document)
    if moved is not None and cutting(moved) != cutting(Job.model_validate(plain)):
        return [Mistake(where, "a search cannot change how the data is read and cut; set it in the job itself")]
    if (why := moved_mistake(path, moved or job, job)) is not None:
        return [Mistake(where, why)]
    return [Mistake(where, m.message if m.path == path else f"with {value!r}, {m.path}: {m.message}") for m in mistakes]


def searched(job: Job) -> Job:
    """Return a job without what changes nothing in its search: the combining of its winners, and how they teach."""
    assert job.search is not None, "the job asks for a search"
    ensemble = job.search.ensemble
    kept = None if ensemble is None else EnsembleSpec(winners=ensemble.winners)
    return untaught(job).model_copy(update={"search": job.search.model_copy(update={"ensemble": kept})})


def unmeasured(job: Job) -> Job:
    """Return a job without a measurement on the device, which is of what came out of its search."""
    return job.model_copy(update={"device": job.device.model_copy(update={"bench": None})})
