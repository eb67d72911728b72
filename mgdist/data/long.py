"""Examples from a long table, where a row is one reading."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist_edge.cells import moment_of
from mgdist_edge.errors import InputError

Column = NDArray[np.generic]


class Recording(NamedTuple):
    """One example of a long table.

    Attributes:
        id: what its rows have in common; None where the table is one example.
        rows: (L,) where its readings stand in the table, in the order of time.
        values: each channel's readings, as ``SeriesInput.read`` accepts them.
    """

    id: object
    rows: NDArray[np.int64]
    values: Mapping[str, Column]


def recordings(
    table: Mapping[str, Column], columns: Sequence[str], *, id: str | None, time: str | None
) -> list[Recording]:
    """Gather the rows of each example, examples in the order in which they begin.

    Args:
        table: the columns, each (L,).
        columns: of the channels.
        id: column that says which example a row belongs to; None: the table is one.
        time: column that puts an example's rows in order; None: they are in order.

    Raises:
        DataError: a time is missing, or stands twice in one example.
    """
    count = len(table[columns[0]])
    if not count:
        return []
    names, owner = _owners(table[id]) if id is not None else ([None], np.zeros(count, np.int64))
    keys = (owner,) if time is None else (_moments(table[time], time), owner)
    order = np.lexsort(keys)
    if time is not None:
        _check_once(table[time][order], owner[order], names, time)
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    return [
        Recording(name, rows, {column: table[column][rows] for column in columns})
        for name, rows in zip(names, groups, strict=True)
    ]


def time_of(cell: object, name: str, where: str) -> float:
    """Return a time as a number: as it is, or the days of a date.

    Args:
        cell: of a row.
        name: of the column.
        where: the row stands, for messages.

    Raises:
        DataError: it is neither, or empty.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    with suppress(ValueError):  # a text may be a number too, as in CSV
        if isinstance(cell, str) and isfinite(found := float(cell)):
            return found
    try:
        parts = moment_of(cell, ())
    except InputError as error:
        raise DataError(f"data.input.time: {where} of {name}: {error}") from None
    if parts is None:
        raise DataError(f"data.input.time: {where} of {name}: expected a time; it is empty")
    return parts[-1]


def _owners(ids: Column) -> tuple[list[object], NDArray[np.int64]]:
    """Return the ids in the order in which they come first, and for each row the place of its own."""
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return ids[np.sort(first)].tolist(), rank[inverse.reshape(-1)]


def _moments(times: Column, name: str) -> Column:
    if times.dtype.kind not in "iufM":
        raise DataError(f"data.input.time: expected numbers or times in {name}; got {times.dtype}; convert the column")
    missing = np.flatnonzero(np.isnat(times) if times.dtype.kind == "M" else np.isnan(times))
    if len(missing):
        raise DataError(f"data.input.time: {name} is missing in row {missing[0]}; expected a time in every row")
    return times


def _check_once(times: Column, owners: NDArray[np.int64], names: Sequence[object], name: str) -> None:
    twice = np.flatnonzero((times[1:] == times[:-1]) & (owners[1:] == owners[:-1]))
    if len(twice):
        row = int(twice[0])
        whose = "" if names[owners[row]] is None else f" of {names[owners[row]]!r}"
        raise DataError(f"data.input.time: {name} {times[row]}{whose} stands in two rows; expected each time once")
