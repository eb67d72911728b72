"""A finished run as a teacher, and those that cannot be one."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.errors import DataError
from mgdist.evaluate.network import restore
from mgdist.evaluate.scores import quality
from mgdist.job.spec import Job
from mgdist.models.network import Network
from mgdist.search.teacher import Taught, open_run, teach, teacher_of
from mgdist.train.prepare import prepare
from tests.search.finished import run_of
from tests.train.corpus import job as small_job
from tests.train.corpus import moved, write_corpus

TEACHES = "expected a run that learned the same from the same training rows; got another: "


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path, Dataset]:
    """Return a finished run: wider, with one granularity only and another vocabulary than its students have."""
    folder = tmp_path_factory.mktemp("teacher")
    write_corpus(folder / "corpus.jsonl", 300)
    rows = (folder / "corpus.jsonl").read_text().splitlines()
    told = [json.dumps({**json.loads(row), "title": json.loads(row)["text"][:20]}) for row in rows]
    (folder / "corpus.jsonl").write_text("\n".join(told) + "\n")
    job = small_job(folder / "corpus.jsonl", run__folder=str(folder / "runs"), model__width=32, train__epochs=5)
    return job, *run_of(job)


def student(teacher: tuple[Job, Path, Dataset], **point: Any) -> Job:
    """Return a job that learns from the run."""
    return moved(teacher[0], model__width=4, train__distil={"teacher": str(teacher[1])}, **point)


def taught(job: Job, folder: Path) -> tuple[Dataset, Taught]:
    data = prepare_data(job, folder / "data")
    run = teacher_of(job)
    assert run is not None
    (folder / "teach").mkdir()
    teach(run, job, data, folder / "teach")
    return Dataset.open(data.folder, folder / "teach"), Taught.open(folder / "teach")


def test_it_answers_for_each_training_row_in_its_place(teacher: tuple[Job, Path, Dataset], tmp_path: Path) -> None:
    data, found = taught(student(teacher), tmp_path)
    network = restore(teacher[0], teacher[2], teacher[1] / "train" / "model.safetensors")
    rows = np.array([5, 0, 17])
    with torch.inference_mode():
        expected = network(batch(teacher[2].train, rows))["answer"].softmax(1)
    np.testing.assert_allclose(data.train.taught["answer"][rows], expected, atol=1e-5)
    assert data.train.taught["answer"].shape == (len(data.train), 3)
    assert quality(found.valid) > 0.8
    assert (found.parameters, found.run) == (123, str(teacher[1]))


def test_it_may_read_the_rows_otherwise(teacher: tuple[Job, Path, Dataset], tmp_path: Path) -> None:
    one = {"word": {"length": 20, "encoder": {"kind": "conv"}, "pool": ["mean", "max"]}}
    reads = {"kind": "text", "columns": ["title", "text"], "min_count": 2}
    job = student(teacher, granularities=one, data__input=reads, train__epochs=15, train__lr=0.03)
    data, _ = taught(job, tmp_path)
    assert data.digest != teacher[2].digest
    assert data.train.targets["answer"].tolist() == teacher[2].train.targets["answer"].tolist()
    assert prepare(job, data).run().best.quality > 0.8


def test_a_run_is_found_by_the_link_to_the_newest(teacher: tuple[Job, Path, Dataset]) -> None:
    job = moved(student(teacher), train__distil={"teacher": str(teacher[1].parent / "latest")})
    found = teacher_of(job)
    assert found is not None
    assert found.sha256 == open_run(teacher[1]).sha256
    assert teacher_of(teacher[0]) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"seed": 14}, "its seed: 13; here: 14"),
        ({"data__limit": 100}, "its training rows: 240; here: 100"),
        ({"data__split": {"valid": 0.2, "test": 0.1}}, "its training rows: 240; here: 210"),
        ({"task": {"kind": "ordinal", "label": "label"}}, "its kind of task: classify; here: ordinal"),
        (
            {"task": {"kind": "several", "heads": {n: {"kind": "classify", "label": "label"} for n in ("a", "b")}}},
            "its heads: answer; here: a, b",
        ),
    ],
)
def test_a_run_that_learned_otherwise_is_refused(
    teacher: tuple[Job, Path, Dataset], tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DataError) as error:
        taught(student(teacher, **changed), tmp_path)
    assert str(error.value) == (
        f"train.distil.teacher: {teacher[1]}: {TEACHES}{expected}; name another run, or make the job like it"
    )


def rewritten(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda rows: [row.replace(old, new) for row in rows]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (rewritten('"soil"', '"rock"'), "the labels of head answer: it lacks 'rock'"),
        (lambda rows: rows[:-30], "its training rows: 240; here: 216"),
        (lambda rows: rows[::-1], "its data.source has other content"),
        (rewritten("the ", "that "), "its data.source has other content"),
    ],
)
def test_other_rows_are_refused(
    teacher: tuple[Job, Path, Dataset],
    tmp_path: Path,
    change: Callable[[list[str]], list[str]],
    expected: str,
) -> None:
    rows = (Path(teacher[0].data.source.train)).read_text().splitlines()  # type: ignore[union-attr]
    (tmp_path / "other.jsonl").write_text("\n".join(change(rows)) + "\n")
    job = student(teacher, data__source={"kind": "files", "train": str(tmp_path / "other.jsonl")})
    with pytest.raises(DataError, match=re.escape(expected)):
        taught(job, tmp_path)


def test_a_teacher_whose_source_has_changed_is_told_of(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus.jsonl", 120)
    job = small_job(tmp_path / "corpus.jsonl", run__folder=str(tmp_path / "runs"), train__epochs=1)
    folder, _ = run_of(job)
    write_corpus(tmp_path / "corpus.jsonl", 120, seed=6)
    with pytest.raises(DataError, match=r"its data\.source has changed since it learned"):
        taught(moved(job, train__distil={"teacher": str(folder)}), tmp_path)
    (tmp_path / "corpus.jsonl").rename(tmp_path / "moved.jsonl")
    here = {"kind": "files", "train": str(tmp_path / "moved.jsonl")}
    (tmp_path / "again").mkdir()
    with pytest.raises(DataError, match=r"its data\.source cannot be read any more: data\.source\.train: "):
        taught(moved(job, data__source=here, train__distil={"teacher": str(folder)}), tmp_path / "again")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        open_run(tmp_path)
    assert str(error.value) == (
        f"train.distil.teacher: {tmp_path}: expected the folder of a run; it holds no job.yaml; name one, such as "
        "runs/NAME/latest"
    )


@pytest.mark.parametrize("stage", ["data", "train"])
def test_a_run_that_is_not_finished_is_refused(stage: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus.jsonl", 60)
    folder, _ = run_of(small_job(tmp_path / "corpus.jsonl", run__folder=str(tmp_path / "runs"), train__epochs=1))
    (folder / stage / "receipt.json").unlink()
    with pytest.raises(DataError) as error:
        open_run(folder)
    assert str(error.value) == (
        f"train.distil.teacher: {folder}: expected a finished run; its stage {stage} is not done; submit its job "
        "again, or name another run"
    )


def test_a_run_of_another_time_whose_job_is_none_any_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("name: x\n")
    with pytest.raises(DataError, match=r"its job cannot be read any more: .*expected a value; it is missing"):
        open_run(tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus.jsonl", 60)
    job = small_job(tmp_path / "corpus.jsonl", run__folder=str(tmp_path / "runs"), train__epochs=1)
    folder, _ = run_of(job)
    weights = folder / "train" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"model\.safetensors: is damaged: not what was written"):
        taught(moved(job, train__distil={"teacher": str(folder)}), tmp_path)


def said(network: Network, data: Dataset) -> dict[str, torch.Tensor]:
    """Return what the levels say of the training rows."""
    with torch.inference_mode():
        spoken = network.eval().spoken(batch(data.train, np.arange(len(data.train))))
        return dict(zip(network.levels, (each.summary for each in spoken), strict=True))


def unexplained(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return what share of some numbers the best line through others leaves unexplained."""
    given = torch.cat([one, torch.ones(len(one), 1)], 1)
    left = other - given @ torch.linalg.lstsq(given, other).solution
    return float(left.square().sum() / (other - other.mean(0)).square().sum())


