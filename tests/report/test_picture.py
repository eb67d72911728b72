import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from rich.console import Console

from mgdist.job.train import Metric, TrainSpec
from mgdist.report.follow import Event
from mgdist.report.picture import STAGES, Picture
from tests.report import events

FOLDER = Path("runs/doc_cls/2026-11-22T10-30-05")
WIDTHS = (80, 120)
MOMENTS: tuple[Callable[[], Iterable[Event]], ...] = (events.searching, events.training, events.compressing)


def drawn(told: Iterable[Event], *, width: int = 80, height: int = 24, metric: Metric | None = None) -> list[str]:
    """Return the lines that a terminal shows."""
    console = Console(file=io.StringIO(), force_terminal=True, record=True, width=width, height=height)
    picture = Picture(FOLDER, console, TrainSpec(metric=metric))
    for event in told:
        picture.take(event)
    console.print(picture)
    return [line.rstrip() for line in console.export_text().splitlines()]


def line_with(lines: list[str], word: str) -> str:
    found = [line for line in lines if re.search(rf"\b{word}\b", line)]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_each_stage_has_one_line_with_its_whole_name(moment: Callable[[], Iterable[Event]], width: int) -> None:
    lines = drawn(moment(), width=width)
    assert max(map(len, lines)) <= width
    assert [line.split()[1] for line in lines[1 : 1 + len(STAGES)]] == list(STAGES)


@pytest.mark.parametrize("width", WIDTHS)
def test_marks_tell_what_is_done_what_is_kept_and_what_is_worked_on(width: int) -> None:
    lines = drawn(events.compressing(), width=width)
    assert [line.split()[0] for line in lines[1 : 1 + len(STAGES)]] == ["✓", "✓", "✓", "✓", "✓", "▸", "·"]
    assert lines[3].split() == ["✓", "train", "142.1", "s", "3/5", "epochs"]
    assert lines[5].split() == ["✓", "convert", "kept"]
    assert lines[6].endswith("int8_dynamic: quality 0.9123, 0.35 MB, 0.42 ms")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_training_shows_its_epoch_as_a_bar_with_loss_and_time_left(width: int) -> None:
    train = drawn(events.training(), width=width)[3]
    assert re.search(r"▸ train +0 s epoch 4/5 ━+[╸╺]?━* loss 0\.4321  23 s left  1,834/s$", train)


@pytest.mark.parametrize("width", WIDTHS)
def test_trials_that_run_come_first_and_then_the_best(width: int) -> None:
    lines = drawn(events.searching(), width=width)
    trials = [line.split()[:2] for line in lines if re.match(r" +\d/6 ", line)]
    assert trials == [["4/6", "running"], ["1/6", "done"], ["2/6", "stopped"], ["3/6", "failed"]]
    assert line_with(lines, "failed").endswith("loss is not finite at step 3; lower train.lr")
    assert line_with(lines, "running").endswith("lr=0.00123  width=48  dropout=0.123  kernel=3")


def test_without_a_metric_trials_are_compared_by_their_quality() -> None:
    assert "quality" in drawn([events.trial(1, "done", 0.9)])[1 + len(STAGES) + 1]


@pytest.mark.parametrize("width", WIDTHS)
def test_of_many_metrics_as_many_as_fit_are_shown(width: int) -> None:
    many = {f"metric_{number}": number / 7 for number in range(12)}
    lines = drawn([{**events.epoch(1, best=True), "metrics": many}], width=width)
    assert "metric 3" in lines[-2]
    assert "metric 4" not in lines[-2]


@pytest.mark.parametrize("metric", ["mse", "mae"])
def test_a_small_error_is_the_best(metric: Metric) -> None:
    told = [events.trial(1, "done", 0.9), events.trial(2, "done", 0.2)]
    lines = drawn(told, metric=metric)
    assert [line.split()[0] for line in lines if re.match(r" +\d/6 ", line)] == ["2/6", "1/6"]


def test_a_small_loss_is_the_best() -> None:
    told = [events.trial(1, "done", 0.9), events.trial(2, "done", 0.2), events.trial(3, "done", 0.5)]
    lines = drawn(told, metric="loss")
    assert [line.split()[0] for line in lines if re.match(r" +\d/6 ", line)] == ["2/6", "3/6", "1/6"]
    assert "loss" in lines[1 + len(STAGES) + 1]


@pytest.mark.parametrize("told", [[events.trial(1, "running", None)], [events.trial(1, "failed", None, "no")], []])
def test_a_search_without_any_result_can_be_drawn(told: list[Event]) -> None:
    assert drawn(told)


def test_only_the_last_of_the_best_epochs_is_called_best() -> None:
    assert line_with(drawn(events.training()), "best").split()[0] == "2/5"


def test_a_short_terminal_holds_the_whole_picture() -> None:
    many = [*events.searching(), *(events.trial(number, "done", 0.5) for number in range(5, 40))]
    epochs = [events.epoch(number, best=True) for number in range(1, 40)]
    assert len(drawn([*many, *epochs, events.STEP], height=24)) <= 24


def test_the_moving_view_redraws_itself_in_place_and_ends_below() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=40)
    with Picture(FOLDER, console, TrainSpec()) as picture:
        for event in events.compressing():
            picture.take(event)
            picture.refresh()
    assert "\x1b[1A\x1b[2K" in file.getvalue()
    last = file.getvalue().rpartition("\x1b[2K")[2]
    assert "✗" in last, "a stage that was not finished is marked at the end"
    assert last.count("doc_cls") == 2


def test_a_stage_that_only_some_jobs_have_is_shown_where_it_was_begun() -> None:
    combined = {"event": "ensemble", "name": "mean of 3", "quality": 0.95}
    lines = drawn([events.stage(name, "done", 1.0) for name in ("data", "teach", "search", "train")])
    assert [line.split()[1] for line in lines[1:5]] == ["data", "teach", "search", "train"]
    begun = [events.stage(name, "done", 1.0) for name in ("data", "search", "ensemble", "train")]
    lines = drawn([*begun, combined])
    assert [line.split()[1] for line in lines[1:6]] == ["data", "search", "ensemble", "train", "evaluate"]
    assert lines[3].endswith("mean of 3: quality 0.9500")


def test_trials_of_a_search_on_what_ships_are_compared_by_that() -> None:
    trials = [events.shipping(1, "stopped", None, 0.99), events.shipping(2, "done", 0.8, 0.9)]
    lines = drawn([events.stage("search", "started"), *trials, events.shipping(3, "done", 0.7, 0.95), events.REFUSED])
    assert line_with(lines, "search").endswith("3/6 trials, 1 points refused before training")
    assert "ships" in line_with(lines, "trial")
    rows = [line.split()[:4] for line in lines if re.match(r" +\d/6 ", line)]
    assert rows[:2] == [["2/6", "done", "2", "0.8000"], ["3/6", "done", "2", "0.7000"]]
    assert rows[2][:2] == ["1/6", "stopped"]
