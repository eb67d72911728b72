from pathlib import Path

import numpy as np
import pytest

from mgdist_edge.array import ArrayInput, read_array
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields

IMAGE = ArrayInput((4, 4, 1), "float32", 255.0)


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 4), (16,), (1, 4, 4)])
def test_axes_of_one_may_be_left_out(shape: tuple[int, ...]) -> None:
    views = IMAGE.views(np.full(shape, 255, np.uint8))
    assert views.lengths == ()
    assert views.samples[0] is not None
    assert views.samples[0].shape == (4, 4, 1)
    assert (views.samples[0] == 1).all()


def test_the_bytes_of_an_image_file_are_read(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(tmp_path / "one.png")
    assert np.array_equal(IMAGE.read(tmp_path / "one.png").ravel(), np.arange(16))
    channels_first = ArrayInput((1, 4, 4), "float32")
    assert np.array_equal(channels_first.read((tmp_path / "one.png").read_bytes()).ravel(), np.arange(16))


@pytest.mark.parametrize(
    ("fitted", "raw", "expected"),
    [
        (IMAGE, np.zeros((2, 8)), r"expected an array of shape \(4, 4, 1\); got \(2, 8\)"),
        (IMAGE, np.full((4, 4), np.nan), "expected finite numbers; got NaN or infinity"),
        (IMAGE, np.full((4, 4), 1e300), "expected finite numbers"),
        (IMAGE, [[1], [2, 3]], "got a ragged list"),
        (IMAGE, [["a"]], "expected an array of numbers; got list"),
        (ArrayInput((2,), "int32"), [1.5, 2], "expected whole numbers of 32 bits"),
        (ArrayInput((2,), "int32"), [2**31, 0], "expected whole numbers of 32 bits"),
        (ArrayInput((2,), "float32"), b"ab", "and it is no image"),
    ],
)
def test_another_array_is_refused(fitted: ArrayInput, raw: object, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        fitted.read(raw)


def test_what_a_manifest_holds_is_read_back() -> None:
    assert read_array(Fields(IMAGE.as_json(), "manifest.json: inputs.input")) == IMAGE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dtype": "float64"}, "expected float32 or int32; got 'float64'"),
        ({"divide": 0}, "divided by one above 0"),
        ({"shape": []}, "expected a list of 1 to 4 values"),
    ],
)
def test_a_damaged_manifest_is_refused(change: dict[str, object], expected: str) -> None:
    with pytest.raises(BundleError, match=expected):
        read_array(Fields({**IMAGE.as_json(), **change}, "manifest.json: inputs.input"))
