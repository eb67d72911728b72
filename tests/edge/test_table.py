import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.table import TableInput, read_table
from mgdist_edge.table_fields import CategoryField, NumberField, Quantiles, Standard, ValueField
from mgdist_edge.views import pad
from mgdist_edge.windows import Window

AGE = NumberField("age", None, Standard(40.0, 10.0))
GAIN = NumberField("gain", None, Quantiles((0.0, 10.0, 20.0), (-1.0, 0.0, 3.0)))
WORK = CategoryField("work", None, ("private", "state"))
MONTH = CategoryField("when", "month", ("1", "2"))
YEAR = NumberField("when", "year", Standard(2020.0, 2.0))
EXACT = ValueField("gain", (15.0, 0.0, -0.1, 1e21))
GROUPED = {"group": Window(4, 1), "row": Window(3, None)}
ROW: dict[str, Any] = {"age": 50, "gain": 15, "work": "state", "when": "2024-02-03"}


def table(**levels: Window) -> TableInput:
    return TableInput(
        {"person": (AGE, WORK), "rest": (GAIN, MONTH, YEAR, EXACT)}, levels or GROUPED, ("", "?"), ("zip",)
    )


def row(**changed: object) -> dict[str, object]:
    return {**ROW, **changed}


def test_every_field_has_ids_of_its_own_behind_padding() -> None:
    # missing, number | missing, unknown, private, state | missing, number | missing, unknown, 1, 2 | missing, number |
    # missing, another, 15, 0, -0.1, 1e21
    assert table().rows == 1 + 2 + 4 + 2 + 4 + 2 + 6
    assert table().read(ROW).tolist() == [[2, 1], [6, 1], [8, 1.5], [12, 1], [14, 2], [17, 1]]
    assert table().columns == ("age", "work", "gain", "when")


def test_a_missing_cell_has_an_id_of_its_own() -> None:
    found = table().read(row(age=None, work="?", gain=float("nan"), when=""))
    assert found.tolist() == [[1, 1], [3, 1], [7, 1], [9, 1], [13, 1], [15, 1]]


def test_an_unseen_category_is_unknown() -> None:
    assert table().read(row(work="never seen", when="2024-07-03"))[[1, 3]].tolist() == [[4, 1], [10, 1]]


def test_a_number_is_told_apart_by_its_value() -> None:
    gains = (15, "15.0", 0, -0.0, -0.1, 1e21, 15.5, None)
    assert [table().read(row(gain=gain))[5, 0] for gain in gains] == [17, 17, 18, 18, 19, 20, 16, 15]


def test_quantiles_end_at_the_outermost_knots() -> None:
    assert [table().read(row(gain=gain))[2, 1] for gain in (-99, 5, 10, 1e9)] == [-1, -0.5, 0, 3]


def test_a_table_reads_its_rows_as_they_are_read_alone() -> None:
    rows = [row(age=age / 7, work=["state", "x", None][age % 3], gain=age % 23) for age in range(50)]
    rows += [row(age=None, gain=None, when=None), row(age="44.5", when="1999-12-31T23:59Z")]
    found = table().rows_of({name: [each[name] for each in rows] for name in ROW})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack([table().read(each) for each in rows]))


def test_columns_may_be_arrays() -> None:
    columns = {"age": np.array([50.0, np.nan]), "gain": np.array([15, 0]), "work": np.array(["state", "x"])}
    found = table().rows_of({**columns, "when": ["2024-02-03", None]})
    np.testing.assert_array_equal(found[0], table().read(ROW))
    assert found[1, :, 0].tolist() == [1, 4, 8, 9, 13, 18]


@pytest.mark.parametrize(
    "levels",
    [
        GROUPED,
        {"group": Window(4, 1)},
        {"row": Window(6, 1)},
        {"row": Window(9, 1)},
        {"group": Window(4, 1), "row": Window(7, 1)},
    ],
)
def test_one_row_has_the_views_of_a_batch(levels: dict[str, Window]) -> None:
    fitted = table(**levels)
    rows = [ROW, row(age=None), row(work="?")]
    cut = fitted.cut(np.stack([fitted.read(each) for each in rows]))
    for place, each in enumerate(rows):
        views = fitted.views(each)
        for samples, lengths, units, window in zip(views.samples, views.lengths, cut, levels.values(), strict=True):
            assert (samples is None) == (units is None) == (window.scale is None)
            if samples is not None:
                np.testing.assert_array_equal(pad(samples, lengths, window.length)[0], units[place])


