import io
from typing import Any

from rich.console import Console

from mgdist.job.plan import plan
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.report.plan import show
from tests.data.rows import files

LEVELS = {
    "word": {
        "length": 6,
        "encoder": {"kind": "conv", "layers": 2, "kernel": 3, "residual": True},
        "pool": ["mean", "max"],
        "skip": True,
    },
    "sentence": {"length": 6, "encoder": {"kind": "gru"}, "pool": "attention"},
}


def small() -> Job:
    return files("train.csv", granularities=LEVELS, model__width=8, device__unit_counts=[1, 2])


def shown(width: int = 120, **point: Any) -> list[str]:
    job = small()
    console = Console(file=io.StringIO(), width=width)
    show(plan(at_point(job, {path.replace("__", "."): value for path, value in point.items()})), console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_each_granularity_is_told_with_shapes_encoder_and_signatures() -> None:
    lines = shown()
    assert lines[0] == "small: text, classify by label"
    assert lines[2].split("  ")[0] == "word"
    for part in (
        "(units, 6, 8)",
        "conv layers 2 kernel 3 residual",
        "(units, 24)",
        "word_1 word_2",
    ):
        assert part in lines[2]
    assert lines[3].strip() == "skip + mean + max"
    assert lines[4].endswith("sentence_1")


def test_the_sum_of_the_parameters_is_the_plans() -> None:
    assert f"in all        {plan(small()).parameters:,} parameters at most" in shown()


def test_of_a_table_the_data_tells_how_many_categories_there_are() -> None:
    table = {"data__input": {"kind": "table", "numeric": ["n"], "categorical": ["c"]}, "model__embedding": {}}
    row = {"row": {"length": 9, "encoder": {"kind": "none"}, "pool": ["all"]}}
    lines = shown(**table, granularities=row)
    assert "embedding     6 rows and those of the data's categories x 16, 96 parameters" in lines
    assert any(line.startswith("in all ") and line.endswith("those of the data's categories") for line in lines)


def test_what_the_device_allows_is_told_in_its_units() -> None:
    assert "device        no limits; accuracy may drop by 0.01" in shown(compress__max_accuracy_drop=0.01)
    lines = shown(device__max_size="2 MB", device__max_latency="20 ms", device__max_memory="120 MB")
    assert any("size at most 2.00 MB, latency at most 20 ms, memory at most 120 MB" in line for line in lines)


def test_a_job_without_a_search_says_so() -> None:
    assert "search        none" in shown()
    space = {"train.lr": {"loguniform": [0.001, 0.01]}}
    lines = shown(search={"trials": 3, "epochs": 2, "space": space})
    assert "search        3 trials of 2 epochs over train.lr" in lines
    lines = shown(search={"objective": "deployed", "trials": 3, "epochs": 2, "time": "2 min", "space": space})
    told = "3 trials of 2 epochs over train.lr in at most 120 s; by what would ship, and none that breaks the device's"
    assert f"search        {told} limits untrained" in lines


def test_the_engine_is_named() -> None:
    assert any("1 worker(s), torch, float32" in line for line in shown())
    lines = shown(train__engine={"kind": "deepspeed", "stage": 1})
    assert any("deepspeed, ZeRO stage 1" in line for line in lines)


def test_no_name_or_number_is_cut_at_80_columns() -> None:
    lines = shown(width=80)
    assert not any("…" in line for line in lines)
    for word in ("granularity", "(units, 6, 8)", "residual", "(units, 24)", "word_1", "word_2", "sentence_1"):
        assert any(word in line for line in lines), word


def test_the_teacher_and_the_ensemble_are_told() -> None:
    assert not any(line.startswith("teacher") for line in shown())
    search = {"trials": 3, "ensemble": {"winners": 2}, "space": {"train.lr": {"loguniform": [0.001, 0.01]}}}
    lines = shown(search=search, train__distil={"teacher": "/runs/large", "weight": 0.5})
    assert "teacher       /runs/large; weight 0.5, temperature 2, in every phase" in lines
    assert "search        3 trials of 5 epochs over train.lr; the 2 best become an ensemble by mean" in lines


def test_how_rows_are_held_out_is_told() -> None:
    assert "split         valid 0.1, test 0.2 of the training rows" in shown(data__split={"test": 0.2})
    grouped = {"by": "site", "valid_by": "row"}
    assert "split         valid 0.1, test 0.1 of the training rows in whole groups of site, valid row by row" in shown(
        data__split=grouped
    )
    source = {"kind": "files", "train": "train.csv", "test": "test.csv"}
    assert "split         valid 0.1 of the training rows; test of the source" in shown(data__source=source)
    source["valid"] = "valid.csv"
    assert "split         valid and test of the source" in shown(data__source=source)
    folds = {"folds": 5, "fold": 2}
    assert "split         fold 2, of 5, is the test; valid 0.1 of all rows" in shown(data__split=folds)
    each = {"by": "site", "folds": "each"}
    assert "split         fold 0, one for each site, is the test; valid 0.1 of all rows" in shown(data__split=each)


def test_an_early_exit_is_told_with_what_it_may_cost() -> None:
    assert not [line for line in shown() if line.startswith("early exit")]
    expected = "early exit    reading stops when sure; accuracy may drop by 0.02 more, with a margin"
    assert expected in shown(compress__exit={"max_accuracy_drop": 0.02})
