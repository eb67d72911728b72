import json

import numpy as np
import pytest

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.raws import Raw, raw_json, read_raw


def read(value: object) -> Raw:
    return read_raw(Fields.of({"input": value}, "golden.json: examples.0.raws"), "input")


def through_json(raw: Raw) -> Raw:
    return read(json.loads(json.dumps(raw_json(raw))))


@pytest.mark.parametrize("text", ["", "a\n\nGröße \x00", "x" * 100_000])
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    assert raw_json(text) == text
    assert through_json(text) == text


@pytest.mark.parametrize("row", [{}, {"age": 31.5, "job": "smith", "children": 2, "married": True, "debt": None}])
def test_a_row_is_read_as_it_was_written(row: dict[str, object]) -> None:
    found = through_json(row)
    assert found == row
    assert list(map(type, found.values())) == list(map(type, row.values()))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
@pytest.mark.parametrize("shape", [(1,), (5, 3), (4, 2, 3), (2, 1, 2, 2)])
def test_an_array_is_read_as_it_was_written(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(2).integers(0, 200, shape).astype(dtype)
    found = through_json(array)
    assert isinstance(found, np.ndarray)
    assert found.dtype == array.dtype
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_an_array_is_written_the_same_whatever_its_layout_and_byte_order() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert raw_json(np.asfortranarray(array)) == raw_json(array.astype(">f4")) == raw_json(array)
    assert raw_json(np.array([1.0], np.float32)) == {"array": {"dtype": "float32", "shape": [1], "base64": "AACAPw=="}}


ARRAY = raw_json(np.arange(6, dtype=np.int16).reshape(2, 3))


def array(**changed: object) -> dict[str, object]:
    return {"array": {**ARRAY["array"], **changed}}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, ": expected an object; got None; make the bundle again"),
        (3, ": expected an object; got 3; make the bundle again"),
        (["a"], ": expected an object; got ['a']; make the bundle again"),
        ({"age": [3, 4]}, ".age: expected one value; got several; make the bundle again"),
        ({"age": 3, "job": {}}, ".job: expected one value; got several; make the bundle again"),
        ({"a\nb": 3}, ": expected names of one line; got 'a\\nb'; make the bundle again"),
        (array(dtype="object"), ".array.dtype: expected one of uint8, int16, int32, float32; got 'object'"),
        (array(dtype=3), ".array.dtype: expected a line of text; got 3; make the bundle again"),
        (array(shape=[]), ".array.shape: expected a list of 1 to 4 values; got []; make the bundle again"),
        (array(shape=[1] * 5), ".array.shape: expected a list of 1 to 4 values; got [1, 1, 1, 1, 1]; make"),
        (array(shape=[2, -3]), ".array.shape.1: expected a whole number from 1 to 67108864; got -3; make the bundle"),
        (array(shape=[2, 4]), ".array: expected (2, 4) of int16 in base64; got 12 bytes; make it again"),
        (
            array(shape=[2**26] * 4),
            ".array: expected (67108864, 67108864, 67108864, 67108864) of int16 in base64; got",
        ),
        (array(base64="!"), ".array: expected (2, 3) of int16 in base64; got 0 bytes; make it again"),
        (array(base64="Größe"), ".array: expected (2, 3) of int16 in base64; got 0 bytes; make it again"),
        (array(base64=""), ".array: expected (2, 3) of int16 in base64; got 0 bytes; make it again"),
        (array(base64=5), ".array.base64: expected a text; got 5; make the bundle again"),
    ],
)
def test_a_damaged_value_is_named(value: object, line: str) -> None:
    with pytest.raises(BundleError) as caught:
        read(value)
    assert str(caught.value).startswith(f"golden.json: examples.0.raws.input{line}")


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(BundleError, match=r"raws\.body: expected an object; got nothing; make the bundle again$"):
        read_raw(Fields.of({"title": "a"}, "golden.json: examples.0.raws"), "body")
