import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.series import EPSILON, NORMALIZES, SeriesInput, read_series
from mgdist_edge.views import pad
from mgdist_edge.windows import Window

LEVELS = {"moment": Window(4, 1), "minute": Window(8, None), "day": Window(5, 6)}


def reading(columns: int = 1, **changed: Any) -> SeriesInput:
    names = tuple(f"ch{number}" for number in range(columns))
    given = {"levels": LEVELS, "columns": names, "centre": (0.0,) * columns, "spread": (1.0,) * columns}
    return SeriesInput(**{**given, **changed})


def walk(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    steps = np.random.default_rng(seed).normal(size=shape)
    return (np.cumsum(steps, axis=-2) + 3).astype(np.float32)


def there(samples: NDArray[np.generic] | None) -> NDArray[np.float32]:
    assert samples is not None
    return samples.astype(np.float32)


def test_windows_follow_each_other_and_the_last_one_may_be_short() -> None:
    views = reading().views(np.arange(10.0))
    assert there(views.samples[0])[:, 0].tolist() == list(range(10))
    assert [lengths.tolist() for lengths in views.lengths] == [[4, 4, 2], [3], [2]]
    assert views.samples[1] is None


def test_a_sample_of_a_coarse_view_is_the_mean_of_its_readings_and_of_what_is_left_at_the_end() -> None:
    views = reading().views(np.arange(10.0))
    assert there(views.samples[2])[:, 0].tolist() == [2.5, 7.5]  # 0 to 5, and 6 to 9


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 24])
@pytest.mark.parametrize("columns", [1, 3])
def test_an_averaged_view_keeps_the_mean(scale: int, columns: int) -> None:
    series = walk(24, columns)
    samples = reading(columns, levels={"day": Window(24, scale)}).views(series).samples[0]
    assert there(samples).shape == (24 // scale, columns)
    np.testing.assert_allclose(there(samples).mean(0), series.mean(0), rtol=1e-5)


def test_the_mean_of_a_rest_counts_by_its_readings() -> None:
    series = walk(29, 2)
    samples = there(reading(2).views(series).samples[2])
    weights = np.array([6, 6, 6, 6, 5])[:, None]
    np.testing.assert_allclose((samples * weights).sum(0) / 29, series.mean(0), rtol=1e-5)


@pytest.mark.parametrize("normalize", NORMALIZES)
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("count", [1, 7, 29, 30])
def test_one_series_gives_the_very_numbers_of_a_batch(normalize: str, columns: int, count: int) -> None:
    fitted = reading(columns, normalize=normalize, centre=(0.3,) * columns, spread=(1.7,) * columns)
    raws = walk(6, count, columns)
    cut, lengths = fitted.cut(raws), fitted.lengths(raws)
    for row, raw in enumerate(raws):
        views = fitted.views(raw)
        for place, (samples, level) in enumerate(zip(views.samples, cut, strict=True)):
            np.testing.assert_array_equal(views.lengths[place], lengths[place])
            if level is None:
                assert samples is None
            else:
                laid, _ = pad(there(samples), lengths[place], level.shape[2])
                np.testing.assert_array_equal(laid, level[row])


@pytest.mark.parametrize("normalize", NORMALIZES)
def test_a_batch_may_lie_in_memory_in_any_order(normalize: str) -> None:
    fitted = reading(3, normalize=normalize)
    raws = walk(6, 29, 3)
    turned = np.asfortranarray(raws)
    for level, again in zip(fitted.cut(raws), fitted.cut(turned), strict=True):
        if level is not None:
            np.testing.assert_array_equal(level, there(again))


def test_channels_are_scaled_by_the_training_split() -> None:
    fitted = reading(2, centre=(1.0, 10.0), spread=(2.0, 0.5))
    samples = there(fitted.views([[1, 10], [3, 11]]).samples[0])
    assert samples.tolist() == [[0, 0], [1, 2]]
    assert fitted.scaled(np.float32([[3, 11]])).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("none", [0.0, 1.0, 2.0]),
        ("last", [-2.0, -1.0, 0.0]),
        ("mean", [-1.0, 0.0, 1.0]),
        ("standard", [-1 / np.sqrt(2 / 3 + EPSILON), 0.0, 1 / np.sqrt(2 / 3 + EPSILON)]),
    ],
)
def test_each_example_is_normalised_by_itself(normalize: str, expected: list[float]) -> None:
    fitted = reading(centre=(5.0,), spread=(2.0,), normalize=normalize)
    np.testing.assert_allclose(there(fitted.views([5.0, 7.0, 9.0]).samples[0])[:, 0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalize", NORMALIZES)
def test_a_constant_example_is_no_division_by_zero(normalize: str) -> None:
    samples = there(reading(normalize=normalize).views(np.full(9, 3.0)).samples[0])
    assert (samples == (3 if normalize == "none" else 0)).all()


@pytest.mark.parametrize("normalize", NORMALIZES)
@pytest.mark.parametrize("apart", [False, True])
def test_forecasts_are_brought_back_to_the_units_of_the_readings(normalize: str, apart: bool) -> None:
    fitted = reading(3, normalize=normalize, apart=apart, centre=(1.0, 2.0, 3.0), spread=(2.0, 3.0, 4.0))
    raws, future = walk(4, 20, 3), walk(4, 7, 3, seed=1)
    seen = fitted.normalise(raws, future)
    assert seen.shape == ((12, 7, 1) if apart else (4, 7, 3))
    assert seen.dtype == np.float32
    np.testing.assert_allclose(fitted.restore(raws, seen), future, rtol=1e-4, atol=1e-4)
    one = seen[:3] if apart else seen[0]
    np.testing.assert_array_equal(fitted.restore(raws[0], one), fitted.restore(raws, seen)[0])


def test_the_readings_themselves_are_normalised_as_they_are_cut() -> None:
    fitted = reading(2, normalize="standard", levels={"day": Window(20, 1)})
    raws = walk(4, 20, 2)
    np.testing.assert_allclose(there(fitted.cut(raws)[0])[:, 0], fitted.normalise(raws, raws), rtol=1e-6)


def test_channels_that_are_apart_are_examples_with_the_same_numbers() -> None:
    together, apart = reading(3, normalize="last"), reading(3, normalize="last", apart=True)
    raws = walk(2, 29, 3)
    assert (together.channels, apart.channels) == ({"moment": 3, "day": 3}, {"moment": 1, "day": 1})
    for level, alone in zip(together.cut(raws), apart.cut(raws), strict=True):
        if level is not None:
            assert there(alone).shape == (6, *level.shape[1:3], 1)
            np.testing.assert_array_equal(there(alone)[4, ..., 0], level[1, ..., 1])  # second example, second channel
    one, three = together.views(raws[1]), apart.views(raws[1])
    for samples, beside in zip(three.samples, one.samples, strict=True):
        if samples is not None:
            np.testing.assert_array_equal(samples, there(beside))
    assert [each.tolist() for each in three.lengths] == [each.tolist() for each in one.lengths]


@pytest.mark.parametrize("normalize", NORMALIZES)
@pytest.mark.parametrize("apart", [False, True])
def test_what_an_example_was_normalised_by_brings_its_forecast_to_standardised_readings(
    normalize: str, apart: bool
) -> None:
    fitted = reading(3, normalize=normalize, apart=apart, centre=(1.0, 2.0, 3.0), spread=(2.0, 3.0, 4.0))
    raws, future = walk(4, 20, 3), walk(4, 7, 3, seed=1)
    seen = fitted.normalise(raws, future)
    together = seen.reshape(4, 3, 7).swapaxes(1, 2) if apart else seen
    factor, shift = fitted.standing(raws)
    assert factor.shape == shift.shape == (4, 3)
    np.testing.assert_allclose(together * factor[:, None] + shift[:, None], fitted.scaled(future), rtol=1e-4, atol=1e-4)
    standing = fitted.views(raws[2]).standing
    assert standing is not None
    np.testing.assert_array_equal(np.stack(standing), np.stack([factor[2], shift[2]]))


@pytest.mark.parametrize(
    "raw",
    [
        {"ch1": [10, 20, 30], "ch0": [1, 2, 3], "label": "x"},
        {"ch0": np.array([1, 2, 3], np.int16), "ch1": (10.0, 20.0, 30.0)},
        [[1, 10], [2, 20], [3, 30]],
        np.array([[1, 10], [2, 20], [3, 30]], np.float64),
        np.array([[1, 10], [2, 20], [3, 30]], np.uint8),
    ],
)
def test_all_forms_of_a_series_give_the_same_readings(raw: object) -> None:
    found = reading(2).read(raw)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 10], [2, 20], [3, 30]]


