from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mgdist.job.point import as_document, checked
from mgdist.job.table import TableSpec
from tests.train.corpus import job


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"numeric": ["a"], "dates": ["a"]},
            "expected each column once in numeric, categorical and dates; got a twice",
        ),
        ({"numeric": []}, "expected at least one column; name some in numeric, categorical or dates"),
        (
            {"numeric": ["a"], "scales": {"b": "quantile"}},
            "scales.b: expected a column of numeric; it is none; leave it out",
        ),
        (
            {"numeric": ["a"], "categorical": ["b"], "exact": ["b"]},
            "exact.b: expected a column of numeric; it is none; leave it out",
        ),
        ({"numeric": ["a"], "groups": {"x": ["a"], "y": ["a"]}}, "expected each column in one group; got a twice"),
        (
            {"numeric": ["a"], "groups": {"x": []}},
            "expected at least one column in each group; got a group without any",
        ),
        (
            {"categorical": ["a"], "groups": {"x": ["b"]}},
            "expected each column in a group; a is in none; put it into one",
        ),
        (
            {"numeric": ["a"], "groups": {"x": ["a", "b"]}},
            "groups: b is not in numeric, categorical or dates; name it there",
        ),
    ],
)
def test_columns_that_contradict_each_other_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TableSpec(kind="table", **asked)
    assert refused.value.errors()[0]["msg"] == f"Value error, {message}"


def test_the_place_of_a_contradiction_is_the_users_own() -> None:
    document = as_document(job(Path("corpus.jsonl")))
    document["data"]["input"] = {"kind": "table", "numeric": ["a"], "exact": ["b"]}
    (mistake,) = checked(document)[1]
    assert (mistake.path, mistake.message) == (
        "data.input",
        "exact.b: expected a column of numeric; it is none; leave it out",
    )
