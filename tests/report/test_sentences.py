import pytest

from mgdist.report.follow import Event
from mgdist.report.sentences import plain, point_line, sentence
from tests.report import events

SAID = [
    (events.stage("data", "started"), "data ..."),
    (events.stage("data", "done", 3.21), "data done in 3.2 s"),
    (events.stage("data", "kept"), "data kept: nothing that it depends on has changed"),
    (events.STEP, "epoch 4  step 123/450  loss 0.4321  23 s left  1,834/s"),
    (
        events.epoch(2, best=True),
        "epoch 2/5  loss 0.2500  valid loss 0.4000  accuracy 0.8200  macro f1 0.7200  best so far",
    ),
    (events.CANDIDATE, "int8_dynamic: quality 0.9123, 0.35 MB, 0.42 ms, 91 MB memory"),
    (
        events.trial(3, "failed", None, "the loss is not finite\nat step 3"),
        "trial 3/6 failed  train.lr=0.00123  model.width=48  model.dropout=0.123  granularities.word.encoder.kernel=3"
        "  because: the loss is not finite at step 3",
    ),
    (
        events.shipping(3, "done", 0.9, 0.91),
        "trial 3/6 done network 0.9100 after epoch 2, ships int4 0.9000 0.78 MB  train.lr=0.00123  model.width=48  "
        "model.dropout=0.123  granularities.word.encoder.kernel=3",
    ),
    (
        events.shipping(3, "stopped", None, 0.91),
        "trial 3/6 stopped network 0.9100 after epoch 2  train.lr=0.00123  model.width=48  model.dropout=0.123  "
        "granularities.word.encoder.kernel=3",
    ),
    (events.REFUSED, "refused before training  model.width=512  because: too large"),
    ({"event": "note", "text": "one\ntwo\x1b[31m\x07\r"}, "one two[31m"),
]


@pytest.mark.parametrize(("event", "line"), SAID, ids=[f"{event['event']}{i}" for i, (event, _) in enumerate(SAID)])
def test_an_event_is_one_line_without_control_characters(event: Event, line: str) -> None:
    assert sentence(event) == line
    assert line.isprintable()


@pytest.mark.parametrize("event", [{"event": "invented"}, {"event": "stage"}, {"event": "trial", "trial": 1}])
def test_an_event_that_is_not_known_says_nothing(event: Event) -> None:
    assert sentence(event) == ""


def test_letters_of_any_script_are_kept() -> None:
    assert plain("Größe 大きさ\u202e") == "Größe 大きさ"


def test_a_point_is_shown_with_three_digits() -> None:
    assert point_line({"train.lr": 0.123456, "model.width": 48}) == "train.lr=0.123  model.width=48"
