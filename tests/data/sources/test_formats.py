import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mgdist.data.sources import formats
from mgdist.data.sources.examples import Columns, Row, Unreadable
from mgdist.data.sources.formats import Reader, read_csv, read_jsonl, read_npz, read_parquet, reader_of
from mgdist.errors import DataError
from mgdist.job.task import ClassifySpec
from mgdist.job.text import TextSpec

COLUMNS = Columns({"input": TextSpec(kind="text")}, {"answer": ClassifySpec(kind="classify", label="label")})


def read(reader: Reader, raw: bytes) -> list[Row | Unreadable]:
    return list(reader(io.BytesIO(raw), "data", COLUMNS))


def parquet_bytes(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


CSV = b'label,text\nsea,"a, ""b""\nc"\n\nsky,d\n'
JSONL = b'{"text": "a, \\"b\\"\\nc", "label": "sea", "more": [1]}\n\n{"label": "sky", "text": "d"}\n'
PARQUET = parquet_bytes(more=[1, 2], label=["sea", "sky"], text=['a, "b"\nc', "d"])


@pytest.mark.parametrize(
    ("reader", "raw", "places"),
    [
        (read_csv, CSV, ["data:2", "data:5"]),
        (read_jsonl, JSONL, ["data:1", "data:3"]),
        (read_parquet, PARQUET, ["data:row 1", "data:row 2"]),
    ],
    ids=["csv", "jsonl", "parquet"],
)
def test_each_format_gives_the_same_rows_with_their_places(reader: Reader, raw: bytes, places: list[str]) -> None:
    rows = read(reader, raw)
    assert [tuple(row.values) for row in rows if isinstance(row, Row)] == [('a, "b"\nc', "sea"), ("d", "sky")]
    assert [row.place for row in rows] == places


def test_the_ending_tells_the_format() -> None:
    known = {"a/b.parquet": read_parquet, "b.PQ": read_parquet, "c.csv": read_csv, "s3://d/e.jsonl": read_jsonl}
    assert {name: reader_of(name) for name in known} == known
    assert [reader_of(name) for name in ("a.txt", "csv/readme", "b.json", "c.csv.gz")] == [None] * 4


@pytest.mark.parametrize(("reader", "raw"), [(read_csv, CSV), (read_jsonl, JSONL)])
def test_a_byte_order_mark_is_no_part_of_the_first_name(reader: Reader, raw: bytes) -> None:
    assert read(reader, b"\xef\xbb\xbf" + raw) == read(reader, raw)


@pytest.mark.parametrize("reader", [read_csv, read_jsonl, read_parquet])
def test_an_empty_file_is_said_so(reader: Reader) -> None:
    raw = parquet_bytes(text=pa.array([], "string"), label=pa.array([], "string")) if reader is read_parquet else b""
    with pytest.raises(DataError, match=r"^data: expected rows; the file is empty$"):
        read(reader, raw)


@pytest.mark.parametrize(("reader", "raw"), [(read_csv, CSV), (read_jsonl, JSONL)])
def test_utf_16_is_recognised(reader: Reader, raw: bytes) -> None:
    with pytest.raises(DataError, match=r"^data: expected UTF-8; it is UTF-16; save the file as UTF-8$"):
        read(reader, raw.decode().encode("utf-16"))


@pytest.mark.parametrize(
    ("reader", "raw"),
    [(read_csv, b"text,label\nok,x\ncaf\xe9,x\n"), (read_jsonl, b'{"text":"ok","label":"x"}\n{"text":"caf\xe9"}\n')],
)
def test_bytes_that_are_not_utf_8_reach_the_record_as_lone_surrogates(reader: Reader, raw: bytes) -> None:
    _, row = read(reader, raw)
    assert isinstance(row, Row)
    assert row.values[0] == "caf\udce9"


def test_parquet_text_that_is_not_utf_8_reaches_the_record_as_lone_surrogates() -> None:
    broken = pa.StringArray.from_buffers(2, pa.array([0, 2, 6], "int32").buffers()[1], pa.py_buffer(b"okcaf\xe9"))
    rows = read(read_parquet, parquet_bytes(text=broken, label=["x", "y"]))
    assert [tuple(row.values) for row in rows if isinstance(row, Row)] == [("ok", "x"), ("caf\udce9", "y")]


def test_ragged_csv_rows_are_unreadable_and_the_rows_after_them_are_not() -> None:
    raw = b"text,label\na,x\nb\nc,x,more\nd,y\n"
    assert read(read_csv, raw) == [
        Row("data:2", ["a", "x"]),
        Unreadable("data:3", "expected 2 fields, as in the first line; got 1"),
        Unreadable("data:4", "expected 2 fields, as in the first line; got 3"),
        Row("data:5", ["d", "y"]),
    ]


def test_a_quote_that_never_ends_is_named_by_the_line_where_it_begins() -> None:
    rows = read(read_csv, b'text,label\na,x\n"b,x\nc,x\n')
    assert rows[1] == Unreadable("data:3", "not CSV: unexpected end of data")


def test_a_csv_field_may_be_long() -> None:
    text = "word " * 100_000
    assert read(read_csv, f"text,label\n{text},x\n".encode()) == [Row("data:2", [text, "x"])]


def test_a_line_that_is_no_json_object_is_unreadable() -> None:
    rows = read(read_jsonl, b'{"text": "a", "label": 1}\n{"text": "a",\n[1]\n' + b"[" * 100_000 + b"\n")
    assert [row.place for row in rows] == ["data:1", "data:2", "data:3", "data:4"]
    assert [row.problem for row in rows if isinstance(row, Unreadable)][:2] == [
        "not JSON: Expecting property name enclosed in double quotes",
        'expected an object such as {"text": ...}; got list',
    ]


@pytest.mark.parametrize("reader", [read_csv, read_jsonl])
def test_a_huge_line_is_refused_before_it_fills_the_memory(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LONGEST_LINE", 1000)
    file = io.BytesIO(b"text,label\n" * (reader is read_csv) + b"x" * 10_000)
    with pytest.raises(DataError, match=r"^data:\d: expected lines of at most 1,000 bytes; this one is longer$"):
        list(reader(file, "data", COLUMNS))
    assert file.tell() < 2_000


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"PAR1" + b"\0" * 100, lambda _: b"<html></html>"],
    ids=["half", "nothing", "zeros", "an error page"],
)
def test_a_parquet_file_that_is_not_whole_is_recognised(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DataError) as caught:
        read(read_parquet, damage(PARQUET))
    said = "data: not a whole Parquet file, perhaps an interrupted download; fetch it again"
    assert str(caught.value) == said


