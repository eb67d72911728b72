from typing import Any

import pytest
from pydantic import ValidationError

from mgdist.job.image import GRANULARITIES, AugmentSpec, ImageSpec, image_mistakes
from mgdist_edge.windows import Window


def spec(**given: Any) -> ImageSpec:
    return ImageSpec.model_validate({"kind": "image", "size": [28, 28], **given})


def test_an_image_is_read_at_three_levels() -> None:
    assert GRANULARITIES == ("patch", "region", "image")


def test_sizes_are_lists_in_a_job_and_the_rest_has_defaults() -> None:
    assert spec().size == (28, 28)
    assert (spec().column, spec().channels, spec().resize, spec().augment) == ("image", 3, "fit", None)
    assert spec(augment={"flip": True}).augment == AugmentSpec(crop=0, flip=True, erase=0.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"size": [28]},
        {"size": 28},
        {"size": [28, 0]},
        {"size": [28.0, 28]},
        {"channels": 2},
        {"resize": "warp"},
        {"augment": {"erase": 1.1}},
        {"augment": {"crop": -1}},
        {"augment": {"turn": True}},
    ],
)
def test_what_no_image_can_be_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        spec(**changed)


def test_levels_that_divide_the_image_are_no_mistake() -> None:
    levels = {"patch": Window(4, 1), "region": Window(7, None), "image": Window(7, 4)}
    assert image_mistakes(spec(), levels) == []
    assert image_mistakes(spec(size=[28, 56]), levels) == []
    assert image_mistakes(spec(), {}) == []


@pytest.mark.parametrize(
    ("levels", "path", "message"),
    [
        (
            {"patch": Window(5, 1)},
            "patch.length",
            "5 does not divide a grid of 28 x 28 samples without a rest; use one of 1, 2, 4, 7, 14, 28",
        ),
        (
            {"patch": Window(4, None), "region": Window(2, None)},
            "region.length",
            "2 does not divide a grid of 7 x 7 samples without a rest; use one of 1, 7",
        ),
        (
            {"patch": Window(4, 1), "image": Window(7, 8)},
            "image.scale",
            "8 does not divide a grid of 28 x 28 pixels without a rest; use one of 1, 2, 4, 7, 14, 28",
        ),
    ],
)
def test_a_rest_is_a_mistake_that_names_the_field(levels: dict[str, Window], path: str, message: str) -> None:
    assert image_mistakes(spec(), levels) == [(path, message)]


def test_an_oblong_image_is_divided_along_both_sides() -> None:
    found = image_mistakes(spec(size=[28, 30]), {"patch": Window(4, 1)})
    assert found == [("patch.length", "4 does not divide a grid of 28 x 30 samples without a rest; use one of 1, 2")]
