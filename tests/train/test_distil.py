"""Learning from a teacher: the loss by hand, its way through batches, and both engines."""

import pickle
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from mgdist.data.batches import Batch, Mix, batch
from mgdist.data.dataset import TAUGHT, Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.spec import Job
from mgdist.train import checkpoint, group
from mgdist.train.losses import loss, of_head, of_teacher
from mgdist.train.prepare import prepare
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task
from tests.train.corpus import moved, several, write_several
from tests.train.workers import together

LABELS = ("a", "b", "c")
CLASSIFY, TAGS = Classify(LABELS), MultiLabel(LABELS)
NUMBERS = Regress(LABELS, (0.0,) * 3, (1.0,) * 3)
FUTURE = Forecast(("x",), 3, (), (0.0,), (1.0,), apart=False)
DISTIL = {"teacher": "ensemble", "temperature": 2.0, "weight": 0.7}
ENSEMBLE = {"trials": 2, "ensemble": {"winners": 2}, "space": {"train.lr": {"loguniform": [0.001, 0.01]}}}


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("task", [CLASSIFY, Ordinal(LABELS)])
def test_one_label_is_compared_by_the_divergence_at_a_temperature_times_its_square(task: Task) -> None:
    student, teacher = np.array([[1.0, 0.0, -1.0], [0.5, 0.5, 2.0]]), np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    soft, mine = softmax(teacher / 4), softmax(student / 4)
    expected = 16 * (soft * np.log(soft / mine)).sum(1).mean()
    answers = torch.tensor(softmax(teacher), dtype=torch.float32)
    found = of_teacher(task, torch.tensor(student, dtype=torch.float32), answers, temperature=4.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_square_of_the_temperature_keeps_the_gradient_as_large() -> None:
    answers = torch.softmax(torch.tensor([[0.3, 0.1, -0.2]]), 1)

    def gradient(temperature: float) -> float:
        outputs = torch.tensor([[0.0, 0.1, 0.2]], requires_grad=True)
        of_teacher(CLASSIFY, outputs, answers, temperature=temperature).backward()  # type: ignore[no-untyped-call]
        assert outputs.grad is not None
        return float(outputs.grad.norm())

    assert gradient(20.0) == pytest.approx(gradient(1.0), rel=0.1)


def test_several_labels_are_compared_one_by_one_and_added() -> None:
    student, teacher = np.array([[1.0, -2.0, 0.5]]), np.array([[2.0, 0.0, -1.0]])
    soft, mine = 1 / (1 + np.exp(-teacher / 2)), 1 / (1 + np.exp(-student / 2))
    each = soft * np.log(soft / mine) + (1 - soft) * np.log((1 - soft) / (1 - mine))
    answers = torch.tensor(1 / (1 + np.exp(-teacher)), dtype=torch.float32)
    found = of_teacher(TAGS, torch.tensor(student, dtype=torch.float32), answers, temperature=2.0)
    assert float(found) == pytest.approx(4 * each.sum(), rel=1e-4)


@pytest.mark.parametrize("task", [NUMBERS, FUTURE])
def test_numbers_are_compared_by_their_squared_distance_which_no_temperature_changes(task: Task) -> None:
    outputs, answers = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    for temperature in (1.0, 5.0):
        assert float(of_teacher(task, outputs, answers, temperature=temperature)) == pytest.approx((4 + 9) / 3)


@pytest.mark.parametrize("task", [CLASSIFY, TAGS])
def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn_even_if_that_is_certain(task: Task) -> None:
    logits = torch.tensor([[4.0, -1.0, 2.0]])
    answers = torch.softmax(logits, 1) if task is CLASSIFY else torch.sigmoid(logits)
    assert float(of_teacher(task, logits, answers, temperature=3.0)) == pytest.approx(0.0, abs=1e-5)
    certain = torch.tensor([[1.0, 0.0, 0.0]])
    outputs = torch.zeros(1, 3, requires_grad=True)
    found = of_teacher(task, outputs, certain, temperature=2.0)
    found.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(found)
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()


def test_the_loss_is_shared_between_the_targets_and_the_teacher() -> None:
    outputs, targets, answers = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0]), torch.softmax(torch.randn(5, 3), 1)
    given = Batch((), {"a": targets}, taught={"a": answers})
    aim = partial(loss, {"a": outputs}, given, tasks={"a": CLASSIFY}, weights={"a": 2.0}, smoothing=0.1)
    mine = of_head(CLASSIFY, outputs, targets, 0.1)
    theirs = of_teacher(CLASSIFY, outputs, answers, temperature=2.0)
    assert torch.allclose(aim(teacher=0.7, temperature=2.0), 2 * (0.3 * mine + 0.7 * theirs))
    assert torch.allclose(aim(), 2 * mine)


