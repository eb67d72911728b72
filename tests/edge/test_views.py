import numpy as np

from mgdist_edge.views import pad


def test_units_of_unequal_length_become_rows_with_zeros_behind() -> None:
    units, mask = pad(np.array([7, 8, 9], np.int32), np.array([1, 2], np.int32), 3)
    assert units.tolist() == [[7, 0, 0], [8, 9, 0]]
    assert mask.tolist() == [[True, False, False], [True, True, False]]
    assert units.dtype == np.int32


def test_without_a_size_the_longest_unit_gives_it() -> None:
    units, mask = pad(np.ones((5, 4), np.float32), np.array([2, 3], np.int32))
    assert units.shape == (2, 3, 4)
    assert mask.sum() == 5
