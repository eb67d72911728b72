import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from mgdist.data.augment import AREA, ASPECT, augment, crop, erase, flip
from mgdist.job.image import AugmentSpec


def images(count: int, height: int = 8, width: int = 12, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (count, height, width, channels), np.uint8)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_crop_is_a_piece_of_the_image_in_a_black_border() -> None:
    given = images(50)
    found = crop(given, chance(), border=2)
    assert (found.shape, found.dtype) == (given.shape, np.uint8)
    framed = np.pad(given, ((0, 0), (2, 2), (2, 2), (0, 0)))
    places = sliding_window_view(framed, (8, 12), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)  # (B, 5, 5, H, W, C)
    same = (places == found[:, None, None]).all((3, 4, 5))
    assert (same.sum((1, 2)) == 1).all()
    assert same.any(0).sum() > 15  # of 25 places


def test_half_of_the_images_are_mirrored() -> None:
    given = images(400)
    found = flip(given, chance())
    mirrored = (found == given[:, :, ::-1]).all((1, 2, 3))
    assert ((found == given).all((1, 2, 3)) ^ mirrored).all()
    assert 160 < mirrored.sum() < 240


@pytest.mark.parametrize(("height", "width"), [(28, 28), (12, 40)])
def test_one_rectangle_of_the_papers_area_and_aspect_is_erased(height: int, width: int) -> None:
    given = np.zeros((500, height, width, 1), np.uint8)
    noise = erase(given, chance(), share=1.0)[..., 0]
    for image in noise:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert (AREA[0] * height * width) * 0.4 < tall * wide < (AREA[1] * height * width) * 1.2
        assert ASPECT[0] * 0.6 < tall / wide < ASPECT[1] / 0.6
        assert (image > 0).sum() >= 0.85 * tall * wide
    assert len(np.unique(noise)) == 256


def test_as_many_images_are_erased_as_the_share_says() -> None:
    given = images(500)
    changed = (erase(given, chance(), share=0.25) != given).any((1, 2, 3))
    assert 90 < changed.sum() < 160
    assert not (erase(given, chance(), share=0.0) != given).any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 100), (100, 1), (2, 3)])
def test_any_image_can_be_erased(height: int, width: int) -> None:
    given = images(100, height, width, 1)
    assert erase(given, chance(), share=1.0).shape == given.shape


def test_the_same_state_of_chance_gives_the_same_images_and_the_given_ones_stay() -> None:
    spec = AugmentSpec(crop=2, flip=True, erase=0.5)
    given = images(20)
    before = given.copy()
    found = augment(given, chance(3), spec)
    np.testing.assert_array_equal(found, augment(given, chance(3), spec))
    assert (found != augment(given, chance(4), spec)).any()
    np.testing.assert_array_equal(given, before)


def test_nothing_is_done_that_is_not_asked_for() -> None:
    given = images(5)
    assert augment(given, chance(), AugmentSpec()) is given
