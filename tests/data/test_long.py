import numpy as np
import pytest

from mgdist.data.long import recordings
from mgdist.errors import DataError

TABLE = {
    "run": np.array(["b", "a", "b", "a", "b"]),
    "t": np.array([3, 1, 1, 2, 2]),
    "x": np.array([30.0, 1.0, 10.0, 2.0, 20.0]),
    "y": np.array([0, 1, 2, 3, 4], np.int16),
}


def test_rows_of_an_example_are_gathered_in_the_order_of_time() -> None:
    b, a = recordings(TABLE, ["x", "y"], id="run", time="t")
    assert (b.id, a.id) == ("b", "a")  # as they begin
    assert (b.values["x"].tolist(), a.values["x"].tolist()) == ([10, 20, 30], [1, 2])
    assert b.values["y"].tolist() == b.rows.tolist() == [2, 4, 0]


def test_without_a_time_rows_stay_in_order() -> None:
    b, a = recordings(TABLE, ["x"], id="run", time=None)
    assert (b.values["x"].tolist(), a.values["x"].tolist()) == ([30, 10, 20], [1, 2])


def test_without_an_id_the_table_is_one_example() -> None:
    (one,) = recordings({**TABLE, "t": np.arange(5)[::-1]}, ["x"], id=None, time="t")
    assert one.id is None
    assert one.values["x"].tolist() == [20, 2, 10, 1, 30]


def test_an_empty_table_has_no_examples() -> None:
    empty = {name: values[:0] for name, values in TABLE.items()}
    assert recordings(empty, ["x"], id="run", time="t") == []
    assert recordings(empty, ["x"], id=None, time=None) == []


@pytest.mark.parametrize(
    ("times", "line"),
    [
        (np.array([3, 1, 1, 2, 3]), "data.input.time: t 3 of 'b' stands in two rows; expected each time once"),
        (np.array([3, 1, np.nan, 2, 2]), "data.input.time: t is missing in row 2; expected a time in every row"),
        (
            np.array(["2020-01-01", "NaT", "2020-01-02", "2020-01-03", "2020-01-04"], "datetime64[us]"),
            "data.input.time: t is missing in row 1; expected a time in every row",
        ),
        (np.array(list("edcba")), "data.input.time: expected numbers or times in t; got <U1; convert the column"),
    ],
)
def test_a_time_that_puts_nothing_in_order_is_refused(times: np.ndarray, line: str) -> None:
    with pytest.raises(DataError, match=f"^{line}$"):
        recordings({**TABLE, "t": times}, ["x"], id="run", time="t")