def test_units_are_groups_and_then_the_row() -> None:
    assert [lengths.tolist() for lengths in table().lengths] == [[2, 4], [2]]
    assert table().channels == {"group": 2}
    whole = table(group=Window(4, 1), row=Window(6, 1))
    assert [lengths.tolist() for lengths in whole.lengths] == [[2, 4], [6]]
    assert whole.channels == {"group": 2, "row": 2}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["a"], "expected a row as a mapping of column to value; got list"),
        ({"age": 1}, "expected column work; it is missing; give None where its value is not known"),
        (row(label=1), "expected columns age, work, gain, when; got label too; leave it out"),
        (row(age="old"), "age: expected a number; got 'old'"),
        (row(work=b"state"), "work: expected a text or a number as a category; got b'state'"),
        (row(when="3/2/24"), "when: expected a date such as 2026-11-23 or 2026-11-23T20:30; got '3/2/24'"),
        (
            row(age=1e9),
            "age: expected a number within 1000000 standard deviations of the training rows; got 1000000000.0",
        ),
    ],
)
def test_a_wrong_row_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        table().read(wrong)
    assert str(refused.value) == message


def test_a_column_that_was_not_selected_may_be_there() -> None:
    np.testing.assert_array_equal(table().read(row(zip="8000")), table().read(ROW))


def test_the_largest_number_of_all_is_refused_alone_and_in_a_table() -> None:
    small = TableInput({"all": (NumberField("a", None, Standard(0.0, 0.01)),)}, {"row": Window(1, 1)})
    for read in (lambda: small.read({"a": 1e308}), lambda: small.rows_of({"a": [1e308]})):
        with pytest.raises(InputError, match=r"expected a number within 1000000 standard deviations .* got 1e\+308$"):
            read()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": [1, "x"]}, "age, row 2: expected a number; got 'x'"),
        (
            {"age": [1, 1e9]},
            "age, row 2: expected a number within 1000000 standard deviations of the training rows; got 1000000000.0",
        ),
        ({"age": [1]}, "expected columns of equal length; got lengths [1, 2]"),
        ({"when": ["2024-01-01", "x"]}, "when, row 2: expected a date such as 2026-11-23 or 2026-11-23T20:30; got 'x'"),
    ],
)
def test_a_wrong_cell_of_a_table_is_refused_with_its_row(changed: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError) as refused:
        table().rows_of({**{name: [cell, cell] for name, cell in ROW.items()}, **changed})
    assert str(refused.value) == message


def manifest(change: Callable[[dict[str, Any]], object] = lambda said: None) -> Fields:
    said = json.loads(json.dumps(table().as_json()))
    change(said)
    return Fields(said, "manifest.json: input")


def test_a_manifest_gives_the_same_table() -> None:
    assert read_table(manifest()) == table()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["levels"]["group"].update(length=2), ".levels.group.length: expected at least 4; got 2"),
        (lambda s: s["levels"]["group"].update(scale=2), ".levels.group.scale: expected 1 or null; got 2"),
        (lambda s: s.update(levels={}), ".levels: expected one or more of group, row in this order; got []"),
        (lambda s: s.update(groups={}), ".groups: expected at least one group; got none"),
        (lambda s: s["groups"].update(more=s["groups"]["rest"]), ".groups: expected each field once; got one twice"),
        (
            lambda s: s["groups"]["rest"][2].update(part=None),
            ".groups: expected columns of one kind; got one of two",
        ),
        (
            lambda s: s["groups"]["rest"][1].update(part="minute"),
            ".groups.rest.1.part: expected one of year, month, day, weekday, hour, elapsed; got 'minute'",
        ),
        (
            lambda s: s["groups"]["person"][1].update(categories=["a", "a"]),
            ".groups.person.1.categories: expected different ones; got one twice",
        ),
        (
            lambda s: s["groups"]["rest"][3].update(values=[1, 1.0]),
            ".groups.rest.3.values: expected different ones; got one twice",
        ),
        (
            lambda s: s["groups"]["person"][0]["scale"].update(std=0),
            ".groups.person.0.scale.std: expected a number above 0; got 0.0",
        ),
        (
            lambda s: s["groups"]["rest"][0]["scale"].update(knots=[0, 0, 1]),
            ".groups.rest.0.scale.knots: expected rising numbers; got others",
        ),
        (
            lambda s: s["groups"]["rest"][0]["scale"].update(places=[0]),
            ".groups.rest.0.scale.places: expected a list of 3 to 3 values; got [0]",
        ),
    ],
)
def test_a_wrong_manifest_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(BundleError) as refused:
        read_table(manifest(change))
    assert str(refused.value) == f"manifest.json: input{message}; make the bundle again"


def test_a_newer_kind_of_field_is_refused() -> None:
    with pytest.raises(
        BundleError, match=r"kind: expected number, category or value; got 'hash'; upgrade mgdist-edge$"
    ):
        read_table(manifest(lambda s: s["groups"]["rest"][0].update(kind="hash")))
