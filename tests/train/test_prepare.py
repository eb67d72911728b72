"""From a job to a training."""

import torch

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.train.prepare import prepare, threads
from tests.train.corpus import moved


def test_the_network_to_measure_with_begins_like_the_one_that_learns(small: tuple[Job, Dataset]) -> None:
    training = prepare(*small)
    weights = training.engine.weights()
    assert all(torch.equal(weights[name], value) for name, value in training.network.state_dict().items())


def test_the_weights_follow_from_the_seed(small: tuple[Job, Dataset]) -> None:
    job, data = small
    one, same, other = (prepare(moved(job, seed=seed), data).network.heads.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_small_network_runs_on_one_thread_and_a_large_one_on_all(small: tuple[Job, Dataset]) -> None:
    job, data = small
    large = prepare(moved(job, model__width=700), data).network
    assert threads(prepare(*small).network, 8) == 1
    assert threads(large, 8) == 8
    assert threads(large, 0) == 1
