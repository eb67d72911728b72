import pytest

from mgdist.data.sources.examples import NAMED, Columns, Examples, Row, Unreadable, columns_of_job, gather
from mgdist.errors import DataError
from mgdist.job.task import ClassifySpec, RegressSpec
from mgdist.job.text import TextSpec
from tests.data.rows import files

LABEL = ClassifySpec(kind="classify", label="label")
COLUMNS = Columns({"input": TextSpec(kind="text", columns=("title", "text"))}, {"answer": LABEL})


def one(*values: object) -> Examples:
    return gather([Row("rows:1", values)], COLUMNS, skip=False)


def test_text_columns_are_joined_by_a_blank_line() -> None:
    assert one("A title", "A text.\n\nMore.", "x").raws["input"] == ["A title\n\nA text.\n\nMore."]


@pytest.mark.parametrize("nothing", [None, "", "  \n", float("nan")])
def test_a_column_without_text_is_left_out_while_another_has_some(nothing: object) -> None:
    assert one(nothing, "A text.", "x").raws["input"] == ["A text."]


@pytest.mark.parametrize(("label", "name"), [("sea", "sea"), (3, "3"), (-1, "-1"), (True, "true")])
def test_labels_are_text_or_whole_numbers(label: object, name: str) -> None:
    assert one("a", "b", label).targets["answer"] == [name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((None, float("nan"), "x"), "title and text: empty"),
        (("", " \n ", "x"), "title and text: empty"),
        (("a", 5, "x"), "text: expected text; got int 5"),
        (("a", b"raw", "x"), "text: expected text; got bytes b'raw'"),
        (("a", ["b"], "x"), "text: expected text; got list ['b']"),
        (("a", "b\udce9", "x"), "text: character 2 is not UTF-8; save the file as UTF-8"),
        (("a", "b", None), "label: empty"),
        (("a", "b", " "), "label: empty"),
        (("a", "b", float("nan")), "label: empty (NaN)"),
        (("a", "b", 1.0), "label: expected text or a whole number; got float 1.0"),
        (("a", "b", {"id": 1}), "label: expected text or a whole number; got dict {'id': 1}"),
        (("a", "b", "x\udcff"), "label: character 2 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_bad_record_ends_the_job_or_is_left_out_and_named(values: tuple[object, ...], said: str) -> None:
    with pytest.raises(DataError) as caught:
        one(*values)
    assert str(caught.value) == f"rows:1: {said}; mend the record, or set data.on_bad_record: skip"
    kept = gather([Row("rows:1", values), Row("rows:2", ("a", "b", "x"))], COLUMNS, skip=True)
    assert (len(kept), kept.left_out, kept.skipped) == (1, 1, (f"rows:1: {said}",))


def test_all_records_left_out_are_counted_and_the_first_are_named() -> None:
    rows = [Unreadable(f"rows:{number}", "not JSON") for number in range(NAMED + 5)]
    kept = gather(rows, COLUMNS, skip=True)
    assert (kept.left_out, len(kept.skipped)) == (NAMED + 5, NAMED)


def test_a_column_that_the_data_lacks_is_said_with_those_it_has() -> None:
    with pytest.raises(DataError) as caught:
        COLUMNS.pick(["titel", "text", "label"], "train.csv")
    assert str(caught.value) == (
        "data.input.columns: train.csv has no column 'title'; did you mean titel? it has titel, text, label"
    )
    with pytest.raises(DataError, match=r"^task\.label: train\.csv has no column 'label'; it has title, text$"):
        COLUMNS.pick(["title", "text"], "train.csv")


SEVERAL = Columns(
    {name: TextSpec(kind="text", columns=(name,)) for name in ("title", "body")},
    {"topic": LABEL, "price": RegressSpec(kind="regress", targets=("low", "high"))},
)


def test_of_several_inputs_and_heads_each_gets_its_own_columns() -> None:
    assert SEVERAL.all == ("title", "body", "label", "low", "high")
    found = gather([Row("rows:1", ("a", "b", "x", 1, "2.5"))], SEVERAL, skip=False)
    assert found.raws == {"title": ["a"], "body": ["b"]}
    assert found.targets == {"topic": ["x"], "price": [(1.0, 2.5)]}
    assert SEVERAL.labels == {"label"}


@pytest.mark.parametrize(
    ("there", "field"),
    [
        (["body", "label", "low", "high"], "data.inputs.title.columns"),
        (["title", "body", "low", "high"], "task.heads.topic.label"),
        (["title", "body", "label", "low"], "task.heads.price.targets"),
    ],
)
def test_of_several_inputs_and_heads_the_one_whose_column_is_missing_is_named(there: list[str], field: str) -> None:
    with pytest.raises(DataError) as caught:
        SEVERAL.pick(there, "train.csv")
    assert str(caught.value).startswith(f"{field}: train.csv has no column ")


def test_one_column_may_be_read_and_learned_from_at_once() -> None:
    columns = Columns({"input": TextSpec(kind="text", columns=("label",))}, {"answer": LABEL})
    found = gather([Row("rows:1", ("x", "x"))], columns, skip=False)
    assert (found.raws, found.targets) == ({"input": ["x"]}, {"answer": ["x"]})


def test_the_columns_of_a_job_are_those_of_its_inputs_and_heads() -> None:
    assert columns_of_job(files("t.csv")).fields == (("data.input.columns", "text"), ("task.label", "label"))


def test_taken_examples_keep_what_belongs_together() -> None:
    rows = [Row(f"rows:{n}", (f"t{n}", f"b{n}", "x", n, n)) for n in range(4)]
    found = gather(rows, SEVERAL, skip=False).take([2, 0])
    assert found.raws == {"title": ["t2", "t0"], "body": ["b2", "b0"]}
    assert found.targets["price"] == [(2.0, 2.0), (0.0, 0.0)]
    assert len(found) == 2


def test_groups_are_read_of_the_training_rows_and_not_of_a_split_that_stays_as_it_is() -> None:
    columns = columns_of_job(files("t.csv", data__split={"by": "site"}))
    assert columns.fields[-1] == ("data.split.by", "site")
    found = gather([Row("rows:1", ("a", "x", 7)), Row("rows:2", ("b", "x", "north"))], columns, skip=False)
    assert (found.groups, found.take([1]).groups) == (["7", "north"], ["north"])
    with pytest.raises(DataError, match=r"^rows:1: site: empty; mend the record"):
        gather([Row("rows:1", ("a", "x", None))], columns, skip=False)
    with pytest.raises(DataError, match=r"^data\.split\.by: t\.csv has no column 'site'; it has text, label$"):
        columns.pick(["text", "label"], "t.csv")
    assert columns.of_split("test").all == ("text", "label")
    assert gather([Row("rows:1", ("a", "x"))], columns.of_split("test"), skip=False).groups is None
