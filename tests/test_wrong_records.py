# ruff: noqa: E501 - a line of the table is the line that people see
"""Wrong records of each kind of input: the exact line, and that ``on_bad_record: skip`` goes on without them."""

import io
import math
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow.parquet import write_table

from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist.job.point import checked

Rows = dict[str, Any]
ROWS = 40
LABELS = ["a", "b"] * (ROWS // 2)
MEND = "mend the record, or set data.on_bad_record: skip"
RANDOM = np.random.default_rng(0)


def wav(rate: int = 8000, readings: int = 4000) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((RANDOM.normal(size=readings) * 3000).astype("<i2").tobytes())
    return written.getvalue()


def png(pixels: np.ndarray | None = None) -> bytes:
    written = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 255, (8, 8), dtype=np.uint8) if pixels is None else pixels).save(written, "PNG")
    return written.getvalue()


CONV = {"kind": "conv"}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[], Rows]]] = {
    "series": (
        {"kind": "series", "columns": ["x", "y"]},
        {"moment": {"length": 20, "encoder": CONV}},
        lambda: {name: RANDOM.normal(size=(ROWS, 20)).tolist() for name in "xy"},
    ),
    "image": (
        {"kind": "image", "column": "image", "size": [8, 8], "channels": 1},
        {"patch": {"length": 4, "encoder": CONV}},
        lambda: {"image": [png() for _ in LABELS]},
    ),
    "audio": (
        {"kind": "audio", "column": "audio", "rate": 8000},
        {"segment": {"length": 64, "encoder": CONV}},
        lambda: {"audio": [wav() for _ in LABELS]},
    ),
    "table": (
        {"kind": "table", "numeric": ["age"], "categorical": ["job"], "dates": ["day"]},
        {"row": {"length": 8, "encoder": {"kind": "mlp"}, "pool": ["mean"]}},
        lambda: {
            "age": RANDOM.normal(size=ROWS).tolist(),
            "job": [("x", "y", "z")[row % 3] for row in range(ROWS)],
            "day": [f"2024-01-{1 + row % 28:02d}" for row in range(ROWS)],
        },
    ),
}
"""The input, its granularities, and good rows."""


@dataclass(frozen=True)
class Wrong:
    """One wrong input.

    Attributes:
        kind: of the input.
        change: what is done to good rows.
        line: what is said, after the file's address.
        skipped: one record is to blame, without which the rest is read.
    """

    kind: str
    change: Callable[[Rows], Any]
    line: str
    skipped: bool = True


def put(name: str, value: object) -> Callable[[Rows], None]:
    """Put another value into the fourth row."""
    return lambda rows: rows[name].__setitem__(3, value)


def every(name: str, value: object) -> Callable[[Rows], None]:
    """Put the same value into all rows."""
    return lambda rows: rows.update({name: [value] * ROWS})


TABLE = [
    Wrong("series", lambda rows: rows["y"][3].pop(), f"row 4: series: expected as many readings of each channel; got x 20, y 19; {MEND}"),
    Wrong("series", lambda rows: rows["x"][3].__setitem__(slice(4, 12), [math.nan] * 8), f"row 4: series: expected numbers; got NaN at reading 4 of channel x; mend it, or train with data.input.missing: previous; {MEND}"),
    Wrong("series", lambda rows: rows["x"][3].__setitem__(4, None), f"row 4: series: expected numbers; got NaN at reading 4 of channel x; mend it, or train with data.input.missing: previous; {MEND}"),
    Wrong("series", lambda rows: rows["x"][3].__setitem__(2, math.inf), f"row 4: series: expected finite numbers; got infinity at reading 2 of channel x; leave it out, or mend it; {MEND}"),
    Wrong("series", lambda rows: (rows["x"][3].clear(), rows["y"][3].clear()), f"row 4: series: expected at least one reading of x, y; got none; {MEND}"),
    Wrong("series", every("x", [1.0] * 20), "data.input.columns: x is 1 in every training reading; leave it out, or set data.input.scaling: none", skipped=False),
    Wrong("image", put("image", png()[:-40]), f"row 4: image: expected an image file; got {len(png()) - 40} bytes that cannot be decoded: image file is truncated; {MEND}"),
    Wrong("image", put("image", b"hello world"), f"row 4: image: expected an image file; got 11 bytes that cannot be decoded: they are no PNG or JPEG or WEBP or GIF or BMP or PPM; {MEND}"),
    Wrong("image", every("image", png(np.zeros((8, 8), np.uint8))), "data.input: channel 1 of 1 is 0 in every pixel of the training images; look at the images", skipped=False),
    Wrong("audio", put("audio", wav(16000)), f"row 4: audio: expected 8000 readings a second; got 16000; resample it, for instance ffmpeg -ar 8000; {MEND}"),
    Wrong("audio", put("audio", wav()[:3001]), f"row 4: audio: expected a whole WAV file; it was cut off 5043 bytes early; {MEND}"),
    Wrong("audio", put("audio", wav(readings=0)), f"row 4: audio: expected a recording with at least one reading; got an empty one; {MEND}"),
    Wrong("audio", every("audio", wav()[:44] + bytes(8000)), "data.input: band 1 of 40 never changes: the recordings are silent there; make fmax smaller, fmin larger, or floor smaller", skipped=False),
    Wrong("table", every("age", 1.0), "data.input: age: expected a column that varies; all rows are alike; leave it out", skipped=False),
    Wrong("table", every("job", "x"), "data.input: job: expected a column that varies; all rows are alike; leave it out, or make min_count smaller", skipped=False),
    Wrong("table", lambda rows: rows.update(age=[*map(str, rows["age"][:3]), "old", *map(str, rows["age"][4:])]), f"row 4: age: expected a number; got 'old'; {MEND}"),
    Wrong("table", put("age", math.inf), f"row 4: age: expected a finite number; got inf; {MEND}"),
    Wrong("table", put("day", "2024-13-45"), f"row 4: day: expected a date such as 2026-11-23 or 2026-11-23T20:30; got '2024-13-45'; {MEND}"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", TABLE, ids=[f"{place}-{wrong.line[:40]}" for place, wrong in enumerate(TABLE)])
def test_a_wrong_record_is_named_and_can_be_skipped(tmp_path: Path, wrong: Wrong) -> None:
    given, levels, rows_of = KINDS[wrong.kind]
    rows = rows_of()
    wrong.change(rows)
    write_table(pa.table({**rows, "label": LABELS}), tmp_path / "train.parquet")
    document = {
        "name": "wrong",
        "task": {"kind": "classify", "label": "label"},
        "data": {"source": {"kind": "files", "train": str(tmp_path / "train.parquet")}, "input": given},
        "granularities": levels,
        "model": {"width": 8},
        "train": {"batch_size": 4},
    }
    job, mistakes = checked(document)
    assert job is not None, mistakes
    with pytest.raises(DataError) as raised:
        prepare(job, tmp_path / "data")
    assert str(raised.value).removeprefix(f"{tmp_path}/train.parquet:") == wrong.line
    if not wrong.skipped:
        return
    document["data"]["on_bad_record"] = "skip"  # type: ignore[index]
    job, mistakes = checked(document)
    assert job is not None, mistakes
    data = prepare(job, tmp_path / "skipped")
    assert len(data.train) + len(data.valid) + len(data.test) == ROWS - 1
