"""Records as they lie in a source, and documents as they are kept."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple, SupportsIndex

from mgdist.errors import DataError
from mgdist.job.spec import Job

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

    def take(self, rows: Iterable[SupportsIndex]) -> "Documents":
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
        DataError: a record is bad and ``skip`` is false.
    """
    texts, labels, skipped = list[str](), list[str](), list[str]()
    left_out = 0
    for row in rows:
        try:
            text, label = _document(row, columns)
        except BadRecordError as error:
            if not skip:
                raise DataError(f"{row.place}: {error}; mend the record, or set data.on_bad_record: skip") from None
            left_out += 1
            if left_out <= NAMED:
                skipped.append(f"{row.place}: {error}")
        else:
            texts.append(text)
            labels.append(label)
    return Documents(texts, labels, tuple(skipped), left_out)


class BadRecordError(Exception):
    """What is wrong with a record; never leaves this module."""


def _document(row: Row | Unreadable, columns: Columns) -> tuple[str, str]:
    if isinstance(row, Unreadable):
        raise BadRecordError(row.problem)
    *values, label = row.values
    parts = [_part(value, name) for value, name in zip(values, columns.text, strict=True)]
    text = "\n\n".join(part for part in parts if part and not part.isspace())
    if not text or text.isspace():
        raise BadRecordError(f"{' and '.join(columns.text)}: empty")
    return text, _label(label, columns.label)


def _part(value: object, name: str) -> str:
    """Return the text of one column; null, which some formats write as NaN, is no text at all."""
    match value:
        case None:
            return ""
        case str():
            return _unicode(value, name)
        case float() if isnan(value):
            return ""
        case _:
            raise BadRecordError(f"{name}: expected text; got {type(value).__name__} {value!r:.40}")


def _label(value: object, name: str) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str() if len(value.splitlines()) > 1:  # the bundle lists one label a line
            raise BadRecordError(f"{name}: expected one line; got {value!r:.40}")
        case str() if value and not value.isspace():
            return _unicode(value, name)
        case None | str():
            raise BadRecordError(f"{name}: empty")
        case float() if isnan(value):
            raise BadRecordError(f"{name}: empty (NaN)")
        case _:
            raise BadRecordError(f"{name}: expected text or a whole number; got {type(value).__name__} {value!r:.40}")


def _unicode(text: str, name: str) -> str:
    """Return a text that has an UTF-8 form; bytes that were not UTF-8 are read as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRecordError(f"{name}: character {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    return text