def test_what_its_levels_say_is_told_and_learned_through_projections(
    teacher: tuple[Job, Path, Dataset], tmp_path: Path
) -> None:
    asked = {"teacher": str(teacher[1]), "states": 3.0}
    job = moved(student(teacher), train__distil=asked, train__epochs=12)
    data, _ = taught(job, tmp_path)
    network = restore(teacher[0], teacher[2], teacher[1] / "train" / "model.safetensors")
    theirs = said(network, teacher[2])
    assert set(data.train.states) == set(theirs) == {"word", "sentence"}
    for level, values in theirs.items():
        torch.testing.assert_close(torch.from_numpy(np.array(data.train.states[level])), values, atol=1e-5, rtol=1e-5)
    training = prepare(job, data)
    assert {name: each.weight.shape for name, each in training.engine.network.hints.items()} == {
        "word": (64, 8),
        "sentence": (32, 4),
    }
    weights = training.run().weights
    assert not any(name.startswith("hints.") for name in weights)
    left = {}
    for name, states in (("with", 3.0), ("without", 0.0)):
        asked = {"teacher": str(teacher[1]), "states": states}
        found = prepare(moved(job, train__distil=asked), data)
        found.network.load_state_dict(found.run().weights, strict=False)
        left[name] = unexplained(said(found.network, data)["word"], theirs["word"])
    assert left["with"] < 0.8 * left["without"]


def test_a_level_as_wide_as_the_teachers_is_compared_as_it_is(
    teacher: tuple[Job, Path, Dataset], tmp_path: Path
) -> None:
    asked = {"teacher": str(teacher[1]), "states": 1.0}
    data, _ = taught(moved(student(teacher), model__width=32, train__distil=asked), tmp_path)
    wide = prepare(moved(student(teacher), model__width=32, train__distil=asked), data)
    assert [type(each) for each in wide.engine.network.hints.values()] == [torch.nn.Identity] * 2


def test_states_are_learned_from_levels_of_the_same_name(teacher: tuple[Job, Path, Dataset]) -> None:
    job = moved(teacher[0], train__distil={"teacher": str(teacher[1]), "states": 1.0})
    job = job.model_copy(update={"granularities": {"paragraph": job.granularities["word"]}})
    with pytest.raises(DataError) as error:
        teacher_of(job)
    assert str(error.value) == (
        "train.distil.states: expected a granularity that the teacher has too, of word, sentence; got paragraph; call "
        "one alike, or leave it out"
    )
