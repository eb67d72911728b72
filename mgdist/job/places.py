"""Places: what a job names on the machine that it is written on, which another machine may not see."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgdist.job.data import FilesSpec, FoldersSpec, HuggingFaceSpec
from mgdist.job.encoders import PretrainedSpec
from mgdist.job.point import as_document
from mgdist.job.spec import Job
from mgdist.job.text import TextSpec, WordPieceSpec

Keys = tuple[str, ...]
"""Where a field of a job is: the names on the way to it, which may have dots themselves."""


def places(job: Job) -> dict[Keys, str]:
    """Return the address of all that a job reads: files, folders and globs.

    The private key of ``run.key`` is none of them: it stays where it is.
    """
    found = _of_source(job)
    for name, spec in job.inputs.items():
        if isinstance(spec, TextSpec) and isinstance(spec.tokenizer, WordPieceSpec):
            where = ("data", "inputs", name) if job.data.inputs else ("data", "input")
            found[(*where, "tokenizer", "path")] = spec.tokenizer.path
    for name, level in job.granularities.items():
        if isinstance(level.encoder, PretrainedSpec):
            found["granularities", name, "encoder", "path"] = level.encoder.path
    if job.train.distil is not None and not job.train.distil.of_ensemble:
        found["train", "distil", "teacher"] = job.train.distil.teacher
    if job.device.bench is not None:
        found["device", "bench"] = job.device.bench
    return found


def moved(job: Job, to: Mapping[Keys, str]) -> Job:
    """Return the job that reads the same from other places."""
    document = as_document(job)
    for (*sections, last), address in to.items():
        section: dict[str, Any] = document
        for name in sections:
            section = section[name]
        section[last] = address
    return Job.model_validate(document)


def _of_source(job: Job) -> dict[Keys, str]:
    match job.data.source:
        case FilesSpec() | FoldersSpec() as spec:
            splits = {name: getattr(spec, name) for name in ("train", "valid", "test")}
            return {("data", "source", name): address for name, address in splits.items() if address is not None}
        case HuggingFaceSpec(name=name) if Path(name).is_dir():
            return {("data", "source", "name"): name}
        case _:
            return {}
