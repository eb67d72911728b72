"""Phases, and the epochs that they come to."""

import pytest

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.phases import Phase
from mgdist.job.spec import Job
from mgdist.train.events import Epoch
from mgdist.train.phases import next_lesson, phases
from tests.train.corpus import moved


def test_a_joint_training_is_one_phase(small: tuple[Job, Dataset]) -> None:
    job, _ = small
    assert phases(job, 320) == (Phase("joint", epochs=3, steps=10, lr=0.01, levels=("word", "sentence")),)


def test_rows_that_do_not_fill_a_batch_are_left_out(small: tuple[Job, Dataset]) -> None:
    job, _ = small
    assert phases(job, 351)[0].steps == 10


def test_too_few_rows_for_a_batch_are_told(small: tuple[Job, Dataset]) -> None:
    job = moved(small[0], train__batch_size=512)
    with pytest.raises(TrainError) as error:
        phases(job, 320)
    assert str(error.value) == (
        "train.batch_size: expected at most the 320 rows of the training split; got 512; "
        "make it smaller, or give more rows"
    )


def test_lessons_count_epochs_over_phases_and_steps_within_them() -> None:
    plan = [Phase("words", 2, 0.1, ("word",), steps=5), Phase("joint", 1, 0.2, ("word",), steps=7)]
    history: list[Epoch] = []
    found = []
    while lesson := next_lesson(plan, history, stale=False):
        found.append((lesson.phase.name, lesson.epoch, lesson.learnt, lesson.done, lesson.epochs))
        done = lesson.done + lesson.phase.steps
        history.append(Epoch(lesson.phase.name, lesson.epoch + 1, 3, done, 0.0, {}, 0.0, 0.0, True, 0.0, 0.0, ()))
    assert found == [("words", 0, 0, 0, 3), ("words", 1, 5, 5, 3), ("joint", 2, 0, 10, 3)]
