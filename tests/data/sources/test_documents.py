import pytest

from mgdist.data.sources.documents import NAMED, Columns, Documents, Row, Unreadable, gather
from mgdist.errors import DataError

COLUMNS = Columns(("title", "text"), "label")


def one(*values: object) -> Documents:
    return gather([Row("rows:1", values)], COLUMNS, skip=False)


def test_text_columns_are_joined_by_a_blank_line() -> None:
    assert one("A title", "A text.\n\nMore.", "x").texts == ["A title\n\nA text.\n\nMore."]


@pytest.mark.parametrize("nothing", [None, "", "  \n", float("nan")])
def test_a_column_without_text_is_left_out_while_another_has_some(nothing: object) -> None:
    assert one(nothing, "A text.", "x").texts == ["A text."]


@pytest.mark.parametrize(("label", "name"), [("sea", "sea"), (3, "3"), (-1, "-1"), (True, "true")])
def test_labels_are_text_or_whole_numbers(label: object, name: str) -> None:
    assert one("a", "b", label).labels == [name]


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
