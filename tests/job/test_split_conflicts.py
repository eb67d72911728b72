"""What the split of a job asks for and cannot have."""

from typing import Any

import pytest

from mgdist.errors import JobError
from mgdist.job.folds import at_fold, require_folds
from mgdist.job.point import checked
from tests.data.rows import files


def said(split: dict[str, Any], **source: str) -> list[str]:
    """Return what is wrong with a job that has this split."""
    document = {
        "name": "small",
        "task": {"kind": "classify", "label": "label"},
        "data": {"source": {"kind": "files", "train": "t.csv", **source}, "input": {"kind": "text"}, "split": split},
        "granularities": {"word": {"length": 6, "encoder": {"kind": "bag"}}},
    }
    _, mistakes = checked(document)
    return [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


@pytest.mark.parametrize(
    "split",
    [
        {"by": "site"},
        {"by": "site", "valid_by": "row"},
        {"folds": 5, "fold": 4},
        {"by": "site", "folds": 5},
        {"by": "site", "folds": "each", "fold": 40},
    ],
)
def test_a_split_by_rows_groups_or_folds_contradicts_nothing(split: dict[str, Any]) -> None:
    assert said(split) == []


@pytest.mark.parametrize(
    ("split", "line"),
    [
        ({"valid_by": "row"}, "data.split.valid_by: rows are drawn one by one already; leave it out, or give by"),
        ({"fold": 1}, "data.split.fold: needs data.split.folds; give it, or leave fold out"),
        (
            {"valid": 0.5, "test": 0.5},
            "data.split: valid and test leave no rows to train on; make their sum less than 1",
        ),
        ({"folds": "each"}, "data.split.by: expected a column of groups, since folds: each is one for each group"),
        ({"folds": 5, "fold": 5}, "data.split.fold: expected at most 4, the last of the folds; got 5"),
        ({"folds": 5, "test": 0.2}, "data.split.test: the test is one of the folds; leave it out"),
        (
            {"folds": 2, "valid": 0.5},
            "data.split.valid: valid and one of 2 folds leave no rows to train on; make it less",
        ),
        ({"folds": 1}, "data.split.folds: expected a number from 2 to 1000, or each; got 1"),
        ({"folds": "all"}, "data.split.folds: expected a number from 2 to 1000, or each; got 'all'"),
    ],
)
def test_a_split_that_contradicts_itself_is_said(split: dict[str, Any], line: str) -> None:
    assert line in said(split)


@pytest.mark.parametrize("own", ["valid", "test"])
def test_folds_are_refused_of_a_source_with_splits_of_its_own(own: str) -> None:
    assert said({"folds": 5}, **{own: "v.csv"}) == [
        f"data.source.{own}: folds are cut from all rows; leave it out, and let data.source.train name all of them, "
        "such as a glob"
    ]


def test_a_forecast_is_held_out_by_time_only() -> None:
    document = {
        "name": "small",
        "task": {"kind": "forecast", "horizon": 2},
        "data": {
            "source": {"kind": "files", "train": "t.csv"},
            "input": {"kind": "series", "columns": ["x"], "layout": "long", "length": 8},
            "split": {"folds": 3},
        },
        "granularities": {"window": {"length": 8, "scale": 1, "encoder": {"kind": "mlp"}}},
    }
    _, mistakes = checked(document)
    assert "windows of one long series are held out by time; leave out by and folds" in [m.message for m in mistakes]


def test_a_fold_is_the_job_at_a_point_with_a_folder_of_its_own() -> None:
    job = files("t.csv", data__split={"folds": 3})
    second = at_fold(job, 1)
    assert (second.data.split.fold, second.name, second.run.folder) == (1, "fold_1", "runs/small/folds")
    assert second.granularities == job.granularities
    with pytest.raises(JobError, match=r"^at point .*: data\.split\.fold: expected at most 2"):
        at_fold(job, 3)


def test_a_job_without_folds_cannot_be_evaluated() -> None:
    with pytest.raises(JobError) as caught:
        require_folds(files("t.csv"))
    assert str(caught.value) == (
        "data.split.folds: expected a number of folds, or each for one a group of data.split.by; got none; give it to "
        "evaluate, or submit the job as it is"
    )