def test_one_channel_may_be_a_flat_list() -> None:
    assert reading().read([1, 2, True]).tolist() == [[1], [2], [1]]


NAN = float("nan")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (
            {"ch0": [1, 2, NAN], "ch1": [1, NAN, NAN]},
            "got NaN at reading 1 of channel ch1; mend it, or train with data.input.missing: previous$",
        ),
        ({"ch0": [1, None], "ch1": [1, 2]}, "expected numbers; got NaN at reading 1 of channel ch0; mend it"),
        ({"ch0": [1, 2], "ch1": [1, float("-inf")]}, "finite numbers; got infinity at reading 1 of channel ch1; leave"),
        ({"ch0": [1, 2], "ch1": [1, 1e39]}, "expected finite numbers; got infinity at reading 1 of channel ch1; leave"),
        ({"ch0": [1, 2], "ch1": [1, 10**400]}, "channel ch1: expected finite numbers; got one of more than 300 digits"),
        ({"ch0": [1, 2], "ch1": [1, 2, 3]}, "expected as many readings of each channel; got ch0 2, ch1 3$"),
        ({"ch0": [1, 2]}, "expected columns ch0, ch1; got none called ch1$"),
        ({"ch0": None, "ch1": [1]}, "channel ch0: expected numbers; got NoneType$"),
        ({"ch0": 1.0, "ch1": 2.0}, r"channel ch0: expected a list of numbers; got an array of shape \(\)$"),
        ({"ch0": [[1]], "ch1": [1]}, r"channel ch0: expected a list of numbers; got an array of shape \(1, 1\)$"),
        ({"ch0": ["1.5"], "ch1": [1]}, "channel ch0: expected numbers; got str '1.5'$"),
        ({"ch0": [1, "x", None], "ch1": [1]}, "channel ch0: expected numbers; got str 'x'$"),
        ({"ch0": [[1], [2, 3]], "ch1": [1]}, "channel ch0: expected lists of one length; got a ragged list"),
        ({"ch0": [], "ch1": []}, "expected at least one reading of ch0, ch1; got none"),
        ([], r"expected an array \(readings, channels\) with 2 \(ch0, ch1\) channels; got shape \(0,\)"),
        ([1, 2, 3], r"expected an array \(readings, channels\) with 2 \(ch0, ch1\) channels; got shape \(3,\)"),
        (np.zeros((3, 4)), r"expected an array \(readings, channels\) with 2 .* channels; got shape \(3, 4\)"),
        (np.zeros((0, 2)), "expected at least one reading of ch0, ch1; got none"),
        ("a text", "series: expected numbers; got str$"),
        (None, "series: expected numbers; got NoneType$"),
        (np.zeros((2, 2), complex), "series: expected numbers; got complex 0j$"),
        (np.zeros((2, 2), "datetime64[s]"), "series: expected numbers; got datetime "),
        (np.zeros((33, 2)), "expected at most 30 readings, which the levels hold; got 33; cut the series, or train"),
    ],
)
def test_what_is_no_series_is_refused(raw: object, line: str) -> None:
    with pytest.raises(InputError, match=line):
        reading(2).read(raw)


