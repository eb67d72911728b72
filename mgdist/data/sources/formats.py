"""Parquet, CSV and JSONL: from an open file to rows, with the place of each."""

import codecs
import csv
import json
from collections.abc import Callable, Iterator
from io import IOBase
from typing import Any
from zipfile import BadZipFile

from mgdist.data.sources.examples import Columns, Row, Unreadable
from mgdist.errors import DataError

LONGEST_LINE = 1 << 24
"""Bytes of a line at most; a longer one is something else, such as a JSON list."""
Reader = Callable[[IOBase, str, Columns], Iterator[Row | Unreadable]]


def reader_of(address: str) -> Reader | None:
    """Return what reads a file with such an ending; None where no one does."""
    match address.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower():
        case "parquet" | "pq":
            return read_parquet
        case "csv":
            return read_csv
        case "jsonl" | "ndjson":
            return read_jsonl
        case "npz":
            return read_npz
        case _:
            return None


def read_csv(file: IOBase, place: str, columns: Columns) -> Iterator[Row | Unreadable]:
    """Yield the rows of a CSV file (RFC 4180) whose first line names the columns."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))  # of the process: csv knows no other
    rows = csv.reader((text for _, text in _lines(file, place)), strict=True)
    names = next(rows, None)
    if names is None:
        raise _empty(place)
    picks = columns.pick(names, place)
    while True:
        where = f"{place}:{rows.line_num + 1}"
        try:
            values = next(rows, None)
        except csv.Error as error:
            yield Unreadable(where, f"not CSV: {error}")
            continue
        if values is None:
            return
        if len(values) == len(names):
            yield Row(where, [values[pick] for pick in picks])
        elif values:
            yield Unreadable(where, f"expected {len(names)} fields, as in the first line; got {len(values)}")


def read_jsonl(file: IOBase, place: str, columns: Columns) -> Iterator[Row | Unreadable]:
    """Yield the rows of a JSONL file: one object a line."""
    names: list[str] | None = None
    for number, line in _lines(file, place):
        if not line.strip():
            continue
        where = f"{place}:{number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unreadable(where, f"not JSON: {str(error).split(': line')[0]}")
            continue
        if not isinstance(record, dict):
            yield Unreadable(where, f'expected an object such as {{"text": ...}}; got {type(record).__name__}')
            continue
        if names is None:
            names = list(record)
            columns.pick(names, where)
        yield Row(where, [record.get(name) for name in columns.all])
    if names is None:
        raise _empty(place)


def read_npz(file: IOBase, place: str, columns: Columns) -> Iterator[Row | Unreadable]:
    """Yield the rows of a NumPy file with one array a column, all of one length."""
    import numpy as np

    try:
        with np.load(file, allow_pickle=False) as arrays:
            columns.pick(arrays.files, place)
            found = {name: arrays[name] for name in set(columns.all)}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise DataError(f"{place}: not a whole NumPy file of plain arrays, perhaps an interrupted download") from error
    sizes = {name: len(array) for name, array in found.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(
            f"{place}: expected arrays of one length; got {', '.join(f'{n} {s}' for n, s in sizes.items())}"
        )
    if not next(iter(sizes.values())):
        raise _empty(place)
    for number, values in enumerate(zip(*(found[name] for name in columns.all), strict=True), 1):
        yield Row(f"{place}:row {number}", [value.item() if np.ndim(value) == 0 else value for value in values])


def _lines(file: IOBase, place: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; bytes that are not UTF-8 become lone surrogates, which no text may hold."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{place}:{number}: expected lines of at most {LONGEST_LINE:,} bytes; this one is longer")
        if number == 1:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError(f"{place}: expected UTF-8; it is UTF-16; save the file as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        yield number, line.decode("utf-8", "surrogateescape")


def read_parquet(file: IOBase, place: str, columns: Columns) -> Iterator[Row | Unreadable]:
    """Yield the rows of a Parquet file; only the columns asked for are decoded."""
    from pyarrow import ArrowException

    try:
        parquet = _parquet(file, place)
        columns.pick(parquet.schema_arrow.names, place)
        read = 0
        for batch in parquet.iter_batches(batch_size=4096, columns=sorted(set(columns.all))):
            values = [_values(batch.column(name)) for name in columns.all]
            for number, picked in enumerate(zip(*values, strict=True), read + 1):
                yield Row(f"{place}:row {number}", picked)
            read += batch.num_rows
    except (ArrowException, OSError) as error:
        raise _damaged(place) from error
    if read == 0:
        raise _empty(place)


def _parquet(file: IOBase, place: str) -> Any:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (ArrowException, OSError) as error:
        raise _damaged(place) from error


def _values(column: Any) -> list[Any]:
    """Return an Arrow column as Python's values; text that is not UTF-8 holds lone surrogates."""
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        raw = column.cast("binary").to_pylist()
        return [value if value is None else value.decode("utf-8", "surrogateescape") for value in raw]


def _damaged(place: str) -> DataError:
    return DataError(f"{place}: not a whole Parquet file, perhaps an interrupted download; fetch it again")


def _empty(place: str) -> DataError:
    return DataError(f"{place}: expected rows; the file is empty")
