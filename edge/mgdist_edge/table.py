"""From a row of a table to samples: one (id, value) a field, in groups.

The levels are named after their units. ``group`` reads the fields: a unit is a group of them. ``row`` comes above it
and has one unit, the row, whose samples are the groups; with a window of scale 1, or without the level ``group``, it
reads all fields itself.

A table is dense: every row has the same fields. Groups may differ in size, but not from row to row, so that one mask
(``TableInput.lengths``) holds for all rows.

Legend: R rows, B rows of a batch, F fields, U units, S samples of a unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.cells import PARTS, category_of, moment_of, number_of
from mgdist_edge.errors import InputError
from mgdist_edge.fields import Fields
from mgdist_edge.levels import levels_json, read_levels
from mgdist_edge.table_fields import MOST_ROWS, CategoryField, Field, read_field, texts_of, wrong
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

LEVELS = ("group", "row")
"""The levels that a table can be read at, finest first."""

Cells = Sequence[object] | NDArray[np.generic]
"""The cells of a column, row by row."""
_MOST_FIELDS = 65_536
_READERS = {"number": number_of, "category": category_of, "date": moment_of}


@dataclass(frozen=True)
class TableInput:
    """The fitted numbers that turn a row into ids and values.

    A network looks a sample up as ``E[id] * value + B[id]``.

    Attributes:
        groups: the fields of each group; those of a row stand in this order.
        levels: granularity -> window, finest first; a unit is padded to its length.
        missing: texts that stand for a missing cell.
        unused: columns that a row may hold, but that are not read: fields were selected.
    """

    groups: Mapping[str, tuple[Field, ...]]
    levels: Mapping[str, Window]
    missing: tuple[str, ...] = ("",)
    unused: tuple[str, ...] = ()

    kind = "table"
    axes = 1

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All F fields, group after group."""
        return tuple(field for group in self.groups.values() for field in group)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that a row must hold."""
        return tuple(dict.fromkeys(field.column for field in self.fields))

    @cached_property
    def rows(self) -> int:
        """Ids in all, so rows of the embedding; id 0 is padding."""
        return 1 + sum(field.rows for field in self.fields)

    @cached_property
    def lengths(self) -> tuple[NDArray[np.int32], ...]:
        """Samples of each unit, by level, the same for every row."""
        sizes = [len(group) for group in self.groups.values()]
        whole = {"group": sizes, "row": [len(sizes) if self._builds("row") else sum(sizes)]}
        return tuple(np.array(whole[level], np.int32) for level in self.levels)

    @property
    def channels(self) -> dict[str, int]:
        """Numbers of a sample, by level that reads fields: id and value."""
        return {level: 2 for level in self.levels if not self._builds(level)}

    def _builds(self, level: str) -> bool:
        return level in self.levels and self.levels[level].scale is None

    def read(self, raw: object) -> NDArray[np.float32]:
        """Return the samples of one row, (F, 2): id and value.

        Args:
            raw: column -> number, text, truth value, ISO date, or None or NaN where it is missing.

        Raises:
            InputError: a column is lacking or unknown, or its cell of the wrong type.
        """
        if not isinstance(raw, Mapping):
            raise InputError(f"expected a row as a mapping of column to value; got {type(raw).__name__}")
        self._require_columns(raw)
        samples: list[tuple[float, float]] = [(0.0, 0.0)] * len(self.fields)
        for column, kind, fields in self._plan:
            try:
                cell = _READERS[kind](raw[column], self._missing)
                for place, first, part, field in fields:
                    samples[place] = field.sample(first, _part(cell, part, field))
            except InputError as error:
                raise InputError(f"{column}: {error}") from None
        return np.array(samples, np.float32)

    def rows_of(self, columns: Mapping[str, Cells]) -> NDArray[np.float32]:
        """Return what ``read`` does for each row of a table, (R, F, 2).

        Args:
            columns: column -> its R cells.

        Raises:
            InputError: as ``read``, with the row, which counts from 1; or the columns differ in length.
        """
        self._require_columns(columns)
        sizes = {len(columns[column]) for column in self.columns}
        if len(sizes) != 1:
            raise InputError(f"expected columns of equal length; got lengths {sorted(sizes)}")
        samples = np.empty((sizes.pop(), len(self.fields), 2), np.float32)
        for column, kind, fields in self._plan:
            try:
                cells = cells_of(columns[column], kind, self._missing)
                for place, first, part, field in fields:
                    samples[:, place] = field.samples(first, [_part(cell, part, field) for cell in cells])
            except InputError as error:
                raise InputError(f"{column}, {error}") from None
        return samples

    def _require_columns(self, given: Mapping[str, object]) -> None:
        if lacking := [column for column in self.columns if column not in given]:
            raise InputError(f"expected column {lacking[0]}; it is missing; give None where its value is not known")
        if len(given) > len(self.columns):
            known = {*self.columns, *self.unused}
            if unknown := [column for column in given if column not in known]:
                raise InputError(f"expected columns {', '.join(self.columns)}; got {unknown[0]} too; leave it out")

    @cached_property
    def _missing(self) -> frozenset[str]:
        return frozenset(self.missing)

    @cached_property
    def _plan(self) -> list[tuple[str, str, list[tuple[int, int, int | None, Any]]]]:
        """For each column its kind, and of each of its fields the place, the first id, and the part of a date."""
        first = accumulate((field.rows for field in self.fields), initial=1)
        placed = list(zip(range(len(self.fields)), first, self.fields, strict=False))
        plan = []
        for column in self.columns:
            own = [each for each in placed if each[2].column == column]
            parts = [(place, id_, PARTS.index(f.part) if f.part else None, f) for place, id_, f in own]
            plan.append((column, kind_of(own[0][2]), parts))
        return plan

    def cut(self, raws: NDArray[np.float32]) -> tuple[NDArray[np.float32] | None, ...]:
        """Cut rows into units.

        Args:
            raws: (B, F, 2) as ``read`` and ``rows_of`` give them.

        Returns:
            for each level that reads fields (B, U, S, 2), with S the length of its window; id and value are 0 where a
            unit is padded, which ``lengths`` tells. None for a level that builds on the one before.
        """
        return tuple(None if place is None else _taken(raws, place) for place in self._places)

    @cached_property
    def _places(self) -> tuple[NDArray[np.intp] | None, ...]:
        """For each level (U, S), the field of each sample, -1 where it is padded."""
        found: list[NDArray[np.intp] | None] = []
        for (level, window), lengths in zip(self.levels.items(), self.lengths, strict=True):
            inside = np.arange(window.length)
            starts = np.cumsum(lengths) - lengths
            places = np.where(inside < lengths[:, None], starts[:, None] + inside, -1)
            found.append(None if self._builds(level) else places)
        return tuple(found)

    def views(self, raw: object) -> Views:
        """Read one row at every level, without padding.

        Raises:
            InputError: as ``read``.
        """
        row = self.read(raw)
        return Views(tuple(None if self._builds(level) else row for level in self.levels), self.lengths)

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {
            "kind": self.kind,
            "levels": levels_json(self.levels),
            "missing": list(self.missing),
            "unused": list(self.unused),
            "groups": {name: [field.as_json() for field in group] for name, group in self.groups.items()},
        }


def kind_of(field: Field) -> str:
    """Say what a field's column holds: ``number``, ``category`` or ``date``."""
    if field.part is not None:
        return "date"
    return "category" if isinstance(field, CategoryField) else "number"


