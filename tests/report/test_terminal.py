import io
import json
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from mgdist.job.train import TrainSpec
from mgdist.report import terminal
from mgdist.report.follow import Event
from mgdist.report.terminal import Lines, watching
from tests.report import events


def told(folder: Path, *said: Event) -> None:
    (folder / "train").mkdir(exist_ok=True)
    for event in said:
        name = "train/metrics.jsonl" if event["event"] in ("step", "epoch") else "events.jsonl"
        with (folder / name).open("a") as file:
            file.write(json.dumps(event) + "\n")


def test_lines_hold_no_control_characters_and_do_not_wrap(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=40)
    with watching(tmp_path, console, TrainSpec()):
        told(tmp_path, *events.compressing(), {"event": "note", "text": "[bold]é\x1b[31m\r\x00"})
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "trial 3/6 failed" in text
    assert any(line.endswith("[bold]é[31m") for line in text.splitlines())
    assert all(re.match(r" {4}\d\.\d s  \w|.*\[bold\]", line) for line in text.splitlines())


def test_what_an_earlier_attempt_told_is_not_told_again(tmp_path: Path) -> None:
    told(tmp_path, events.stage("train", "started"), events.epoch(1, best=True))
    console = Console(file=io.StringIO(), width=120)
    with watching(tmp_path, console, TrainSpec()):
        told(tmp_path, events.epoch(2, best=True))
    assert "epoch 2/5" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "epoch 1/5" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_of_many_steps_few_become_lines() -> None:
    console = Console(file=io.StringIO(), width=120)
    lines = Lines(console)
    for _ in range(1000):
        lines.take(events.STEP)
    assert console.file.getvalue().count("\n") == 1  # type: ignore[attr-defined]


def test_events_are_shown_while_the_work_goes_on(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    with watching(tmp_path, console, TrainSpec()):
        told(tmp_path, events.stage("data", "started"))
        time.sleep(2 * terminal.EVERY)
        assert "data ..." in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("mark", [True, False])
def test_the_view_lets_an_error_through(tmp_path: Path, mark: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=mark, width=80)
    told(tmp_path, events.stage("data", "started"))
    with pytest.raises(KeyError), watching(tmp_path, console, TrainSpec()):
        raise KeyError


@pytest.mark.parametrize(
    ("environment", "encoding", "moves"),
    [({"TERM": "xterm"}, "utf-8", True), ({"TERM": "dumb"}, "utf-8", False), ({"TERM": "xterm"}, "ascii", False)],
)
def test_a_picture_moves_only_where_it_can_be_drawn(
    tmp_path: Path, environment: dict[str, str], encoding: str, moves: bool
) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with watching(tmp_path, Console(file=file, force_terminal=True, width=80, _environ=environment), TrainSpec()):
        told(tmp_path, events.stage("data", "started"))
    file.flush()
    said = file.buffer.getvalue()  # type: ignore[attr-defined]
    assert b"data" in said
    assert (b"\x1b[2K" in said) == moves
