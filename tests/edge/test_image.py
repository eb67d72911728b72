import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.image import ImageInput, read_image
from mgdist_edge.windows import Window

NESTED = {"patch": Window(2, 1), "region": Window(2, None), "image": Window(2, 4)}


def reading(
    size: tuple[int, int] = (8, 8), colours: int = 1, resize: str = "fit", levels: dict[str, Window] = NESTED
) -> ImageInput:
    """Return an input with 0 and 1 / 255 as mean and deviation, so that pixels stay the numbers that they are."""
    return ImageInput(levels, size, (0.0,) * colours, (1 / 255,) * colours, resize)


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encoded(array: NDArray[np.uint8], kind: str = "png", **given: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **given)
    return file.getvalue()


def raw_view(cut: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert cut is not None
    return cut


def test_tiles_that_form_a_unit_of_the_next_level_are_consecutive() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    patches = raw_view(reading().cut(image)[0])
    assert patches.shape == (1, 16, 4, 1)
    found = patches[0, :, :, 0].round().astype(int).tolist()
    assert found[:4] == [[0, 1, 8, 9], [2, 3, 10, 11], [16, 17, 24, 25], [18, 19, 26, 27]]
    assert found[4] == [4, 5, 12, 13]  # the second region, to the right of the first
    assert found[8] == [32, 33, 40, 41]  # the third, below it


def test_three_levels_nest_to_any_depth_and_images_may_be_oblong() -> None:
    levels = {"patch": Window(2, 1), "region": Window(3, None), "image": Window(2, None)}
    image = noise(1, 12, 24, 3)
    patches = raw_view(reading((12, 24), 3, levels=levels).cut(image)[0]).reshape(2, 4, 9, 4, 3)
    corner = image[0, :12, 12:][6:, :6][2:4, 4:6]  # second image unit, third region, sixth patch
    np.testing.assert_allclose(patches[1, 2, 5], corner.reshape(4, 3), rtol=1e-6)


def test_a_level_that_builds_on_another_reads_nothing_itself() -> None:
    fitted = reading()
    images = noise(2, 8, 8, 1)
    cut = fitted.cut(images)
    assert [each is None for each in cut] == [False, True, False]
    assert fitted.channels == {"patch": 1, "image": 1}
    assert [lengths.tolist() for lengths in fitted.lengths(images)] == [[4] * 16, [4] * 4, [4]]


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("colours", [1, 3])
def test_an_averaged_view_keeps_the_mean(scale: int, colours: int) -> None:
    images = noise(5, 16, 32, colours)
    cut = raw_view(reading((16, 32), colours, levels={"image": Window(2, scale)}).cut(images)[0])
    np.testing.assert_allclose(cut.mean((1, 2)), images.mean((1, 2)), rtol=1e-5)


def test_a_sample_of_a_coarse_view_is_the_mean_of_its_pixels() -> None:
    image = noise(1, 8, 8, 1)
    coarse = raw_view(reading().cut(image)[2])
    expected = [image[0, y : y + 4, x : x + 4, 0].mean() for y in (0, 4) for x in (0, 4)]
    np.testing.assert_allclose(coarse[0, 0, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("colours", [1, 3])
def test_one_image_gives_the_very_numbers_of_a_batch(colours: int) -> None:
    mean, std = (0.28604, 0.1, 0.9)[:colours], (0.35302, 0.2, 0.7)[:colours]
    fitted = ImageInput(NESTED, (8, 16), mean, std)
    images = noise(7, 8, 16, colours)
    cut = fitted.cut(images)
    for row, image in enumerate(images):
        views = fitted.views(image)
        for samples, level in zip(views.samples, cut, strict=True):
            if level is None:
                assert samples is None
            else:
                assert samples is not None
                np.testing.assert_array_equal(samples, level[row].reshape(-1, colours))
        for lengths, again in zip(views.lengths, fitted.lengths(images), strict=True):
            np.testing.assert_array_equal(lengths, again)


def test_pixels_are_normalised_channel_by_channel() -> None:
    fitted = ImageInput({"image": Window(2, 1)}, (2, 2), (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    cut = raw_view(fitted.cut(np.array([255, 0, 51], np.uint8).reshape(1, 1, 1, 3).repeat(2, 1).repeat(2, 2))[0])
    np.testing.assert_allclose(cut[0, 0], [[1, -1, 0.2]] * 4, rtol=1e-6)
    assert cut.dtype == np.float32


@pytest.mark.parametrize(
    "form",
    [
        lambda image: image,
        lambda image: image[:, :, 0],
        lambda image: image.reshape(-1),
        lambda image: image.tobytes(),
        lambda image: bytearray(image.tobytes()),
        lambda image: image.astype(np.int64),
        lambda image: image[:, :, 0].tolist(),
        lambda image: image.reshape(-1).tolist(),
        lambda image: encoded(image[:, :, 0]),
        lambda image: {"bytes": encoded(image[:, :, 0]), "path": "unused.png"},
        lambda image: Image.fromarray(image[:, :, 0]),
    ],
)
def test_all_forms_of_an_image_give_the_same_pixels(form: object) -> None:
    image = noise(8, 8, 1)
    found = reading().read(form(image))  # type: ignore[operator]
    assert (found.dtype, found.shape) == (np.uint8, (8, 8, 1))
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(tmp_path: Path, kind: type) -> None:
    image = noise(8, 8, 3)
    (tmp_path / "image.png").write_bytes(encoded(image))
    np.testing.assert_array_equal(reading(colours=3).read(kind(tmp_path / "image.png")), image)


def test_the_bytes_of_a_file_are_not_taken_for_pixels_though_as_many() -> None:
    for size in range(20, 400, 4):
        data = encoded(np.full((1, size), 7, np.uint8))
        found = reading((1, len(data)), levels={"image": Window(1, 1)}).read(data)
        assert (found == 7).all()  # the file was decoded, and brought to size


def test_colours_and_grey_files_are_turned_into_each_other_and_clear_parts_are_white() -> None:
    grey, colours = noise(8, 8), noise(8, 8, 3)
    np.testing.assert_array_equal(reading(colours=3).read(encoded(grey)), np.stack([grey] * 3, 2))
    expected = np.asarray(Image.fromarray(colours).convert("L"))[:, :, None]
    np.testing.assert_array_equal(reading().read(encoded(colours)), expected)
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[0, 0] = 9, 9, 9, 255
    found = reading().read(encoded(clear))
    assert found[0, 0] == 9
    assert (found.reshape(-1)[1:] == 255).all()


def test_a_photo_stands_upright_as_its_orientation_says() -> None:
    image = noise(8, 8)
    for orientation in range(10):
        tags = Image.Exif()
        tags[0x0112] = orientation
        file = encoded(image, exif=tags)
        with Image.open(io.BytesIO(file)) as opened:
            expected = np.asarray(ImageOps.exif_transpose(opened))
        np.testing.assert_array_equal(reading().read(file)[:, :, 0], expected)


def test_fit_crops_the_centre_and_pad_adds_black() -> None:
    wide = np.zeros((8, 16), np.uint8)
    wide[:, 4:12] = 200
    assert (reading().read(wide) == 200).all()
    padded = reading(resize="pad").read(np.full((8, 16), 200, np.uint8))[:, :, 0]
    assert (padded[2:6] == 200).all()
    assert (padded[:2] == 0).all()
    assert (padded[6:] == 0).all()


def test_colours_are_brought_to_size_from_arrays_and_files_alike() -> None:
    image = noise(30, 20, 3)
    found = reading(colours=3).read(image)
    assert found.shape == (8, 8, 3)
    np.testing.assert_array_equal(found, reading(colours=3).read(encoded(image)))


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (
            np.full((8, 8), 0.5),
            r"expected whole numbers from 0 to 255 \(uint8\); got float64 from 0 to 0.5; scale and round them",
        ),
        (np.full((8, 8), 200.0, np.float32), r"\(uint8\); got float32 from 0 to 200; scale and round them"),
        (np.full((8, 8), 256), "expected whole numbers from 0 to 255; got 256 to 256; scale and round them"),
        (np.full((8, 8), -1, np.int8), "expected whole numbers from 0 to 255; got -1 to -1; scale and round them"),
        (np.zeros((8, 8), bool), "expected an array of pixels, image bytes or a path; got bool values"),
        (np.zeros((8, 8, 3), np.uint8), r"expected pixels of shape \(8, 8, 1\), \(8, 8\) or flat; got \(8, 8, 3\)$"),
        (np.zeros((3, 8, 8), np.uint8), r"expected pixels of shape .*; got \(3, 8, 8\)$"),
        (np.zeros(63, np.uint8), r"expected pixels of shape .*; got \(63,\)$"),
        (np.zeros((0, 8), np.uint8), r"expected pixels of shape .*; got \(0, 8, 1\)$"),
        ([[1, 2], [3]], "expected rows of pixels of one length; got a ragged list"),
        (None, "expected an array of pixels, image bytes or a path; got NoneType"),
        ({"pixels": 1}, "expected an array of pixels, image bytes or a path; got NoneType"),
        (object(), "expected an array of pixels, image bytes or a path; got object"),
        (b"no image", "expected an image file; got 8 bytes that cannot be decoded: they are no PNG or JPEG or"),
        (b"", "expected an image file; got 0 bytes that cannot be decoded: they are no PNG or JPEG or"),
        (encoded(noise(40, 40))[:-400], "expected an image file; got .* bytes that cannot be decoded: .*truncated"),
        (
            Image.open(io.BytesIO(encoded(noise(40, 40))[:-400])),
            "expected an image file; got an image of Pillow that cannot be decoded: .*truncated",
        ),
        ("no/such/image.png", "image.png: expected an image file; got: No such file or directory"),
        ("a\0b", "expected an image file; got: embedded null byte"),
        (encoded(np.zeros((8, 8), np.uint16)), "expected an image of 8 bits a channel; got mode I;16; save it with 8"),
    ],
)
def test_what_is_no_image_is_refused(raw: object, line: str) -> None:
    with pytest.raises(InputError, match=line):
        reading().read(raw)


def test_a_damaged_file_is_refused_or_read_but_never_ends_in_another_error() -> None:
    rng = np.random.default_rng(1)
    refused = 0
    for kind in ("png", "jpeg", "gif", "webp", "bmp", "ppm"):
        whole = encoded(noise(24, 24, 3), kind)
        for _ in range(40):
            data = bytearray(whole)
            for place in rng.integers(0, min(len(data), 200), 6):
                data[place] = rng.integers(0, 256)
            try:
                assert reading(colours=3).read(bytes(data)).shape == (8, 8, 3)
            except InputError:
                refused += 1
    assert refused > 40


def test_a_file_that_would_fill_the_memory_is_refused() -> None:
    header = encoded(noise(8, 8), "bmp")
    sides = (60_000).to_bytes(4, "little"), (1200).to_bytes(4, "little")
    with pytest.raises(InputError, match=r"cannot be decoded: 60000 x 1200 pixels are more than 67108864$"):
        reading().read(header[:18] + b"".join(sides) + header[26:])


def test_another_size_is_refused_where_the_job_says_so() -> None:
    line = "expected an image of 8 x 8 pixels; got 9 x 8; bring it to size"
    with pytest.raises(InputError, match=f"^{line}$"):
        reading(resize="none").read(noise(9, 8))


def test_without_pillow_pixels_are_read_and_files_name_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encoded(noise(8, 8))
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert reading().read(noise(8, 8)).shape == (8, 8, 1)
    with pytest.raises(InputError, match=r"^expected Pillow to be installed, to read an image file; it is not; pip"):
        reading().read(file)
    with pytest.raises(InputError, match=r"to read an image of another size; it is not; pip install pillow$"):
        reading().read(noise(9, 8))


def test_an_input_is_read_as_it_was_written() -> None:
    fitted = ImageInput(NESTED, (8, 16), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "pad")
    again = read_image(Fields(json.loads(json.dumps(fitted.as_json())), "manifest.json: input"))
    assert again == fitted
    assert list(again.levels) == list(fitted.levels)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"size": [8]}, r"input.size: expected a list of 2 to 2 values; got \[8\]; make the bundle again"),
        ({"size": [8, 0]}, "input.size.1: expected a whole number from 1 to 8192; got 0; make"),
        ({"size": [9, 8]}, "input.levels.patch.length: 2 does not divide a grid of 9 x 8 samples without a rest; use"),
        ({"mean": [0.5, 0.5]}, "input.mean: expected 1 or 3 numbers from 0 to 1, as many as mean has; got"),
        ({"mean": [2.0]}, r"input.mean: expected 1 or 3 numbers from 0 to 1, as many as mean has; got \[2.0\]; make"),
        ({"std": [0.0]}, r"input.std: expected 1 or 3 numbers from 1e-06 to 1, as many .*; got \[0.0\]; make"),
        ({"std": [0.5] * 3}, r"input.std: expected 1 or 3 numbers .*; got \[0.5, 0.5, 0.5\]; make the bundle"),
        ({"std": ["x"]}, "input.std.0: expected a number; got 'x'; make"),
        ({"resize": "warp"}, "input.resize: expected fit, pad, none; got 'warp'; upgrade mgdist-edge"),
        ({"levels": None}, "input.levels: expected an object; got None; make"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, object], line: str) -> None:
    with pytest.raises(BundleError, match=line):
        read_image(Fields({**reading().as_json(), "std": [0.5], **changed}, "manifest.json: input"))
