"""From the values of a record to what an input reads and a head learns."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from math import isfinite, isnan
from typing import TYPE_CHECKING, assert_never

from mgdist.job.array import ArraySpec
from mgdist.job.audio import AudioSpec
from mgdist.job.data import InputSpec
from mgdist.job.image import ImageSpec
from mgdist.job.series import SeriesSpec
from mgdist.job.table import TableSpec
from mgdist.job.task import ClassifySpec, ForecastSpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec, TagSpec
from mgdist.job.text import TextSpec
from mgdist_edge.errors import InputError

if TYPE_CHECKING:
    from mgdist_edge.raws import Cell, Raw

Target = str | tuple[str, ...] | tuple[float, ...]
"""A label, several labels (of labelled samples one each), or numbers."""


class BadRecordError(Exception):
    """What is wrong with a record; it is told with the record's place, or counted."""


def raw_of(values: Sequence[object], spec: InputSpec | ArraySpec) -> "Raw":
    """Return the raw value that some columns of a record hold.

    Raises:
        BadRecordError: a value is not what the input reads.
    """
    match spec:
        case TextSpec():
            return _text(values, spec.columns)
        case ImageSpec():
            return _pixels(values[0], spec)
        case SeriesSpec(layout="long"):
            return _moment(values, spec)
        case SeriesSpec():
            return _readings(values, spec)
        case AudioSpec():
            return _recording(values, spec)
        case TableSpec():
            return _row(values, spec)
        case ArraySpec():
            return _array(values[0], spec)
        case _ as never:
            assert_never(never)


def target_of(values: Sequence[object], head: Head) -> Target:
    """Return what a head learns of a record.

    Raises:
        BadRecordError: a value is not what the head learns.
    """
    match head:
        case ClassifySpec(label=name) | OrdinalSpec(label=name):
            return label_of(values[0], name)
        case MultiLabelSpec(label=name):
            return _labels(values[0], name)
        case RegressSpec(targets=names):
            return tuple(_number(value, name) for value, name in zip(values, names, strict=True))
        case ForecastSpec():
            return ()
        case TagSpec(label=name):
            return _tags(values[0], name)
        case _ as never:
            assert_never(never)


def _text(values: Sequence[object], columns: Sequence[str]) -> str:
    """Return the text columns of a record, joined by a blank line."""
    parts = [_part(value, name) for value, name in zip(values, columns, strict=True)]
    text = "\n\n".join(part for part in parts if part and not part.isspace())
    if not text or text.isspace():
        raise BadRecordError(f"{' and '.join(columns)}: empty")
    return text


def _pixels(value: object, spec: ImageSpec) -> "Raw":
    from mgdist_edge.pixels import pixels

    with _reading(spec.column):
        return pixels(value, (*spec.size, spec.channels), spec.resize)


def _array(value: object, spec: ArraySpec) -> "Raw":
    from mgdist_edge.array import ArrayInput

    with _reading(spec.column):
        return ArrayInput(spec.shape, spec.dtype, spec.divide).read(value)


def _readings(values: Sequence[object], spec: SeriesSpec) -> "Raw":
    from mgdist_edge.readings import readings

    with _reading("series"):
        found = readings(dict(zip(spec.columns, values, strict=True)), spec.columns, spec.missing)
    if spec.length is not None and len(found) != spec.length:
        raise BadRecordError(f"series: expected {spec.length} readings; got {len(found)}")
    return found


def _moment(values: Sequence[object], spec: SeriesSpec) -> "Raw":
    """Return one row of a long series by column, null where a reading is missing."""
    row = {name: _cell(value, name) for name, value in zip(spec.columns, values, strict=False)}
    found: dict[str, Cell] = {name: None if cell in (None, "") else _number(cell, name) for name, cell in row.items()}
    if spec.id is not None:
        found[spec.id] = _owner(_cell(values[len(spec.columns)], spec.id), spec.id)
    if spec.time is not None:
        found[spec.time] = _cell(values[-1], spec.time)
    return found


def _owner(cell: "Cell", name: str) -> "Cell":
    """Refuse a row that belongs to no example."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise BadRecordError(f"{name}: empty; expected what the rows of one example have in common")
    return cell


def _recording(values: Sequence[object], spec: AudioSpec) -> "Raw":
    from mgdist_edge.recordings import decode

    if spec.rate_column is not None and values[1] != spec.rate:
        raise BadRecordError(f"{spec.rate_column}: expected {spec.rate} readings a second; got {values[1]!r:.40}")
    with _reading(spec.column):
        return decode(values[0], spec.rate)


def _row(values: Sequence[object], spec: TableSpec) -> "Raw":
    from mgdist_edge.cells import category_of, moment_of, number_of

    readers = ((spec.numeric, number_of), (spec.categorical, category_of), (spec.dates, moment_of))
    named = [(column, read) for columns, read in readers for column in columns]
    row, missing = {}, frozenset(spec.missing)
    for (column, read), value in zip(named, values, strict=True):
        cell = _cell(value, column)
        with _reading(column):
            read(cell, missing)
        row[column] = cell
    return row


def _cell(value: object, name: str) -> "Cell":
    """Return a cell as JSON holds it."""
    match value:
        case float() if isnan(value):
            return None
        case None | str() | bool() | int() | float():
            return value
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case _:
            raise BadRecordError(f"{name}: expected one value; got {type(value).__name__} {value!r:.40}")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """What the device would refuse is a bad record."""
    try:
        yield
    except InputError as error:
        raise BadRecordError(f"{name}: {error}") from None


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


def label_of(value: object, name: str) -> str:
    """Return a label, or the name of a group: one line of text, or a whole number.

    Raises:
        BadRecordError: it is not, or it is empty.
    """
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


def _labels(value: object, name: str) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case str():
            return tuple(dict.fromkeys(label_of(part.strip(), name) for part in value.split(",") if part.strip()))
        case list() | tuple():
            return tuple(dict.fromkeys(label_of(part, name) for part in value))
        case _:
            raise BadRecordError(f"{name}: expected a list of labels; got {type(value).__name__} {value!r:.40}")


def _tags(value: object, name: str) -> tuple[str, ...]:
    """Return the label of each sample."""
    listed = value.tolist() if hasattr(value, "tolist") else value  # of a NumPy file
    if not isinstance(listed, list | tuple):
        got = f"{type(value).__name__} {value!r:.40}"
        raise BadRecordError(f"{name}: expected a list with a label for each sample; got {got}")
    return tuple(label_of(part, name) for part in listed)


def _number(value: object, name: str) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise BadRecordError(f"{name}: expected a number; got {value!r:.40}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadRecordError(f"{name}: expected a number; got {type(value).__name__} {value!r:.40}")
    return float(value)


def _unicode(text: str, name: str) -> str:
    """Return a text that has an UTF-8 form; bytes that were not UTF-8 are read as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRecordError(f"{name}: character {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    return text
