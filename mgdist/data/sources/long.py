"""Long tables, where a row is one reading: the rows of each recording become one example."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np

from mgdist.data.long import Column, Recording, recordings, time_of
from mgdist.data.sources.examples import Columns, Examples, Row, Unreadable
from mgdist.data.sources.parse import BadRecordError, Target
from mgdist.errors import DataError
from mgdist.job.series import SeriesSpec
from mgdist.job.task import ClassifySpec, Head, TagSpec, columns_of
from mgdist_edge.errors import InputError
from mgdist_edge.readings import readings

_Value = TypeVar("_Value", bound=Target)


@dataclass(frozen=True)
class _Table:
    """The rows of a long table.

    Attributes:
        columns: of the channels, the id and the time.
        targets: what each head learns of each row.
        places: where each row stands.
        groups: of each row; empty texts where the job asks for none.
    """

    columns: Mapping[str, Column]
    targets: Mapping[str, list[Target]]
    places: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def gather_readings(rows: Iterable[Row | Unreadable], columns: Columns, spec: SeriesSpec, owner: str) -> Examples:
    """Make an example of all rows with one id; examples come in the order in which they begin.

    A head that labels samples learns the label of every row; what another head learns stands in each row of an example,
    everywhere the same, and so does the group of a split in groups.

    Args:
        rows: with values in the order of ``columns.all``, in any order of time.
        columns: what is read of them: one series, and the heads.
        spec: of the series.
        owner: column of the id.

    Raises:
        DataError: a row is bad, a time is missing or stands twice in one example, a recording cannot be read, or two of
            its rows tell something else; says where.
    """
    table = _read(rows, columns, spec, owner)
    raws, learned, groups = [], {head: list[Target]() for head in columns.heads}, list[str]()
    for recording in recordings(table.columns, spec.columns, id=owner, time=spec.time):
        try:
            raw = readings(recording.values, spec.columns, spec.missing)
            if spec.length is not None and len(raw) != spec.length:
                raise BadRecordError(f"expected {spec.length} readings; got {len(raw)}")
            for name, head in columns.heads.items():
                if isinstance(head, TagSpec):
                    columns.require_tags(head.label, len(recording.rows), len(raw))
                learned[name].append(_target(head, recording, table.targets[name]))
            groups.append(_same(recording, table.groups, str(columns.by)))
        except (InputError, BadRecordError) as error:
            where = f"{table.places[recording.rows[0]]}: {owner} {recording.id}"
            raise DataError(f"{where}: {error}; mend its rows") from None
        raws.append(raw)
    return Examples(
        {name: list(raws) for name in columns.inputs}, learned, groups=groups if columns.by is not None else None
    )


def _read(rows: Iterable[Row | Unreadable], columns: Columns, spec: SeriesSpec, owner: str) -> _Table:
    each_row = Columns(columns.inputs, {name: _of_row(head) for name, head in columns.heads.items()}, columns.by)
    cells: dict[str, list[object]] = {name: [] for name in (*spec.columns, owner)}
    targets: dict[str, list[Target]] = {name: [] for name in columns.heads}
    times, places, groups = list[float](), list[str](), list[str]()
    for row in rows:
        try:
            if isinstance(row, Unreadable):
                raise BadRecordError(row.problem)
            (raw,), found, group = each_row.parse(row.values)
        except BadRecordError as error:
            raise DataError(f"{row.place}: {error}; mend the row") from None
        reading = cast(Mapping[str, object], raw)
        for name, column in cells.items():
            column.append(reading[name])
        if spec.time is not None:
            times.append(time_of(reading[spec.time], spec.time, row.place))
        for target, mine in zip(found, targets.values(), strict=True):
            mine.append(target)
        places.append(row.place)
        groups.append(group)
    table: dict[str, Column] = {name: np.array(cells[name], np.float64) for name in spec.columns}
    table[owner] = np.array(list(map(str, cells[owner])))
    return _Table(table if spec.time is None else table | {spec.time: np.array(times)}, targets, places, groups)


def _of_row(head: Head) -> Head:
    """Return the head as one row has something for it: of labelled samples, its own label."""
    return ClassifySpec(kind="classify", label=head.label) if isinstance(head, TagSpec) else head


def _target(head: Head, recording: Recording, targets: Sequence[Target]) -> Target:
    """Return what a head learns of a recording."""
    if isinstance(head, TagSpec):
        return cast(tuple[str, ...], tuple(targets[row] for row in recording.rows.tolist()))
    return _same(recording, targets, " and ".join(name for _, name in columns_of(head)))


def _same(recording: Recording, values: Sequence[_Value], named: str) -> _Value:
    """Return what all rows of a recording hold."""
    mine: list[_Value] = [values[row] for row in recording.rows.tolist()]
    if len(set(mine)) > 1:
        raise BadRecordError(f"{named}: expected the same in all of its rows; got {mine[0]!r} and others")
    return mine[0]
