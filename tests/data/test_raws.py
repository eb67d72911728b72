"""Raw values come back as they were written."""

from pathlib import Path

import numpy as np
import pytest

from mgdist.data.raws import Arrays, open_raws, save, save_raws
from mgdist_edge.raws import Raw


@pytest.mark.parametrize(
    "raws",
    [
        ["one", "\u2028 two \x85\r\n", 'a "quote" \\u0041', ""],
        [{"age": 3, "name": "a", "none": None, "share": 0.5}, {"age": 4, "name": "\n", "none": None, "share": -1.0}],
    ],
    ids=["texts", "rows"],
)
def test_texts_and_rows_come_back(raws: list[Raw], tmp_path: Path) -> None:
    save_raws(tmp_path, raws)
    assert open_raws(tmp_path) == raws


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("lengths", [(4, 4, 4), (1, 7, 3)], ids=["one size", "many sizes"])
def test_arrays_come_back_with_their_sizes_and_types(dtype: str, lengths: tuple[int, ...], tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    raws = [draw.integers(0, 99, (length, 2)).astype(dtype) for length in lengths]
    save_raws(tmp_path, list(raws))
    found = open_raws(tmp_path)
    assert len(found) == 3
    for one, other in zip(raws, found, strict=True):
        assert isinstance(other, np.ndarray)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert np.array_equal(one, other)
    assert np.array_equal(found[-1], raws[-1])
    assert [len(each) for each in found[1:]] == list(lengths[1:])
    with pytest.raises(IndexError):
        found[3]


def test_arrays_are_read_as_they_are_asked_for_and_may_then_be_changed(tmp_path: Path) -> None:
    save_raws(tmp_path, [np.zeros((2, 2), np.float32)] * 3)
    found = open_raws(tmp_path)
    assert isinstance(found, Arrays)
    assert isinstance(found.values, np.memmap)
    one = found[0]
    assert isinstance(one, np.ndarray)
    one[:] = 5
    assert np.array_equal(found[0], np.zeros((2, 2)))


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.zeros((0, 4))])
def test_an_array_is_written_as_numpy_does(array: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "a.npy", array)
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