def cells_of(column: Cells, kind: str, missing: frozenset[str]) -> list[Any]:
    """Read the cells of a column of numbers, categories or dates.

    Raises:
        InputError: one is of the wrong type; says the row, which counts from 1.
    """
    read, found = _READERS[kind], []
    plain = column.tolist() if isinstance(column, np.ndarray) and column.dtype.kind in "iufbU" else column
    for row, cell in enumerate(plain, 1):
        try:
            found.append(read(cell, missing))
        except InputError as error:
            raise InputError(f"row {row}: {error}") from None
    return found


def _part(cell: Any, part: int | None, field: Field) -> Any:
    """Return what a field reads of a cell: all of it, or one part of a date."""
    if part is None or cell is None:
        return cell
    return str(int(cell[part])) if isinstance(field, CategoryField) else cell[part]


def _taken(raws: NDArray[np.float32], place: NDArray[np.intp]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], np.where((place >= 0)[:, :, None], raws[:, place], np.float32(0)))


def read_table(fields: Fields) -> TableInput:
    """Return the table that a manifest describes.

    Args:
        fields: as ``TableInput.as_json`` gives them.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or contradicts another.
    """
    asked = fields.inner("groups")
    listed = {name: asked.many(name, least=1, most=_MOST_FIELDS) for name in asked}
    groups = {name: tuple(read_field(group.inner(place)) for place in group) for name, group in listed.items()}
    if not groups:
        raise wrong(fields, "groups", "at least one group", "none")
    table = TableInput(
        groups=groups,
        levels=read_levels(fields.inner("levels"), LEVELS),
        missing=tuple(texts_of(fields.many("missing", least=0, most=_MOST_FIELDS))),
        unused=tuple(texts_of(fields.many("unused", least=0, most=_MOST_FIELDS))),
    )
    _require_fit(fields, table)
    return table


def _require_fit(fields: Fields, table: TableInput) -> None:
    """Refuse fields and levels that contradict each other."""
    if len(set(table.fields)) != len(table.fields):
        raise wrong(fields, "groups", "each field once", "one twice")
    if len({(field.column, kind_of(field)) for field in table.fields}) != len(table.columns):
        raise wrong(fields, "groups", "columns of one kind", "one of two")
    if table.rows > MOST_ROWS:
        raise wrong(fields, "groups", f"at most {MOST_ROWS} ids", f"{table.rows}")
    for (name, window), lengths in zip(table.levels.items(), table.lengths, strict=True):
        if window.scale not in (None, 1):
            raise wrong(fields, f"levels.{name}.scale", "1 or null", f"{window.scale}")
        if window.length < lengths.max():
            raise wrong(fields, f"levels.{name}.length", f"at least {lengths.max()}", f"{window.length}")
