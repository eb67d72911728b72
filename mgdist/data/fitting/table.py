"""Fit a table: what each column holds, how its numbers are scaled, which categories it has, which fields are kept."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist.job.table import TableSpec
from mgdist_edge.cells import PARTS
from mgdist_edge.errors import InputError
from mgdist_edge.table import Cells, TableInput, cells_of
from mgdist_edge.table_fields import (
    MOST_ROWS,
    CategoryField,
    Field,
    NumberField,
    Piece,
    Quantiles,
    Standard,
    ValueField,
)
from mgdist_edge.windows import Window

KNOTS = 101
"""Quantiles that a column is scaled by at most: every hundredth."""
LOOKED_AT = 10_000
"""Rows that fields are selected by at most: the nearest neighbours of more take minutes."""
OUTERMOST = 1e-3
"""Quantile that the outermost knots count as, 3.1 standard deviations from the middle."""

Columns = Mapping[str, Cells]
_Cell = TypeVar("_Cell", str, float)


def fit_table(
    values: Columns,
    spec: TableSpec,
    levels: Mapping[str, Window],
    *,
    targets: NDArray[np.generic] | None = None,
    seed: int = 0,
) -> TableInput:
    """Fit a table input to the training split.

    Args:
        values: column -> its R cells, of the training split only, without the targets. Columns that the spec does
            not name are left out.
        spec: what each column holds, and how it is read.
        levels: granularity -> window.
        targets: (R,) whole numbers are classes, others are measures; needed where fields are selected.
        seed: of the rows that fields are selected by.

    Raises:
        DataError: a column is missing, constant, or of the wrong type; a group or a level does not fit.
    """
    missing = frozenset(spec.missing)
    try:
        fields = [
            field for column, kind in _columns(values, spec) for field in _fit(values, column, kind, spec, missing)
        ]
    except InputError as error:
        raise DataError(f"data.input: {error}") from None
    table = TableInput(_grouped(fields, spec), levels, spec.missing)
    if spec.select is not None:
        table = _selected(table, values, targets, keep=spec.select.mutual_information, seed=seed)
    _require_fit(table)
    return table


def _columns(values: Columns, spec: TableSpec) -> Iterator[tuple[str, str]]:
    """Yield the columns that are read, and what each holds."""
    kinds = {"number": spec.numeric, "category": spec.categorical, "date": spec.dates}
    for column, kind in ((column, kind) for kind, columns in kinds.items() for column in columns):
        if column not in values:
            raise DataError(f"data.input: expected column {column}; the data has {', '.join(values)}")
        yield column, kind


def _fit(values: Columns, column: str, kind: str, spec: TableSpec, missing: frozenset[str]) -> list[Field]:
    """Return the fields of a column."""
    try:
        cells = cells_of(values[column], kind, missing)
    except InputError as error:
        raise DataError(f"data.input: {column}, {error}") from None
    found: list[Field | None]
    match kind:
        case "number":
            found = [_fit_number(column, None, cells, spec.scales.get(column, spec.scale))]
            found += _pieces(column, cells, spec.pieces)
            found += [_fit_values(column, cells, spec)] if column in spec.exact else []
        case "category":
            found = [_fit_categories(column, None, cells, spec)]
        case _:
            found = _fit_dates(column, cells, spec)
    kept = [field for field in found if field is not None]
    if not kept:
        rarely = ", or make min_count smaller" if kind == "category" else ""
        raise DataError(
            f"data.input: {column}: expected a column that varies; all rows are alike; leave it out{rarely}"
        )
    return kept


def _fit_number(column: str, part: str | None, cells: Sequence[float | None], scale: str) -> NumberField | None:
    """Return the field of a column of numbers; None where all rows say the same."""
    present = np.array([cell for cell in cells if cell is not None])
    same = len(set(present.tolist())) <= 1
    if not len(present) or (same and len(present) == len(cells)):
        return None
    if scale == "quantile":
        return NumberField(column, part, _quantiles(present))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = (float(present[0]), 1.0) if same else (float(present.mean()), float(present.std()))
    if not np.isfinite(std):
        raise DataError(f"data.input: {column}: expected numbers below 1e150; got {np.abs(present).max():.3g}")
    return NumberField(column, part, Standard(mean, std))


def _pieces(column: str, cells: Sequence[float | None], count: int) -> list[NumberField]:
    """Return the pieces of a column's range: as many rows in each, or fewer pieces where many rows hold one number."""
    present = np.array([cell for cell in cells if cell is not None])
    edges = _edges(present, count) if count and len(present) else []
    return [NumberField(column, None, Piece(low, high)) for low, high in pairwise(edges)]


def _edges(present: NDArray[np.float64], count: int) -> list[float]:
    """Return the ends of the pieces, rising.

    A number that fills more than one piece with its rows is an edge by itself and takes no part of the others: nine
    tenths of a column may be 0, and yet what is told apart are the numbers above it. As LightGBM finds its bins (Ke et
    al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017).
    """
    numbers, rows = np.unique(present, return_counts=True)
    often = rows > len(present) / count
    left = count - int(often.sum())
    rare = np.repeat(numbers[~often], rows[~often])
    drawn = np.quantile(rare, np.linspace(0, 1, left + 1)) if len(rare) and left > 0 else rare
    edges: list[float] = np.unique(np.concatenate([numbers[[0, -1]], numbers[often], drawn])).tolist()
    return edges


