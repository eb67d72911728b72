"""What a record's values become, by the kind of head; what is wrong with them is said."""

from typing import Any

import pytest

from mgdist.data.sources.parse import BadRecordError, Target, raw_of, target_of
from mgdist.job.task import ClassifySpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec
from mgdist.job.text import TextSpec

CLASSIFY = ClassifySpec(kind="classify", label="label")
ORDINAL = OrdinalSpec(kind="ordinal", label="stars")
LABELS = MultiLabelSpec(kind="multi_label", label="topics")
NUMBERS = RegressSpec(kind="regress", targets=("low", "high"))
UNKNOWN = OrdinalSpec(kind="ordinal", label="stars", order=("a", "b", "c"))


@pytest.mark.parametrize(
    ("head", "values", "target"),
    [
        (CLASSIFY, ["sea"], "sea"),
        (CLASSIFY, [True], "true"),
        (ORDINAL, [3], "3"),
        (ORDINAL, ["low"], "low"),
        (UNKNOWN, ["d"], "d"),
        (LABELS, [None], ()),
        (LABELS, [""], ()),
        (LABELS, [[]], ()),
        (LABELS, ["wheat"], ("wheat",)),
        (LABELS, [" wheat, corn ,,"], ("wheat", "corn")),
        (LABELS, [["wheat", "corn", "wheat"]], ("wheat", "corn")),
        (LABELS, ["wheat, corn, wheat"], ("wheat", "corn")),
        (LABELS, [(1, 2)], ("1", "2")),
        (LABELS, [["one, with a comma"]], ("one, with a comma",)),
        (NUMBERS, [1, 2.5], (1.0, 2.5)),
        (NUMBERS, ["1e3", " -2 "], (1000.0, -2.0)),
    ],
)
def test_a_target_is_what_its_head_learns(head: Head, values: list[Any], target: Target) -> None:
    assert target_of(values, head) == target


@pytest.mark.parametrize(
    ("head", "values", "said"),
    [
        (CLASSIFY, [None], "label: empty"),
        (CLASSIFY, [1.5], "label: expected text or a whole number; got float 1.5"),
        (CLASSIFY, ["a\nb"], r"label: expected one line; got 'a\nb'"),
        (ORDINAL, [" "], "stars: empty"),
        (ORDINAL, [float("nan")], "stars: empty (NaN)"),
        (ORDINAL, [[4]], "stars: expected text or a whole number; got list [4]"),
        (LABELS, [7], "topics: expected a list of labels; got int 7"),
        (LABELS, [{"a": 1}], "topics: expected a list of labels; got dict {'a': 1}"),
        (LABELS, [["wheat", None]], "topics: empty"),
        (LABELS, [["wheat", 0.5]], "topics: expected text or a whole number; got float 0.5"),
        (LABELS, ["whe\udce9t"], "topics: character 4 is not UTF-8; save the file as UTF-8"),
        (NUMBERS, [1, "two"], "high: expected a number; got 'two'"),
        (NUMBERS, ["", 2], "low: expected a number; got ''"),
        (NUMBERS, [None, 2], "low: expected a number; got NoneType None"),
        (NUMBERS, [True, 2], "low: expected a number; got bool True"),
        (NUMBERS, [1, float("inf")], "high: expected a number; got float inf"),
        (NUMBERS, [1, "nan"], "high: expected a number; got float nan"),
        (NUMBERS, [[1], 2], "low: expected a number; got list [1]"),
    ],
)
def test_a_wrong_target_is_said_with_its_column(head: Head, values: list[Any], said: str) -> None:
    with pytest.raises(BadRecordError) as caught:
        target_of(values, head)
    assert str(caught.value) == said


def test_a_text_is_what_its_columns_hold() -> None:
    spec = TextSpec(kind="text", columns=("title", "body"))
    assert raw_of(["A title", "A body."], spec) == "A title\n\nA body."
    with pytest.raises(BadRecordError, match=r"^title and body: empty$"):
        raw_of([None, "\n"], spec)
    with pytest.raises(BadRecordError, match=r"^body: expected text; got int 3$"):
        raw_of(["a", 3], spec)
