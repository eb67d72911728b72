from typing import Any

import numpy as np
import pytest

from mgdist.data.fitting.series import fit_series
from mgdist.errors import DataError
from mgdist.job.series import SeriesSpec
from mgdist_edge.errors import InputError
from mgdist_edge.windows import Window

LEVELS = {"moment": Window(64, 1)}


def spec(**given: Any) -> SeriesSpec:
    return SeriesSpec.model_validate({"kind": "series", "columns": ["x", "y"], **given})


def ragged() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(length, 2)) * [3, 0.01] + [1e4, -5]).astype(np.float32) for length in (1, 40, 7, 64)]


def test_mean_and_deviation_are_those_of_all_training_readings() -> None:
    fitted = fit_series(ragged(), spec(), LEVELS)
    together = np.concatenate(ragged()).astype(np.float64)
    np.testing.assert_allclose(fitted.centre, together.mean(0), rtol=1e-12)
    np.testing.assert_allclose(fitted.spread, together.std(0), rtol=1e-9)


def test_minmax_brings_the_training_readings_to_0_and_1() -> None:
    fitted = fit_series(ragged(), spec(scaling="minmax"), LEVELS)
    scaled = fitted.scaled(np.concatenate(ragged()))
    np.testing.assert_allclose([scaled.min(0), scaled.max(0)], [[0, 0], [1, 1]], atol=1e-6)


def test_readings_that_are_not_scaled_stay_as_they_are() -> None:
    fitted = fit_series(ragged(), spec(scaling="none"), LEVELS)
    samples = fitted.views(ragged()[1]).samples[0]
    np.testing.assert_array_equal(samples, ragged()[1])


def test_what_the_job_says_of_reading_goes_into_the_input() -> None:
    asked = spec(length=40, normalize="last", missing="previous", channels="apart")
    fitted = fit_series(ragged(), asked, LEVELS)
    assert (fitted.levels, fitted.columns, fitted.length) == (LEVELS, ("x", "y"), 40)
    assert (fitted.normalize, fitted.missing, fitted.apart) == ("last", "previous", True)


def test_columns_by_name_are_fitted_as_arrays_are() -> None:
    named = ({"x": each[:, 0], "y": each[:, 1], "label": "a"} for each in ragged())
    assert fit_series(named, spec(), LEVELS) == fit_series(ragged(), spec(), LEVELS)


def test_a_constant_channel_is_refused_where_it_is_to_be_scaled() -> None:
    given = [np.array([[1, 2.5], [3, 2.5]]), np.array([[1, 2.5]])]
    line = "data.input.columns: y is 2.5 in every training reading; leave it out, or set data.input.scaling: none"
    for scaling in ("standard", "minmax"):
        with pytest.raises(DataError, match=f"^{line}$"):
            fit_series(given, spec(scaling=scaling), LEVELS)
    assert fit_series(given, spec(scaling="none"), LEVELS).spread == (1, 1)


def test_no_series_is_refused() -> None:
    with pytest.raises(DataError, match=r"^data.input: expected series to train on; got none$"):
        fit_series([], spec(), LEVELS)


def test_a_missing_reading_is_refused_or_filled_as_the_job_says() -> None:
    given = [{"x": [1, None, 3], "y": [1, 2, 3]}]
    with pytest.raises(InputError, match="got NaN at reading 1 of channel x"):
        fit_series(given, spec(), LEVELS)
    assert fit_series(given, spec(missing="previous"), LEVELS).centre == (pytest.approx(5 / 3), 2)
