from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer

from mgdist.data.fitting.table import fit_table
from mgdist.errors import DataError
from mgdist.job.table import TableSpec
from mgdist_edge.table import TableInput
from mgdist_edge.table_fields import CategoryField, NumberField, Piece, ValueField
from mgdist_edge.windows import Window

ROWS = 200
RANDOM = np.random.default_rng(3)
VALUES: dict[str, Any] = {
    "age": RANDOM.normal(40, 9, ROWS).tolist(),
    "gain": np.where(RANDOM.random(ROWS) < 0.6, 0, RANDOM.exponential(5000, ROWS)),
    "work": [("private", "state", "private", None, f"rare {row}")[row % 5] for row in range(ROWS)],
    "when": [f"2024-{1 + row % 3:02}-{1 + row % 28:02}" for row in range(ROWS)],
    "text": ["free text"] * ROWS,
}
NAMED: dict[str, Any] = {"numeric": ("age", "gain"), "categorical": ("work",), "dates": ("when",)}
WHOLE = {"row": Window(16, 1)}


def fit(
    values: dict[str, Any] = VALUES, levels: dict[str, Window] = WHOLE, targets: Any = None, **asked: Any
) -> TableInput:
    return fit_table(values, TableSpec(kind="table", **{**NAMED, **asked}), levels, targets=targets)


def test_only_the_columns_that_are_named_are_read() -> None:
    assert fit().columns == ("age", "gain", "work", "when")


def test_numbers_have_mean_0_and_deviation_1_with_missing_ones_left_out() -> None:
    ages = [*VALUES["age"][:-1], None]
    fitted = fit({**VALUES, "age": ages})
    scaled = fitted.rows_of({name: {**VALUES, "age": ages}[name] for name in fitted.columns})[:, 0]
    assert scaled[-1].tolist() == [1, 1]
    assert abs(scaled[:-1, 1].mean()) < 1e-6
    assert abs(scaled[:-1, 1].std() - 1) < 1e-6


