"""Phases, and the epochs that they come to."""

import pytest

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.spec import Job
from mgdist.train.phases import Phase, lessons, phases
from tests.train.corpus import moved


def test_a_joint_training_is_one_phase(small: tuple[Job, Dataset]) -> None:
    job, _ = small
    assert phases(job, 320) == (Phase("joint", epochs=3, steps=10, lr=0.01),)


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
    plan = lessons([Phase("words", 2, 5, 0.1), Phase("joint", 1, 7, 0.2)])
    assert [(lesson.phase.name, lesson.epoch, lesson.learnt, lesson.done) for lesson in plan] == [
        ("words", 0, 0, 0),
        ("words", 1, 5, 5),
        ("joint", 2, 0, 10),
    ]
    assert {lesson.epochs for lesson in plan} == {3}
