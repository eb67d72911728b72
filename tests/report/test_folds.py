import io
import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mgdist.evaluate.scores import quality
from mgdist.report.folds import CrossValidation, report, rows, show, write_folds
from tests.data.rows import files
from tests.report.summaries import heads, several, summary

SHIPPED = (0.9, 0.8, 0.7)


@pytest.fixture
def validated(tmp_path: Path) -> CrossValidation:
    job = files("train.csv", data__split={"by": "speaker", "folds": "each"}, run={"folder": str(tmp_path)})
    folder = tmp_path / "small" / "folds"
    folder.mkdir(parents=True)
    found = []
    for place, accuracy in enumerate(SHIPPED):
        fold = files("train.csv", data__split={"by": "speaker", "folds": "each", "fold": place})
        names, run = ("ann", "bob", "cem"), folder / f"fold_{place}" / "T"
        found.append(replace(summary(run, job=fold, folds=names), shipped=heads(accuracy)))
    return CrossValidation(job, tuple(found))


def test_a_fold_is_a_row_and_the_last_one_is_mean_and_deviation(validated: CrossValidation) -> None:
    *folds, last = rows(validated)
    shipped = [quality(heads(accuracy)) for accuracy in SHIPPED]
    assert [row[0] for row in folds] == ["ann", "bob", "cem"]
    assert folds[1][:4] == ["bob", "1,000", "100", "120"]
    assert [row[6] for row in folds] == [f"{value:.4f}" for value in shipped]
    assert last[6] == f"{statistics.fmean(shipped):.4f} +- {statistics.stdev(shipped):.4f}"
    assert last[7] == "0.90"


def test_what_is_printed_has_the_table_and_says_that_folds_do_not_ship(validated: CrossValidation) -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    show(validated, console)
    text = console.export_text()
    for row in rows(validated):
        assert all(cell in text for cell in row)
    assert "accuracy on the fold's test rows, whole groups of speaker." in text
    assert "evidence of how good such a job is, not for shipping" in text
    assert str(validated.report) in text


def test_the_report_tells_all_metrics_and_where_the_runs_are(validated: CrossValidation) -> None:
    text = report(validated)
    assert text.startswith("# small: 3 folds\n")
    assert "| auc | " in text
    assert r"| cem | fold\_2/T |" in text


def test_a_head_without_a_baseline_leaves_its_cell_empty(validated: CrossValidation) -> None:
    folds = tuple(replace(fold, **several()) for fold in validated.folds)
    *_, last = rows(replace(validated, folds=folds))
    assert last[4] == ""
    assert "mean over the heads of quality" in replace(validated, folds=folds).meaning


def test_numbers_are_written_for_programs_too(validated: CrossValidation) -> None:
    write_folds(validated)
    told = json.loads((validated.folder / "folds.json").read_text())
    assert [fold["fold"] for fold in told["folds"]] == ["ann", "bob", "cem"]
    assert told["folds"][0]["run"] == "fold_0/T"
    shipped = [fold["shipped"]["accuracy"] for fold in told["folds"]]
    assert shipped == [quality(heads(accuracy)) for accuracy in SHIPPED]
    assert told["shipped"]["accuracy"] == {"mean": statistics.fmean(shipped), "deviation": statistics.stdev(shipped)}