def test_one_number_or_none_is_information_enough() -> None:
    fitted = fit({**VALUES, "age": [0.1, None] * (ROWS // 2)})
    assert fitted.read({"age": 0.1, "gain": 0, "work": None, "when": None})[0].tolist() == [2, 0]


def test_quantiles_are_those_of_scikit_learn() -> None:
    fitted = fit(scales={"gain": "quantile"})
    ours = fitted.rows_of({name: VALUES[name] for name in fitted.columns})[:, 1, 1]
    theirs = QuantileTransformer(n_quantiles=101, output_distribution="normal").fit_transform(VALUES["gain"][:, None])[
        :, 0
    ]
    inner = (np.abs(theirs) < 2.5) & (VALUES["gain"] > 100)
    assert inner.sum() > 60
    assert np.abs(ours - theirs)[inner].max() < 0.05
    assert np.unique(ours[VALUES["gain"] == 0]).size == 1


def test_categories_are_the_frequent_ones_and_rarer_ones_are_unknown() -> None:
    (work,) = (field for field in fit().fields if field.column == "work")
    assert isinstance(work, CategoryField)
    assert work.categories == ("private", "state")
    (work,) = (field for field in fit(most=1).fields if field.column == "work")
    assert isinstance(work, CategoryField)
    assert work.categories == ("private",)
    assert len(fit(min_count=1).fields[2].categories) == 2 + 40


def test_frequent_values_of_a_number_have_a_vector_each_beside_it() -> None:
    gains = [(0, 7688.0, 0.5, None, row + 0.25)[row % 5] for row in range(ROWS)]
    fitted = fit({**VALUES, "gain": gains}, exact=("gain",))
    age, gain, exact, *_ = fitted.fields
    assert (gain.column, type(gain)) == ("gain", NumberField)
    assert isinstance(exact, ValueField)
    assert exact.values == (0.0, 0.5, 7688.0), "as often each, so the smallest first"
    samples = fitted.rows_of({name: {**VALUES, "gain": gains}[name] for name in fitted.columns})[:5, 2]
    first = 1 + age.rows + gain.rows
    assert samples.tolist() == [[first + place, 1] for place in (2, 4, 3, 0, 1)]
    for row in range(5):
        raw = {**{name: VALUES[name][row] for name in ("age", "work", "when")}, "gain": gains[row]}
        assert fitted.read(raw)[2].tolist() == samples[row].tolist()
    assert fit({**VALUES, "gain": gains}, exact=("gain",), most=1).fields[2].rows == 3


def test_a_date_is_read_in_the_parts_that_vary() -> None:
    fields = [field for field in fit().fields if field.column == "when"]
    assert [field.part for field in fields] == ["month", "day", "weekday", "elapsed"]
    assert [type(field) for field in fields] == [CategoryField] * 3 + [NumberField]


def test_groups_put_their_fields_together() -> None:
    groups = {"money": ("gain",), "person": ("work", "age"), "time": ("when",)}
    fitted = fit(levels={"group": Window(4, 1), "row": Window(3, None)}, groups=groups)
    assert [field.column for field in fitted.fields] == ["gain", "work", "age", *["when"] * 4]
    assert [lengths.tolist() for lengths in fitted.lengths] == [[1, 2, 4], [3]]


def test_the_fields_that_tell_most_are_kept_and_others_may_still_be_given() -> None:
    classes = (np.array(VALUES["age"]) > 40).astype(np.int64)
    fitted = fit(targets=classes, select={"mutual_information": 1})
    assert fitted.columns == ("age",)
    assert fitted.unused == ("gain", "work", "when")
    assert fitted.read({"age": 40, "gain": 1}).shape == (1, 2)
    measures = np.array([1.5 if name == "private" else 0.5 for name in VALUES["work"]]) + RANDOM.random(ROWS) / 100
    assert fit(targets=measures, select={"mutual_information": 1}).columns == ("work",)


CONSTANT = "expected a column that varies; all rows are alike; leave it out"


@pytest.mark.parametrize(
    ("changed", "asked", "message"),
    [
        ({"age": [1.0] * ROWS}, {}, f"data.input: age: {CONSTANT}"),
        ({"age": [float("nan")] * ROWS}, {}, f"data.input: age: {CONSTANT}"),
        ({"age": [1.0, 1e200] * (ROWS // 2)}, {}, "data.input: age: expected numbers below 1e150; got 1e+200"),
        (
            {},
            {"exact": ("age",)},
            "data.input.exact: age: expected numbers that 2 rows share; got none; leave it out",
        ),
        ({"work": ["a"] * ROWS}, {}, f"data.input: work: {CONSTANT}, or make min_count smaller"),
        ({"when": ["2024-01-01"] * ROWS}, {}, f"data.input: when: {CONSTANT}"),
        ({"age": ["old"] * ROWS}, {"numeric": ("age",)}, "data.input: age, row 1: expected a number; got 'old'"),
        (
            {"when": ["x"] * ROWS},
            {},
            "data.input: when, row 1: expected a date such as 2026-11-23 or 2026-11-23T20:30; got 'x'",
        ),
        ({}, {"numeric": ("size",)}, "data.input: expected column size; the data has age, gain, work, when, text"),
        (
            {},
            {"select": {"mutual_information": 3}},
            "data.input.select.mutual_information: expected one label or number a row to select by; the task has none; "
            "leave select out",
        ),
        (
            {},
            {"select": {"mutual_information": 7}},
            "data.input.select.mutual_information: expected fewer than the 7 fields; got 7; or leave select out",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(changed: dict[str, Any], asked: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as refused:
        fit({**VALUES, **changed}, **asked)
    assert str(refused.value) == message


def test_a_group_that_loses_all_its_fields_is_refused() -> None:
    groups = {"person": ("work", "age"), "rest": ("gain", "when")}
    classes = (np.array(VALUES["age"]) > 40).astype(np.int64)
    with pytest.raises(DataError, match=r"keeps no field of group rest; keep more than 1, or leave the group out$"):
        fit(targets=classes, groups=groups, select={"mutual_information": 1})


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"row": Window(3, 1)}, "granularities.row.length: a unit has 7 samples; got 3; make it as long"),
        ({"row": Window(9, 2)}, "granularities.row.scale: fields are not averaged: expected 1 or null; got 2"),
    ],
)
def test_levels_that_do_not_fit_are_refused(levels: dict[str, Window], message: str) -> None:
    with pytest.raises(DataError) as refused:
        fit(levels=levels)
    assert str(refused.value) == message


def test_a_number_is_also_read_as_how_far_it_has_come_through_each_piece_of_its_range() -> None:
    ages = [float(age) for age in range(100)] * 2
    fitted = fit({"age": ages, "work": VALUES["work"], "when": VALUES["when"]}, numeric=("age",), pieces=4)
    _, *pieces = fitted.read({"age": 24.75, "work": None, "when": None})[:5, 1].tolist()
    assert pieces == pytest.approx([1, 0, 0, 0], abs=1e-6)
    assert fitted.read({"age": 60, "work": None, "when": None})[1:5, 1].tolist() == pytest.approx(
        [1, 1, (60 - 49.5) / 24.75, 0], abs=1e-6
    )
    assert fitted.read({"age": None, "work": None, "when": None})[1:5, 1].tolist() == [1, 1, 1, 1]
    assert len(set(fitted.read({"age": None, "work": None, "when": None})[:5, 0].tolist())) == 5


def test_a_number_of_many_rows_is_an_edge_and_leaves_the_other_pieces_to_the_other_numbers() -> None:
    fitted = fit(pieces=10, numeric=("gain",))
    scales = [field.scale for field in fitted.fields if field.column == "gain" and isinstance(field, NumberField)]
    edges = [piece.high for piece in scales if isinstance(piece, Piece)]
    others = VALUES["gain"][VALUES["gain"] > 0]
    assert edges == pytest.approx(np.quantile(others, np.linspace(0, 1, 10)))


def test_numbers_that_all_fill_a_piece_are_the_edges() -> None:
    fitted = fit({"gain": [0.0, 1.0, 5.0, 9.0] * 50}, numeric=("gain",), categorical=(), dates=(), pieces=8)
    pieces = [field.scale for field in fitted.fields[1:] if isinstance(field, NumberField)]
    assert pieces == [Piece(0.0, 1.0), Piece(1.0, 5.0), Piece(5.0, 9.0)]
