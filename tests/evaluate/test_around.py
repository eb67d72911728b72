import numpy as np

from mgdist.evaluate.around import SIDES, around


def test_a_sample_is_read_with_what_is_around_it() -> None:
    readings = np.random.default_rng(0).normal(size=(300, 2))
    found = around(readings, 1)
    assert found.shape == (300, 6)
    near = readings[200 - SIDES : 201 + SIDES]
    np.testing.assert_allclose(found[200], np.concatenate([readings[200], near.mean(0), near.std(0)]), rtol=1e-4)
    first = readings[: SIDES + 1]
    np.testing.assert_allclose(found[0], np.concatenate([readings[0], first.mean(0), first.std(0)]), rtol=1e-4)


def test_a_coarser_sample_is_the_mean_of_its_readings() -> None:
    readings = np.arange(10.0)[:, None]
    found = around(readings, 4)
    assert found[:, 0].tolist() == [1.5, 5.5, 8.5]
    assert found[:, 1].tolist() == [4.5, 4.5, 4.5]
