"""What becomes of a training after a failure: goes back, smaller parts, on from the checkpoint, or a clear end."""

from pathlib import Path

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.errors import DivergedError, TrainError
from mgdist.job.spec import Job
from mgdist.train import course as course_module
from mgdist.train.course import TRIES, Course, Failure
from mgdist.train.failures import failure_of
from tests.train.corpus import moved


@pytest.fixture(scope="module")
def job(small: tuple[Job, Dataset]) -> Job:
    return small[0]


def test_each_loss_that_is_no_number_halves_the_rate_and_goes_further_back(job: Job) -> None:
    course, found = Course(), ["c2", "c1"]
    told = []
    for _ in range(3):
        course, said = course.after("diverged", "nan", found, course.of(job))
        told.append(said)
    assert told == [
        "nan; training goes back to checkpoint c2 with 0.5 of the learning rate",
        "nan; training goes back to checkpoint c1 with 0.25 of the learning rate",
        "nan; training goes back to its beginning (no earlier checkpoint is left) with 0.125 of the learning rate",
    ]
    assert course.of(job).train.lr == job.train.lr / 8
    with pytest.raises(TrainError, match=r"nan; with 0\.125 of the rate it was no better after going back 3 times"):
        course.after("diverged", "nan", found, job)


@pytest.mark.parametrize("failure", ["lost", "storage", "memory"])
def test_failures_are_counted_anew_when_training_got_further(job: Job, failure: Failure) -> None:
    course, job = Course(), moved(job, train__batch_size=2**12)
    for number in range(TRIES[failure] + 3):
        course, _ = course.after(failure, "said", [f"c{number:02}"], job)
    for _ in range(TRIES[failure] - 1):
        course, _ = course.after(failure, "said", [f"c{number:02}"], job)
    with pytest.raises(TrainError, match="said"):
        course.after(failure, "said", [f"c{number:02}"], job)


def test_parts_get_smaller_until_there_is_one_example_in_each(job: Job) -> None:
    course, job, parts = Course(), moved(job, train__batch_size=24, train__workers=2), []
    for number in range(3):
        course, _ = course.after("memory", "said", [f"c{number:02}"], course.of(job))
        parts.append(course.of(job).train.accumulate)
    assert parts == [2, 4, 12]
    with pytest.raises(TrainError, match=r"out of memory with one example at a time \(said\); make the model"):
        course.after("memory", "said", ["c04"], course.of(job))


def test_a_course_is_read_as_it_was_written(job: Job, tmp_path: Path) -> None:
    course, _ = Course(engine={"kind": "torch"}).after("diverged", "nan", ["c1"], job)
    course.save(tmp_path)
    assert Course.open(tmp_path) == course


def too_much() -> BaseException:
    try:
        torch.empty(2**60)
    except RuntimeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        ([too_much()], "memory"),
        ([ConnectionError("peer is gone"), MemoryError("no memory")], "memory"),
        ([torch.OutOfMemoryError("CUDA out of memory")], "memory"),
        ([OSError(28, "No space left on device")], "storage"),
        ([ConnectionError("peer is gone")], "lost"),
        ([DivergedError("nan")], "diverged"),
    ],
)
def test_what_is_raised_tells_the_kind(raised: list[BaseException], kind: str) -> None:
    assert failure_of(raised, [])[0] == kind


def test_a_mistake_of_the_job_is_not_tried_again() -> None:
    with pytest.raises(TrainError, match="a mistake"):
        failure_of([TrainError("a mistake")], [])


def refuse(path: Path, content: str) -> None:
    (path.parent / f"refused{len(list(path.parent.glob('refused*')))}").write_text(content)
    raise OSError(28, "full")


def test_storage_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = course_module.write, []

    def write(path: Path, content: str) -> None:
        calls.append(path)
        if len(calls) < 4:
            raise OSError(30, "Read-only file system")
        real(path, content)

    monkeypatch.setattr(course_module, "write", write)
    monkeypatch.setattr(course_module, "WAITS", 0.0)
    Course(slower=0.5).save(tmp_path)
    assert Course.open(tmp_path) == Course(slower=0.5)
    monkeypatch.setattr(course_module, "write", refuse)
    with pytest.raises(OSError, match="full"):
        Course().save(tmp_path)
    assert len(list(tmp_path.glob("refused*"))) == TRIES["storage"] + 1