def test_readings_are_as_many_as_those_of_training_where_all_have_one_length() -> None:
    line = "expected 7 readings; got 8; cut the series to windows of them"
    with pytest.raises(InputError, match=f"^{line}$"):
        reading(length=7).read(np.zeros(8))
    assert reading(length=7).read(np.zeros(7)).shape == (7, 1)


def test_the_coarsest_level_says_how_many_readings_are_held() -> None:
    assert reading().capacity == 30
    assert reading(levels={"moment": Window(4, 2), "minute": Window(8, None)}).capacity == 64
    assert reading().views(np.zeros(30)).lengths[2].tolist() == [5]


def test_a_missing_reading_takes_the_one_before_it_where_the_job_says_so() -> None:
    fitted = reading(2, missing="previous")
    raw = {"ch0": [1, NAN, NAN, 4, None], "ch1": [5, 6, NAN, 8, 9]}
    assert fitted.read(raw).T.tolist() == [[1, 1, 1, 4, 4], [5, 6, 6, 8, 9]]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([NAN, 1], "expected a reading to fill from; got NaN at reading 0 of channel ch0, and none before it; begin"),
        ([NAN, NAN], "expected a reading to fill from; got NaN at reading 0 of channel ch0"),
        ([1, NAN, np.inf], "expected finite numbers; got infinity at reading 2 of channel ch0; leave it out"),
    ],
)
def test_what_cannot_be_filled_is_refused(values: list[float], line: str) -> None:
    with pytest.raises(InputError, match=line):
        reading(missing="previous").read(values)


