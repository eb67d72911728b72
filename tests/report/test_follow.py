import json
from pathlib import Path

import pytest

from mgdist.report.follow import Event, Follower
from mgdist.storage import Storage

STARTED = {"event": "stage", "stage": "train", "state": "started"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for stage in ("search", "train"):
        (tmp_path / stage).mkdir()
    return tmp_path


def tell(path: Path, *events: Event) -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(event) + "\n" for event in events))


def of_train(event: Event) -> Event:
    """The event as it is told: what a stage tells says which stage that is."""
    return {**event, "stage": "train"}


def news(follower: Follower) -> list[Event]:
    return list(follower.news())


def test_each_event_is_told_once(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    tell(run / "events.jsonl", STARTED)
    assert news(follower) == [STARTED]
    assert news(follower) == []


def test_what_was_there_can_be_passed_over(run: Path) -> None:
    tell(run / "events.jsonl", STARTED)
    tell(run / "train" / "metrics.jsonl", {"event": "epoch", "epoch": 1})
    follower = Follower(Storage.at(str(run)))
    follower.skip()
    tell(run / "train" / "metrics.jsonl", {"event": "epoch", "epoch": 2})
    assert news(follower) == [of_train({"event": "epoch", "epoch": 2})]


def test_a_half_written_line_waits_for_its_other_half(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    with (run / "events.jsonl").open("ab", buffering=0) as file:
        file.write('{"event": "note", "text": "Grö'.encode()[:-1])
        assert news(follower) == []
        file.write('ö"}'.encode()[1:])
        assert news(follower) == []
        file.write(b"\n")
        assert news(follower) == [{"event": "note", "text": "Grö"}]


def test_a_file_that_shrinks_is_read_from_its_beginning(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    tell(run / "events.jsonl", STARTED)
    tell(run / "train" / "metrics.jsonl", *({"event": "epoch", "epoch": number} for number in range(5)))
    assert len(news(follower)) == 6
    (run / "train" / "metrics.jsonl").write_text('{"event": "epoch", "epoch": 9}\n')
    assert news(follower) == [of_train({"event": "epoch", "epoch": 9})]


def test_a_folder_that_appears_later_is_read(tmp_path: Path) -> None:
    follower = Follower(Storage.at(str(tmp_path / "run")))
    assert news(follower) == []
    (tmp_path / "run" / "train").mkdir(parents=True)
    tell(tmp_path / "run" / "events.jsonl", STARTED)
    assert news(follower) == [STARTED]
    tell(tmp_path / "run" / "train" / "metrics.jsonl", {"event": "step"})
    assert news(follower) == [of_train({"event": "step"})]


def test_a_folder_that_is_cleared_is_no_error(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    tell(run / "events.jsonl", STARTED)
    tell(run / "train" / "metrics.jsonl", {"event": "step"})
    assert len(news(follower)) == 2
    (run / "train" / "metrics.jsonl").unlink()
    assert news(follower) == []
    tell(run / "train" / "metrics.jsonl", {"event": "step"})
    assert news(follower) == [of_train({"event": "step"})]


def test_a_stage_that_is_kept_does_not_tell_again_what_it_told_long_ago(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    tell(run / "search" / "metrics.jsonl", {"event": "trial", "trial": 1})
    assert news(follower) == []
    tell(run / "events.jsonl", {"event": "stage", "stage": "search", "state": "kept"}, STARTED)
    assert [event["state"] for event in news(follower)] == ["kept", "started"]


def test_the_last_events_of_a_stage_are_told_though_it_is_done(run: Path) -> None:
    follower = Follower(Storage.at(str(run)))
    tell(run / "events.jsonl", STARTED, {**STARTED, "state": "done"})
    tell(run / "train" / "metrics.jsonl", {"event": "epoch", "epoch": 1})
    told = of_train({"event": "epoch", "epoch": 1})
    assert news(follower) == [STARTED, told, {**STARTED, "state": "done"}]
    tell(run / "train" / "metrics.jsonl", {"event": "epoch", "epoch": 2})
    assert news(follower) == [of_train({"event": "epoch", "epoch": 2})]


def test_lines_that_are_no_events_are_passed_over(run: Path) -> None:
    (run / "events.jsonl").write_text('{"event": "st{"event": "note"}\n\n[]\n{"other": 1}\n7\n{"event": "note"}\n')
    assert news(Follower(Storage.at(str(run)))) == [{"event": "note"}]