def test_the_teachers_answers_are_mixed_as_the_targets_are() -> None:
    outputs, targets, answers = torch.randn(3, 3), torch.tensor([0, 1, 2]), torch.softmax(torch.randn(3, 3), 1)
    mix = Mix(0.6, torch.tensor([1, 2, 0]), fused=True)
    aim = partial(loss, {"a": outputs}, tasks={"a": CLASSIFY}, weights={}, smoothing=0.0, teacher=1.0, temperature=2.0)
    mine, other = (aim(Batch((), {"a": targets}, taught={"a": each})) for each in (answers, answers[mix.partners]))
    found = aim(Batch((), {"a": targets}, mix, taught={"a": answers}))
    assert torch.allclose(found, 0.6 * mine + 0.4 * other)


def taught(data: Dataset, folder: Path) -> Dataset:
    """Return the data with a teacher that knows every target, but is not quite certain."""
    rows = np.random.default_rng(1)
    for name, targets in data.train.targets.items():
        outputs = data.tasks[name].outputs
        known = np.eye(outputs)[targets] if targets.ndim == 1 else targets
        answers = known * 0.8 + 0.2 / outputs if targets.ndim == 1 else known * 0.9 + 0.05
        noise = 0.01 * rows.random((len(targets), 1))
        np.save(folder / TAUGHT.format(name=name), (answers * (1 - noise) + noise / outputs).astype(np.float32))
    return Dataset.open(data.folder, folder)


@pytest.fixture(scope="module")
def student(small: tuple[Job, Dataset], tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    job = moved(small[0], search=ENSEMBLE)
    data = taught(small[1], tmp_path_factory.mktemp("teacher"))
    return moved(job, train__distil=DISTIL, model__dropout=0.0), data


def test_a_batch_carries_the_answers_of_its_rows_also_where_less_is_read(student: tuple[Job, Dataset]) -> None:
    _, data = student
    rows = np.array([7, 0, 3, 3])
    for shard in (data.train, data.train.narrowed({"input": [0]}, {}, {})):
        found = batch(shard, rows).to("cpu").taught["answer"]
        assert np.array_equal(found.numpy(), np.asarray(data.train.taught["answer"])[rows])
    assert isinstance(data.train.taught["answer"], np.memmap)
    assert not data.valid.taught
    assert pickle.loads(pickle.dumps(data)).train.taught.keys() == {"answer"}


def test_a_student_learns_from_its_teacher_alone(student: tuple[Job, Dataset]) -> None:
    job, data = student
    wrong = replace(data.train, targets={"answer": (data.train.targets["answer"] + 1) % 3})
    alone = moved(job, train__distil={**DISTIL, "weight": 1.0}, train__epochs=6)
    assert prepare(alone, replace(data, train=wrong)).run().best.quality > 0.9


@pytest.mark.parametrize(
    "strategy",
    [{"kind": "staged", "auxiliary": 0.1}, {"kind": "grow", "steps": [{"units": {"word": 1}}]}],
    ids=lambda each: str(each["kind"]),
)
def test_every_phase_of_a_strategy_looks_at_the_teacher(
    student: tuple[Job, Dataset], strategy: dict[str, object]
) -> None:
    job, data = moved(student[0], train__strategy=strategy, train__mixup={"alpha": 0.3}), student[1]
    one, two = prepare(job, data).run(), prepare(moved(job, train__distil=None), data).run()
    assert len(one.history) > job.train.epochs
    assert all(mine.losses != other.losses for mine, other in zip(one.history, two.history, strict=True))


def test_all_kinds_of_heads_learn_from_a_teacher(tmp_path: Path) -> None:
    write_several(tmp_path / "rows.jsonl", 300)
    job = several(tmp_path / "rows.jsonl", search=ENSEMBLE)
    job = moved(job, train__distil=DISTIL, train__sampling="balanced", train__epochs=12)
    data = taught(prepare_data(job, tmp_path / "data"), tmp_path)
    losses = [epoch.loss for epoch in prepare(job, data).run().history]
    assert losses[-1] < 0.8 * losses[0]


def distilled(job: Job, folder: Path, teacher: Path) -> tuple[list[list[float]], list[list[float]]]:
    """Train in one go on two workers, and with a checkpoint behind the first epoch."""
    found = []
    data = Dataset.open(folder, teacher)
    for engine in ({"kind": "torch"}, {"kind": "deepspeed", "stage": 2}):
        here = moved(job, train__engine=engine)
        first, second = prepare(here, data), prepare(here, data)
        place = [tempfile.mkdtemp()]
        torch.distributed.broadcast_object_list(place)
        checkpoint.save(Path(place[0]), next(first.epochs()), first.engine)
        group.wait()
        progress = second.run(checkpoint.load(Path(place[0]), second.engine))
        found.append([list(epoch.losses) for epoch in progress.history])
    return found[0], found[1]


@pytest.mark.slow
def test_two_workers_and_a_resume_come_to_the_same_with_both_engines(student: tuple[Job, Dataset]) -> None:
    job, data = student
    assert data.teacher is not None
    alone = [list(epoch.losses) for epoch in prepare(job, data).run().history]
    for found in together(2, distilled, moved(job, train__workers=2), data.folder, data.teacher):
        np.testing.assert_allclose(found, alone, atol=1e-4)