def test_an_input_is_read_as_it_was_written() -> None:
    fitted = reading(2, length=30, normalize="standard", missing="previous", apart=True, centre=(-1.5, 2e9))
    for each in (fitted, reading()):
        again = read_series(Fields(json.loads(json.dumps(each.as_json())), "manifest.json: input"))
        assert again == each
        assert list(again.levels) == list(each.levels)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"columns": []}, r"input.columns: expected a list of 1 to 4096 values; got \[\]; make the bundle again"),
        ({"columns": [""]}, "input.columns.0: expected a line of text; got ''; make"),
        ({"centre": [0, 0]}, r"input.centre: expected a list of 1 to 1 values; got \[0, 0\]; make"),
        ({"spread": [0]}, r"input.spread: expected numbers from 1e-30 to 1e\+30, centre of either sign; got \[0.0\]"),
        ({"spread": [-1]}, r"input.spread: expected numbers from 1e-30 to 1e\+30, .*; got \[-1.0\]; make"),
        ({"spread": [None]}, "input.spread.0: expected a number; got None; make"),
        ({"centre": [1e31]}, "input.spread: expected numbers from 1e-30 to"),
        ({"length": 0}, "input.length: expected a whole number from 1 to 2147483647; got 0; make"),
        ({"length": 31}, "input.length: expected at most 30, which the levels hold; got 31; make"),
        ({"normalize": "l2"}, "input.normalize: expected none, last, mean, standard; got 'l2'; upgrade mgdist-edge"),
        ({"missing": None}, "input.missing: expected a line of text; got None; make"),
        ({"apart": 1}, "input.apart: expected true or false; got 1; make"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, object], line: str) -> None:
    with pytest.raises(BundleError, match=line):
        read_series(Fields({**reading().as_json(), **changed}, "manifest.json: input"))


def test_a_field_that_lacks_is_named() -> None:
    fields = {name: value for name, value in reading().as_json().items() if name != "length"}
    with pytest.raises(BundleError, match=r"input.length: expected a whole number from 1 to 2147483647; got nothing"):
        read_series(Fields(fields, "manifest.json: input"))
