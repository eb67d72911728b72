"""The loop, on one worker and with plain torch."""

from pathlib import Path

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.evaluate.scores import named
from mgdist.job.spec import Job
from mgdist.train import checkpoint
from mgdist.train.events import Epoch, Step
from mgdist.train.loop import measure
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved

Small = tuple[Job, Dataset]


def same(one: Progress, other: Progress) -> bool:
    """Tell whether two trainings came to the same numbers, bit for bit."""
    losses = [[epoch.losses for epoch in progress.history] for progress in (one, other)]
    weights = all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    return losses[0] == losses[1] and one.weights.keys() == other.weights.keys() and weights


def test_a_network_learns_the_topics(small: Small) -> None:
    progress = prepare(*moved_and_data(small, train__epochs=5)).run()
    assert progress.best.metrics["accuracy"] > 0.9
    assert progress.history[-1].loss < progress.history[0].loss


def test_the_same_seed_gives_the_same_numbers(small: Small) -> None:
    assert same(prepare(*small).run(), prepare(*small).run())


def test_another_seed_gives_other_numbers(small: Small) -> None:
    assert not same(prepare(*small).run(), prepare(*moved_and_data(small, seed=14)).run())


def test_a_continued_training_is_the_uninterrupted_one_bit_for_bit(small: Small, tmp_path: Path) -> None:
    whole = prepare(*small).run()
    first = prepare(*small)
    checkpoint.save(tmp_path, next(first.epochs()), first.engine)
    second = prepare(*small)
    assert same(second.run(checkpoint.load(tmp_path, second.engine)), whole)


def test_two_accumulated_halves_are_one_batch(small: Small) -> None:
    whole = prepare(*moved_and_data(small, model__dropout=0.0)).run()
    halves = prepare(*moved_and_data(small, model__dropout=0.0, train__accumulate=2)).run()
    for one, other in zip(whole.history, halves.history, strict=True):
        assert one.losses == pytest.approx(other.losses, abs=1e-5)


def test_bfloat16_learns_too_and_leaves_float32_weights(small: Small) -> None:
    progress = prepare(*moved_and_data(small, train__precision="bfloat16", train__epochs=5)).run()
    assert progress.best.metrics["accuracy"] > 0.9
    assert {weight.dtype for weight in progress.weights.values()} == {torch.float32}


def test_the_weights_are_those_of_the_best_epoch(small: Small) -> None:
    job, data = moved_and_data(small, train__lr=0.05, train__epochs=6)
    training = prepare(job, data)
    progress = training.run()
    training.network.load_state_dict(progress.weights)
    assert named(measure(training.network, data.tasks, data.valid)) == progress.best.metrics
    assert progress.best.quality == max(epoch.quality for epoch in progress.history)


@pytest.mark.parametrize(("metric", "choose"), [(None, max), ("accuracy", max), ("macro_f1", max), ("loss", min)])
def test_the_best_epoch_is_chosen_by_the_metric(small: Small, metric: str | None, choose: object) -> None:
    job, data = moved_and_data(small, train__metric=metric)
    progress = prepare(job, data).run()
    assert progress.best.metric(job.train) == choose(epoch.metric(job.train) for epoch in progress.history)  # type: ignore[operator]


def test_training_ends_when_patience_does(small: Small) -> None:
    job, data = moved_and_data(small, train__lr=1e-9, train__epochs=9, train__patience=2)
    progress = prepare(job, data).run()
    assert len(progress.history) == 3
    assert progress.best.epoch == 1


def test_a_loss_that_is_no_number_ends_training(small: Small) -> None:
    training = prepare(*moved_and_data(small, train__lr=1e38, train__clip=None))
    with pytest.raises(TrainError) as error:
        training.run()
    assert str(error.value) == (
        "train: expected a finite loss; got nan at step 2 of epoch 1, at a learning rate of 8.83e+37; "
        "make train.lr smaller, train.warmup longer or train.clip tighter"
    )


def test_steps_and_epochs_are_told(small: Small) -> None:
    heard: list[Step | Epoch] = []
    job, data = small
    prepare(job, data, heard.append).run()
    steps = [event for event in heard if isinstance(event, Step)]
    epochs = [event for event in heard if isinstance(event, Epoch)]
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert (steps[-1].step, steps[-1].steps, steps[-1].done, steps[-1].seconds_left) == (10, 10, 30, 0.0)
    assert all(step.samples_per_second > 0 for step in steps)
    assert len(epochs[0].losses) == 10


def moved_and_data(small: Small, **point: object) -> Small:
    """Return the small job at a point, and the data."""
    return moved(small[0], **point), small[1]


def test_numbers_next_to_zero_cost_no_more_than_others(small: Small) -> None:
    torch.set_flush_denormal(False)
    subnormal = torch.full((2_000_000,), 1e-38)
    assert (subnormal * 0.1).count_nonzero() == len(subnormal)
    prepare(*small)
    assert (subnormal * 0.1).count_nonzero() == 0
