import numpy as np
import pytest

from mgdist.data.fitting.image import CHUNK, fit_image, unfitted_image
from mgdist.errors import DataError
from mgdist.job.image import ImageSpec
from mgdist_edge.errors import InputError
from mgdist_edge.windows import Window

LEVELS = {"image": Window(4, 1)}


def spec(channels: int = 3) -> ImageSpec:
    return ImageSpec.model_validate({"kind": "image", "size": [4, 4], "channels": channels, "resize": "none"})


def images(count: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, channels), np.uint8)


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_mean_and_deviation_are_those_of_all_training_pixels(count: int, channels: int) -> None:
    given = images(count, channels)
    fitted = fit_image(given, spec(channels), LEVELS)
    shares = given.reshape(-1, channels) / 255
    np.testing.assert_allclose(fitted.mean, shares.mean(0), rtol=1e-12)
    np.testing.assert_allclose(fitted.std, shares.std(0), rtol=1e-12)
    assert (fitted.levels, fitted.size, fitted.resize) == (LEVELS, (4, 4), "none")


def test_a_fitted_input_makes_the_training_images_standard() -> None:
    given = images(300)
    cut = fit_image(given, spec(), LEVELS).cut(given)[0]
    assert cut is not None
    np.testing.assert_allclose(cut.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(cut.std((0, 1, 2)), 1, atol=1e-5)


def test_the_forms_that_an_input_reads_are_fitted_alike() -> None:
    given = images(5)
    raws = [given[0].tobytes(), given[1].tolist(), given[2].reshape(-1), given[3], given[4]]
    assert fit_image(iter(raws), spec(), LEVELS) == fit_image(given, spec(), LEVELS)


def test_an_unfitted_input_reads_what_the_fitted_one_reads() -> None:
    given = images(2)
    np.testing.assert_array_equal(unfitted_image(spec(), LEVELS).read(given[0].tobytes()), given[0])


def test_a_constant_channel_is_refused() -> None:
    given = images(5)
    given[..., 1] = 7
    line = "data.input: channel 2 of 3 is 7 in every pixel of the training images; set data.input.channels: 1"
    with pytest.raises(DataError, match=f"^{line}$"):
        fit_image(given, spec(), LEVELS)
    with pytest.raises(DataError, match=r"channel 1 of 1 is 0 in every pixel of the training images; look at the im"):
        fit_image(np.zeros((3, 4, 4), np.uint8), spec(1), LEVELS)


def test_no_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"^data.input: expected images to train on; got none$"):
        fit_image([], spec(), LEVELS)


def test_an_image_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="expected an image of 4 x 4 pixels; got 5 x 4; bring it to size"):
        fit_image([np.zeros((5, 4, 3), np.uint8)], spec(), LEVELS)
