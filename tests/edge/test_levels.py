import pytest

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.grid import Grid, divide
from mgdist_edge.levels import Chain, chains, levels_json, read_levels
from mgdist_edge.windows import Window


def test_a_chain_starts_at_each_raw_view_and_goes_on_with_the_levels_that_build_on_it() -> None:
    levels = [Window(4, 1), Window(7, None), Window(8, 4), Window(2, None), Window(3, None)]
    assert chains(levels) == (Chain(1, (4, 7)), None, Chain(4, (8, 2, 3)), None, None)


def test_the_first_level_reads_single_readings_where_it_gives_no_scale() -> None:
    assert chains([Window(4, None), Window(7, None)]) == (Chain(1, (4, 7)), None)
    assert chains([]) == ()


def test_a_chain_reaches_as_far_as_one_unit_of_its_coarsest_level() -> None:
    assert Chain(4, (8, 2, 3)).reach == 192


def test_levels_are_read_as_they_were_written() -> None:
    levels = {"moment": Window(4, 1), "minute": Window(7, None)}
    again = read_levels(Fields(levels_json(levels), "manifest.json: input.levels"))
    assert again == levels
    assert list(again) == list(levels)


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        ({}, "input.levels: expected 1 to 16 levels; got 0; make the bundle again"),
        ({str(name): {"length": 1, "scale": 1} for name in range(17)}, "expected 1 to 16 levels; got 17; make"),
        ({"day": 4}, "input.levels.day: expected an object; got 4; make the bundle again"),
        ({"day": {"length": 0, "scale": 1}}, "day.length: expected a whole number from 1 to 4096; got 0; make"),
        ({"day": {"length": 1, "scale": 0}}, "day.scale: expected a whole number from 1 to 1048576; got 0; make"),
        ({"day": {"length": 1}}, "day.scale: expected a whole number from 1 to 1048576; got nothing; make"),
        ({"a\nb": {"length": 1, "scale": 1}}, "input.levels: expected names of one line; got 'a\\\\nb'; make"),
    ],
)
def test_a_wrong_level_in_a_manifest_is_named(levels: dict[str, object], line: str) -> None:
    with pytest.raises(BundleError, match=line):
        read_levels(Fields(levels, "manifest.json: input.levels"))


def test_each_level_divides_the_grid_of_the_one_before_it() -> None:
    levels = {"patch": Window(4, 1), "region": Window(2, None), "image": Window(4, 2)}
    grids, faults = divide((16, 32), levels)
    assert grids == {"patch": Grid(4, 8), "region": Grid(2, 4), "image": Grid(2, 4)}
    assert faults == []


def test_a_rest_is_told_with_the_sides_that_leave_none_and_only_once_a_chain() -> None:
    levels = {"patch": Window(5, 1), "region": Window(3, None), "image": Window(7, 3)}
    assert divide((28, 28), levels) == (
        {},
        [
            (
                "patch.length",
                "5 does not divide a grid of 28 x 28 samples without a rest; use one of 1, 2, 4, 7, 14, 28",
            ),
            ("image.scale", "3 does not divide a grid of 28 x 28 pixels without a rest; use one of 1, 2, 4, 7, 14, 28"),
        ],
    )
