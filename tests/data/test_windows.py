import numpy as np
import pytest

from mgdist.data.windows import Windows, split_windows
from mgdist.errors import DataError


def table(rows: int) -> np.ndarray:
    return np.stack([np.arange(rows), -np.arange(rows)], axis=1).astype(np.float32)


def test_a_window_is_a_look_back_and_the_horizon_right_behind_it() -> None:
    seen, future = Windows(table(20), lookback=4, horizon=2)[3]
    assert seen[:, 0].tolist() == [3, 4, 5, 6]
    assert future[:, 1].tolist() == [-7, -8]


@pytest.mark.parametrize(
    ("rows", "stride", "count"), [(20, 1, 15), (20, 4, 4), (6, 1, 1), (6, 9, 1), (5, 1, 0), (0, 1, 0)]
)
def test_all_windows_that_fit_are_counted(rows: int, stride: int, count: int) -> None:
    windows = Windows(table(rows), 4, 2, stride)
    assert len(windows) == count
    assert len(windows[:][0]) == count


def test_the_stride_is_from_one_window_to_the_next() -> None:
    seen, _ = Windows(table(20), 4, 2, stride=5)[:]
    assert seen[:, 0, 0].tolist() == [0, 5, 10]


def test_windows_are_asked_for_by_number_list_or_slice() -> None:
    windows = Windows(table(20), 4, 2)
    seen, future = windows[np.array([7, 0])]
    assert (seen.shape, future.shape) == ((2, 4, 2), (2, 2, 2))
    np.testing.assert_array_equal(seen[1], windows[0][0])
    np.testing.assert_array_equal(future[0], windows[7:8][1][0])
    np.testing.assert_array_equal(windows[-1][1][-1], [19, -19])


def test_a_slice_copies_nothing() -> None:
    rows = table(1000)
    seen, future = Windows(rows, 300, 100)[:]
    assert seen.shape == (601, 300, 2)
    assert np.shares_memory(seen, rows)
    assert np.shares_memory(future, rows)


def test_a_window_beyond_the_last_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        Windows(table(20), 4, 2)[15]


def test_validation_and_test_look_back_into_the_split_before_them() -> None:
    train, valid, test = split_windows(table(40), sizes=(20, 8, 7), lookback=5, horizon=3, stride=2)
    assert (train[0][0][0, 0], train[len(train) - 1][1][-1, 0]) == (0, 19)
    assert (valid[0][0][0, 0], valid[0][1][0, 0], valid[len(valid) - 1][1][-1, 0]) == (15, 20, 27)
    assert (test[0][1][0, 0], test[len(test) - 1][1][-1, 0]) == (28, 34)
    assert (train.stride, valid.stride, test.stride) == (2, 1, 1)


def test_the_published_split_of_the_hourly_ett_sets_has_its_published_number_of_windows() -> None:
    sizes = (8640, 2880, 2880)
    windows = split_windows(table(14400), sizes=sizes, lookback=336, horizon=96)
    assert [len(each) for each in windows] == [8209, 2785, 2785]
    assert len(split_windows(table(14400), sizes=sizes, lookback=336, horizon=720)[2]) == 2161


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ((30, 8, 8), "data.source: expected 46 rows for the splits; got 40"),
        ((7, 8, 8), "data.split: train has 7 rows, and 7 come first; a window looks back 5 and foretells 3; make the"),
        ((20, 2, 8), "data.split: valid has 2 rows, and 20 come first; a window looks back 5 and foretells 3; make"),
        ((20, 8, 0), "data.split: test has 0 rows, and 20 come first; a window looks back 5 and foretells 3; make"),
    ],
)
def test_a_split_without_a_window_is_refused(sizes: tuple[int, int, int], line: str) -> None:
    with pytest.raises(DataError, match=line):
        split_windows(table(40), sizes=sizes, lookback=5, horizon=3)
