import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from mgdist.job.device import DeviceSpec
from mgdist.report.summary import Summary, commands, rows, show
from tests.report.summaries import scores, summary

FOLDER = Path("runs/small/2026-11-22T10-30-05")


def shown(made: Summary, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    show(made, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def table(lines: list[str]) -> list[str]:
    start = next(place for place, line in enumerate(lines) if line.startswith("model "))
    return lines[start : next(place for place, line in enumerate(lines) if line.startswith("valid, test"))]


@pytest.mark.parametrize("width", [80, 120])
def test_no_number_of_the_table_is_cut(width: int) -> None:
    tight = summary(FOLDER).job.model_copy(update={"device": DeviceSpec(max_size="1 kB", max_latency="1 ms")})
    made = summary(FOLDER, job=tight)
    lines = table(shown(made, width))
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    said = " ".join(lines).split()
    for cells in rows(made):
        assert [cell for cell in cells[1:8] if cell and cell not in said] == []


def test_the_table_begins_with_the_baseline_and_the_network_and_marks_what_ships() -> None:
    lines = table(shown(summary(FOLDER)))
    assert [line.split()[0] for line in lines[1:]] == ["simple", "trained", "float32", "int4", "int8_dynamic"]
    assert [line.split()[-1] for line in lines if line.endswith("ships")] == ["ships"]
    assert lines[4].endswith("over: quality")


def test_only_what_ships_has_an_accuracy_on_the_test_split() -> None:
    assert [row[2] != "" for row in rows(summary(FOLDER))] == [True, True, False, False, True]


def test_the_last_lines_are_commands_and_where_to_read_more() -> None:
    assert shown(summary(FOLDER))[-4:] == [
        f'Try it:                 mgdist-edge predict {FOLDER}/small.tflite --text "..."',
        f"Prove it on the device: mgdist-edge selftest {FOLDER}/small.tflite",
        f"See the curves:         tensorboard --logdir {FOLDER}",
        f"Read more:              {FOLDER}/report.md",
    ]


def test_a_command_can_be_pasted_though_its_folder_has_a_blank() -> None:
    folder = Path("my runs")
    assert shlex.split(commands(summary(folder))["Prove it on the device"])[-1] == "my runs/small.tflite"


def test_what_the_search_found_and_what_is_wrong_is_said_in_words() -> None:
    text = "\n".join(shown(summary(FOLDER)))
    assert "The network is below the simple baseline.\n" in text
    assert "Best point of the search: train.lr=0.0123  model.width=48\n" in text
    assert "Seconds: data 1.2, train 40.0\n" in text
    assert f"Ships int8_dynamic: accuracy {scores(0.88).metrics['accuracy']:.4f}, macro f1 " in text
    assert "Best point" not in "\n".join(shown(summary(FOLDER, point={})))
