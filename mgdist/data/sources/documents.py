"""Records as they lie in a source, and documents as they are kept."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mgdist.errors import DataError
from mgdist.job.spec import Job
from mgdist_edge.text import LONGEST

NAMED = 100
"""Records left out that are named; the others are only counted."""


class Row(NamedTuple):
    """One record: where it is, and the values of the columns asked for."""

    place: str
    values: Sequence[object]


class Unreadable(NamedTuple):
    """One record that is not even a row: where it is, and what is wrong with it."""

    place: str
    problem: str


@dataclass(frozen=True)
class Columns:
    """The columns that a job reads: those that make the document, and the label."""

    text: tuple[str, ...]
    label: str

    @property
    def all(self) -> tuple[str, ...]:
        """Their names; the label is the last."""
        return (*self.text, self.label)

    def pick(self, names: Sequence[str], place: str) -> list[int]:
        """Return where the columns stand among those of a file.

        Raises:
            DataError: the file lacks one.
        """
        for index, name in enumerate(self.all):
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                field = "task.label" if index == len(self.text) else "data.input.columns"
                raise DataError(f"{field}: {place} has no column {name!r}; {meant}it has {', '.join(names) or 'none'}")
        return [list(names).index(name) for name in self.all]


def columns_of(job: Job) -> Columns:
    """Return the columns that a job reads."""
    return Columns(job.data.input.columns, job.task.label)


@dataclass(frozen=True)
class Documents:
    """Documents with their labels, and what was left out.

    Attributes:
        texts: the text columns of each record, joined by a blank line.
        labels: one a text.
        skipped: what was wrong with the first records left out, one line each.
        left_out: records left out in all.
    """

    texts: list[str]
    labels: list[str]
    skipped: tuple[str, ...] = ()
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> "Documents":
        """Return some of the documents, in the order asked for."""
        rows = list(rows)
        texts, labels = [self.texts[row] for row in rows], [self.labels[row] for row in rows]
        return Documents(texts, labels, self.skipped, self.left_out)


@dataclass(frozen=True)
class Given:
    """The splits that a source has; what it lacks is held out of train later."""

    train: Documents
    valid: Documents | None = None
    test: Documents | None = None


def gather(rows: Iterable[Row | Unreadable], columns: Columns, *, skip: bool) -> Documents:
    """Make a document of each record.

    Args:
        rows: with values in the order of ``columns.all``.
        columns: their names.
        skip: leave bad records out and count them, in place of failing.

    Raises:
        DataError: a record is bad and ``skip`` is false; or the label column holds numbers with a fraction.
    """
    texts, labels, skipped = list[str](), list[str](), list[str]()
    left_out = 0
    for row in rows:
        made = row.problem if isinstance(row, Unreadable) else _made(row, columns)
        if not isinstance(made, str):
            texts.append(made[0])
            labels.append(made[1])
            continue
        if not skip:
            raise DataError(f"{row.place}: {made}; mend the record, or set data.on_bad_record: skip")
        left_out += 1
        if left_out <= NAMED:
            skipped.append(f"{row.place}: {made}")
    return Documents(texts, labels, tuple(skipped), left_out)


def _made(row: Row, columns: Columns) -> tuple[str, str] | str:
    """Return the text and the label of a row, or what is wrong with it."""
    parts = []
    for name, value in zip(columns.text, row.values, strict=False):
        if value is None or value != value:  # null, or NaN, which stands for null in floats  # noqa: PLR0124
            continue
        if not isinstance(value, str):
            return f"{name}: expected text; got {type(value).__name__}"
        if not _is_unicode(value):
            return f"{name}: not UTF-8; save the file as UTF-8"
        parts.append(value)
    text = "\n\n".join(part for part in parts if part[:LONGEST].strip())
    if not text[:LONGEST].strip():
        return f"{' and '.join(columns.text)}: empty"
    label = _label(row.values[-1])
    if label is None:
        return f"{columns.label}: empty"
    if isinstance(label, Problem):
        return f"{columns.label}: {label.what}"
    return text, label


class Problem(NamedTuple):
    """Why a value is not a label."""

    what: str


def _label(value: object) -> str | Problem | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            if not _is_unicode(value):
                return Problem("not UTF-8; save the file as UTF-8")
            return value if value.strip() else None
        case float():
            return None if value != value else Problem(f"expected text or a whole number; got {value}")  # noqa: PLR0124
        case _:
            return Problem(f"expected text or a whole number; got {type(value).__name__}")


def _is_unicode(text: str) -> bool:
    """Tell whether a text has an UTF-8 form; bytes that were not UTF-8 are read as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
