"""Small jobs and small files for the tests of the data."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mgdist.job.point import checked
from mgdist.job.spec import Job


def job(source: Mapping[str, Any], **changes: Any) -> Job:
    """Return a job over a source; changes such as ``data__limit=3`` are laid over it."""
    document: dict[str, Any] = {
        "name": "small",
        "task": {"kind": "classify", "label": "label"},
        "data": {"source": dict(source), "input": {"kind": "text", "min_count": 1}},
        "granularities": {
            "word": {"length": 6, "encoder": {"kind": "bag"}},
            "sentence": {"length": 3, "encoder": {"kind": "bag"}},
            "paragraph": {"length": 2, "encoder": {"kind": "bag"}},
        },
        "train": {"batch_size": 4},
    }
    for path, value in changes.items():
        *sections, last = path.split("__")
        inner = document
        for name in sections:
            inner = inner.setdefault(name, {})
        inner[last] = value
    made, mistakes = checked(document)
    assert made is not None, mistakes
    return made


def files(train: Path | str, **changes: Any) -> Job:
    """Return a job that reads files."""
    given = {name: str(changes.pop(name)) for name in ("valid", "test") if name in changes}
    return job({"kind": "files", "train": str(train), **given}, **changes)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def animals(count: int = 40) -> list[dict[str, str]]:
    """Return documents of several paragraphs and sentences about cats and dogs, which differ in all rows."""
    return [
        {
            "text": f"The {kind} number {number} sleeps. It is {number % 7} years old!\n\nIt {sound}. Does it eat?",
            "label": kind,
        }
        for number in range(count // 2)
        for kind, sound in (("cat", "purrs and meows"), ("dog", "barks"))
    ]