def test_a_parquet_file_with_damaged_pages_is_recognised(tmp_path: Path) -> None:
    raw = bytearray(parquet_bytes(text=[f"text {n}" for n in range(5000)], label=["x"] * 5000))
    raw[4:2000] = b"\xff" * 1996
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read(read_parquet, bytes(raw))


@pytest.mark.parametrize(
    ("reader", "raw"),
    [
        (read_csv, b"text,lable\na,x\n"),
        (read_jsonl, b'{"text": "a", "lable": "x"}\n'),
        (read_parquet, parquet_bytes(text=["a"], lable=["x"])),
    ],
)
def test_a_missing_column_is_found_in_the_first_record(reader: Reader, raw: bytes) -> None:
    with pytest.raises(DataError, match=r"has no column 'label'; did you mean lable\? it has text, lable$"):
        next(reader(io.BytesIO(raw), "data", COLUMNS))


def test_arrays_of_a_numpy_file_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, text=np.array(["a", "b"]), label=np.array([3, 4]), other=np.zeros((5, 2)))
    with path.open("rb") as file:
        rows = list(read_npz(file, "rows.npz", COLUMNS))
    assert [(row.place, list(row.values)) for row in rows] == [
        ("rows.npz:row 1", ["a", 3]),
        ("rows.npz:row 2", ["b", 4]),
    ]


def test_a_numpy_file_that_is_damaged_or_uneven_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, text=np.array(["a", "b"]), label=np.array([3]))
    with path.open("rb") as file, pytest.raises(DataError, match="expected arrays of one length; got"):
        list(read_npz(file, "rows.npz", COLUMNS))
    path.write_bytes(path.read_bytes()[:100])
    with path.open("rb") as file, pytest.raises(DataError, match=r"^rows\.npz: not a whole NumPy file of plain arrays"):
        list(read_npz(file, "rows.npz", COLUMNS))