def _quantiles(present: NDArray[np.float64]) -> Quantiles:
    """Return the knots of a column; where many rows hold one number, it counts as the middle of its quantiles."""
    shares = np.linspace(0, 1, min(KNOTS, len(present)))
    knots = np.quantile(present, shares)
    different, inverse = np.unique(knots, return_inverse=True)
    middles = np.bincount(inverse, shares) / np.bincount(inverse)
    places = [NormalDist().inv_cdf(float(share)) for share in np.clip(middles, OUTERMOST, 1 - OUTERMOST)]
    return Quantiles(tuple(different.tolist()), tuple(places))


def _fit_categories(
    column: str, part: str | None, cells: Sequence[str | None], spec: TableSpec, least: int | None = None
) -> CategoryField | None:
    """Return the field of a column of categories, the most frequent first; None where all rows say the same."""
    field = CategoryField(column, part, _frequent(cells, least or spec.min_count, spec.most))
    return field if len({field.sample(0, cell) for cell in set(cells)}) > 1 else None


def _fit_values(column: str, cells: Sequence[float | None], spec: TableSpec) -> ValueField:
    """Return the field of the values of a column of numbers, the most frequent first."""
    values = _frequent(cells, spec.min_count, spec.most)
    if not values:
        raise DataError(
            f"data.input.exact: {column}: expected numbers that {spec.min_count} rows share; got none; leave it out"
        )
    return ValueField(column, values)


def _frequent(cells: Sequence[_Cell | None], least: int, most: int) -> tuple[_Cell, ...]:
    """Return what at least so many cells say, the most frequent first, and no more than ``most``."""
    counts = Counter(cell for cell in cells if cell is not None)
    found = sorted((-count, cell) for cell, count in counts.items() if count >= least)
    return tuple(cell for _, cell in found[:most])


def _fit_dates(column: str, cells: Sequence[tuple[float, ...] | None], spec: TableSpec) -> list[Field | None]:
    """Return the fields of a column of dates: year and elapsed days are numbers, other parts categories."""
    fields: list[Field | None] = []
    for place, part in enumerate(PARTS):
        found = [None if cell is None else cell[place] for cell in cells]
        if len(set(found) - {None}) < 2:
            continue
        if part in ("year", "elapsed"):
            fields.append(_fit_number(column, part, found, spec.scale))
        else:
            names = [None if cell is None else str(int(cell)) for cell in found]
            fields.append(_fit_categories(column, part, names, spec, least=1))
    return fields


def _grouped(fields: Sequence[Field], spec: TableSpec) -> dict[str, tuple[Field, ...]]:
    if spec.groups is None:
        return {"all": tuple(fields)}
    known = {field.column for field in fields}
    for name, columns in spec.groups.items():
        if unknown := [column for column in columns if column not in known]:
            raise DataError(f"data.input.groups.{name}: expected columns that are read; got {unknown[0]}")
    groups = {n: tuple(f for column in c for f in fields if f.column == column) for n, c in spec.groups.items()}
    grouped = {field for group in groups.values() for field in group}
    if alone := [field.column for field in fields if field not in grouped]:
        raise DataError(f"data.input.groups: expected each column in a group; {alone[0]} is in none; put it into one")
    return groups


def _selected(
    table: TableInput, values: Columns, targets: NDArray[np.generic] | None, *, keep: int, seed: int
) -> TableInput:
    """Return a table with the fields that tell most about the targets."""
    where = "data.input.select.mutual_information"
    if keep >= len(table.fields):
        raise DataError(f"{where}: expected fewer than the {len(table.fields)} fields; got {keep}; or leave select out")
    if targets is None:
        raise DataError(
            f"{where}: expected one label or number a row to select by; the task has none; leave select out"
        )
    information = _information(table, values, targets, seed)
    best = set(np.argsort(-information, kind="stable")[:keep].tolist())
    kept, place = {}, 0
    for name, group in table.groups.items():
        kept[name] = tuple(field for number, field in enumerate(group, place) if number in best)
        place += len(group)
        if not kept[name]:
            raise DataError(f"{where}: keeps no field of group {name}; keep more than {keep}, or leave the group out")
    chosen = replace(table, groups=kept)
    return replace(chosen, unused=tuple(column for column in table.columns if column not in chosen.columns))


def _information(table: TableInput, values: Columns, targets: NDArray[np.generic], seed: int) -> NDArray[np.float64]:
    """Return the mutual information of each field with the targets, (F,), in nats."""
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    rows = np.random.default_rng(seed).permutation(len(targets))[:LOOKED_AT]
    samples = table.rows_of({column: _picked(values[column], rows) for column in table.columns})
    categories = np.array([not isinstance(field, NumberField) for field in table.fields])
    numbers = np.where(samples[..., 0] == samples[..., 0].max(0), samples[..., 1], 0)  # missing counts as the mean
    features = np.where(categories, samples[..., 0], numbers)
    measure = mutual_info_classif if targets.dtype.kind in "iub" else mutual_info_regression
    found: NDArray[np.float64] = measure(features, targets[rows], discrete_features=categories, random_state=seed)
    return found


def _picked(column: Cells, rows: NDArray[np.int64]) -> Cells:
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]


def _require_fit(table: TableInput) -> None:
    """Refuse levels that are too short, and more ids than float32 holds."""
    if table.rows > MOST_ROWS:
        raise DataError(
            f"data.input: {table.rows} ids are more than {MOST_ROWS}; make most smaller, or min_count larger"
        )
    for (name, window), lengths in zip(table.levels.items(), table.lengths, strict=True):
        where = f"granularities.{name}"
        if window.scale not in (None, 1):
            raise DataError(f"{where}.scale: fields are not averaged: expected 1 or null; got {window.scale}")
        if window.length < lengths.max():
            raise DataError(f"{where}.length: a unit has {lengths.max()} samples; got {window.length}; make it as long")
