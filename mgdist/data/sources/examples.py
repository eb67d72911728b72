"""Records as they lie in a source, and examples as they are kept."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex

from mgdist.data.sources.parse import BadRecordError, Target, label_of, raw_of, target_of
from mgdist.errors import DataError
from mgdist.job.array import ArraySpec
from mgdist.job.data import InputSpec, columns_of_input
from mgdist.job.series import SeriesSpec
from mgdist.job.shapes import tagged
from mgdist.job.spec import Job
from mgdist.job.task import Head, TagSpec, columns_of
from mgdist_edge.levels import spans

if TYPE_CHECKING:
    from mgdist_edge.raws import Raw

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
    """The columns that a job reads: those of each input, then those of each head, then that of the groups."""

    inputs: Mapping[str, InputSpec | ArraySpec]
    heads: Mapping[str, Head]
    by: str | None = None
    tagged: tuple[str, int] | None = None
    """the level whose samples are labelled, and how many readings one of them covers"""

    @cached_property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The field of the job that names a column, and the column."""
        several, many = len(self.inputs) > 1, len(self.heads) > 1
        read = [
            (f"data.{f'inputs.{name}' if several else 'input'}.{field}", column)
            for name, spec in self.inputs.items()
            for field, column in columns_of_input(spec)
        ]
        learned = [
            (f"task.{f'heads.{name}.' if many else ''}{field}", column)
            for name, head in self.heads.items()
            for field, column in columns_of(head)
        ]
        return (*read, *learned, *([("data.split.by", self.by)] if self.by is not None else []))

    @cached_property
    def all(self) -> tuple[str, ...]:
        """The names of the columns, in the order in which a row holds their values."""
        return tuple(column for _, column in self.fields)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The columns that hold labels."""
        return frozenset(column for field, column in self.fields if field.endswith(".label"))

    def pick(self, names: Sequence[str], place: str) -> list[int]:
        """Return where the columns stand among those of a file.

        Raises:
            DataError: the file lacks one.
        """
        for field, name in self.fields:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                raise DataError(f"{field}: {place} has no column {name!r}; {meant}it has {', '.join(names) or 'none'}")
        return [list(names).index(name) for name in self.all]

    def of_split(self, name: str) -> "Columns":
        """Return what is read of a split of the source: no groups but of train, since the others stay as they are."""
        return self if name == "train" else replace(self, by=None)

    def parse(self, values: Sequence[object]) -> "tuple[list[Raw], list[Target], str]":
        """Return the raw value for each input, the target of each head, and the group that a row holds.

        Raises:
            BadRecordError: one of its values is not what it should be.
        """
        rest = iter(values)
        raws = [raw_of([next(rest) for _ in columns_of_input(spec)], spec) for spec in self.inputs.values()]
        targets = [target_of([next(rest) for _ in columns_of(head)], head) for head in self.heads.values()]
        for head, target in zip(self.heads.values(), targets, strict=True):
            if isinstance(head, TagSpec):
                self.require_tags(head.label, len(target), len(raws[0]))
        return raws, targets, "" if self.by is None else label_of(next(rest), self.by)

    def require_tags(self, column: str, labels: int, readings: int) -> None:
        """Refuse another number of labels than an example has samples.

        Raises:
            BadRecordError: says how many samples its readings are.
        """
        assert self.tagged is not None, "known where samples are labelled"
        level, span = self.tagged
        samples = -(-readings // span)
        if labels != samples:
            what = "readings" if span == 1 else f"samples of {level}, which cover {span} of {readings} readings"
            raise BadRecordError(f"{column}: expected a label for each of {samples} {what}; got {labels}")


def columns_of_job(job: Job) -> Columns:
    """Return the columns that a job reads."""
    by, read, (first, *_) = job.data.split.by, tagged(job), job.inputs
    if not read:
        return Columns(job.inputs, job.heads, by)
    reach = dict(zip(job.levels_of(first), spans(job.windows_of(first).values()), strict=True))
    return Columns(job.inputs, job.heads, by, (read[0].name, reach[read[0].inner]))


@dataclass(frozen=True)
class Examples:
    """Examples with what is to be learned of them, and what was left out.

    Attributes:
        raws: for each input, one raw value an example.
        targets: for each head, one target an example.
        skipped: what was wrong with the first records left out, one line each.
        left_out: records left out in all.
        groups: one an example; None where the job asks for none.
    """

    raws: "Mapping[str, list[Raw]]"
    targets: Mapping[str, list[Target]]
    skipped: tuple[str, ...] = ()
    left_out: int = 0
    groups: list[str] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def take(self, rows: Iterable[SupportsIndex]) -> "Examples":
        """Return some of the examples, in the order asked for."""
        rows = list(rows)
        return replace(
            self,
            raws={name: [values[row] for row in rows] for name, values in self.raws.items()},
            targets={name: [values[row] for row in rows] for name, values in self.targets.items()},
            groups=None if self.groups is None else [self.groups[row] for row in rows],
        )


@dataclass(frozen=True)
class Given:
    """The splits that a source has; what it lacks is held out of train later."""

    train: Examples
    valid: Examples | None = None
    test: Examples | None = None


def gather(rows: Iterable[Row | Unreadable], columns: Columns, *, skip: bool) -> Examples:
    """Make an example of each record; or, where records are the readings of a long table, of all with one id.

    Args:
        rows: with values in the order of ``columns.all``.
        columns: what is read of them.
        skip: leave bad records out and count them, in place of failing.

    Raises:
        DataError: a record is bad and ``skip`` is false.
    """
    series = next(iter(columns.inputs.values()))
    if isinstance(series, SeriesSpec) and series.id is not None:
        from mgdist.data.sources.long import gather_readings

        return gather_readings(rows, columns, series, series.id)
    raws: "dict[str, list[Raw]]" = {name: [] for name in columns.inputs}
    targets: dict[str, list[Target]] = {name: [] for name in columns.heads}
    skipped, left_out, groups = list[str](), 0, list[str]()
    for row in rows:
        try:
            if isinstance(row, Unreadable):
                raise BadRecordError(row.problem)
            read, learned, group = columns.parse(row.values)
        except BadRecordError as error:
            if not skip:
                raise DataError(f"{row.place}: {error}; mend the record, or set data.on_bad_record: skip") from None
            left_out += 1
            if left_out <= NAMED:
                skipped.append(f"{row.place}: {error}")
        else:
            for kept, raw in zip(raws.values(), read, strict=True):
                kept.append(raw)
            for held, target in zip(targets.values(), learned, strict=True):
                held.append(target)
            groups.append(group)
    return Examples(raws, targets, tuple(skipped), left_out, groups if columns.by is not None else None)
