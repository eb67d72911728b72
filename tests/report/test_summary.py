import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from mgdist.evaluate.combine import WAYS, Way
from mgdist.evaluate.scores import Heads
from mgdist.job.device import DeviceSpec
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.report.markdown import report
from mgdist.report.summary import Summary, commands, rows, show
from mgdist.search.ensemble import Ensemble, Member
from mgdist.search.results import Refused, Searched, Trial
from mgdist.search.teacher import Taught
from tests.data.rows import files
from tests.report.summaries import heads, scores, summary
from tests.train.corpus import moved

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


def test_what_a_search_on_what_ships_has_saved_is_told() -> None:
    spec = {"objective": "deployed", "space": {"model.width": {"choice": [8, 512]}}}
    job = at_point(files("train.csv"), {"search": spec})
    trials = (Trial(1, {"model.width": 8}, "done", 0.9, 2, 20.0), Trial(2, {"model.width": 8}, "stopped", None, 1, 5.0))
    refused = tuple(Refused(number, {"model.width": 512}, "too large", 4.0 / number) for number in (1, 2))
    text = "\n".join(shown(summary(FOLDER, job=job, searched=Searched(trials, refused, 6.0))))
    assert (
        "Search by what would ship: points trained 2, refused before training 2, since their untrained "
        "networks break the device's limits. At 20.0 s a trial that saved about 40 s; to look at all points before "
        "took 6 s.\n" in text
    )
    assert "Search by what would ship" not in "\n".join(shown(summary(FOLDER, searched=Searched(trials))))


def together(job: Job, combine: Way = "mean") -> Summary:
    """Return a summary with an ensemble of two trials, all ways of which are as good as they are called."""
    point = {"train.lr": 0.0123, "granularities.word.encoder": {"kind": "conv", "kernels": [3, 5]}}
    members = tuple(Member(number, point, "0", heads(0.8), heads(0.7)) for number in (7, 12))
    combined: dict[Way, tuple[Heads, Heads]] = {way: (heads(0.95), heads(0.94)) for way in WAYS}
    made = Ensemble(FOLDER, members, combine, combined, {"answer": (0.75, 0.25)})
    return summary(FOLDER, job=job, ensemble=made, point={})


def test_members_and_all_ways_to_combine_them_stand_above_the_network_and_do_not_ship() -> None:
    plain = summary(FOLDER).job
    lines = table(shown(together(plain)))
    first = [line.split()[0] for line in lines[1:]]
    assert first[:8] == ["simple", "trial", "trial", "mean", "weighted", "vote", "stack", "trained"]
    assert max(map(len, lines)) <= 80
    assert lines[4].split()[:3] == ["mean", "of", "2"]
    text = "\n".join(shown(together(plain)))
    assert "Ensemble of trials 7, 12: it does not ship." in text
    assert "learned from" not in text.replace("learned from the others", "")


def test_the_report_tells_the_points_the_weights_and_the_scores_of_an_ensemble() -> None:
    told = report(together(summary(FOLDER).job))
    assert "## Ensemble" in told
    assert "| member | point | weight at answer |" in told
    assert "| 0.75 |" in told
    for row in ("trial 7", "trial 12", "mean of 2", "weighted of 2", "vote of 2", "stack of 2"):
        assert told.count(f"| {row} |") == 2 + row.startswith("trial"), row


def test_the_teacher_is_named_and_measured() -> None:
    plain = summary(FOLDER).job
    run = Taught(FOLDER, "runs/large", 1_234_567, heads(0.96), heads(0.95))
    student = moved(plain, train__distil={"teacher": "runs/large", "temperature": 3.0, "weight": 0.5})
    lines = shown(summary(FOLDER, job=student, taught=run))
    assert [line.split()[0] for line in table(lines)[1:4]] == ["simple", "teacher", "trained"]
    assert "Learned from runs/large (1,234,567 parameters): weight 0.5, temperature 3." in lines
    search = {"trials": 2, "ensemble": {"winners": 2}, "space": {"train.lr": {"uniform": [0.1, 0.2]}}}
    student = moved(plain, search=search, train__distil={"teacher": "ensemble"}, train__batch_size=2)
    assert (
        "The network, the job as it is written, learned from the vote of the ensemble: weight 0.7, temperature 2."
        in shown(together(student, "vote"))
    )
