"""Learning with rounded weights: what is left lies on the grids, and has lost less than what was rounded afterwards."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mgdist.compress.grid import grids, on_grids
from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.evaluate.network import answers
from mgdist.job.prune import aware_tuning
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist.train.prepare import prepare
from tests.train import corpus


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset, Network, Path]:
    folder = tmp_path_factory.mktemp("trained")
    job, dataset = corpus.dataset(folder)
    asked = {"method": "int2", "epochs": 3, "lr": 0.005}
    job = corpus.moved(job, compress__aware=asked, compress__methods=["float32", "int2"], train__epochs=5)
    network = build(job, dataset.inputs, dataset.tasks)
    network.load_state_dict(prepare(job, dataset).run().weights)
    save_file(network.state_dict(), folder / "model.safetensors")
    return job, dataset, network, folder / "model.safetensors"


def loss(network: Network, dataset: Dataset) -> float:
    found = answers(network, dataset.tasks, dataset.valid)["answer"]
    return float(-np.log(found[np.arange(len(found)), dataset.valid.targets["answer"]]).mean())


def test_a_network_that_learned_with_two_bits_loses_less_in_them(
    trained: tuple[Job, Dataset, Network, Path],
) -> None:
    job, dataset, network, weights = trained
    tuning = aware_tuning(job)
    assert (tuning.train.epochs, tuning.train.lr) == (3, 0.005)
    before = loss(network, dataset)
    laid = grids(network, "int2")
    rounded = build(job, dataset.inputs, dataset.tasks)
    rounded.load_state_dict(on_grids(network.state_dict(), laid))
    without = loss(rounded, dataset)
    found = prepare(tuning, dataset, start=weights, aware="int2").run().weights
    rounded.load_state_dict(found)
    assert before < without
    assert loss(rounded, dataset) < before + 0.5 * (without - before)
    for name in laid:  # the grid that is laid by rounded weights is their own
        if laid[name].bits == 8:
            torch.testing.assert_close(laid[name].rounded(found[name]), found[name])
        else:
            assert len(found[name].unique()) <= 2 ** laid[name].bits


def test_the_parameters_keep_their_names_and_are_not_rounded_themselves(
    trained: tuple[Job, Dataset, Network, Path],
) -> None:
    job, dataset, network, weights = trained
    training = prepare(aware_tuning(job), dataset, start=weights, aware="int4")
    assert list(training.engine.network.state_dict()) == list(network.state_dict())
    torch.testing.assert_close(training.engine.weights(), network.state_dict())
    next(iter(training.epochs()))
    assert len(training.engine.weights()["embeddings.word.weight"].unique()) > 100
    assert not any("weight" in vars(part) for part in training.engine.network.modules())


def test_recurrent_layers_learn_rounded_too(trained: tuple[Job, Dataset, Network, Path], tmp_path: Path) -> None:
    job, dataset, *_ = trained
    gru = corpus.moved(job, granularities__word__encoder={"kind": "gru"}, train__epochs=1)
    training = prepare(gru, dataset, aware="int8_dynamic")
    learnt = training.run().weights["levels.word.encoder.directions.0.rnn.weight_hh_l0"]
    assert {len(row.unique()) <= 255 for row in learnt} == {True}
    torch.testing.assert_close(
        training.grids["levels.word.encoder.directions.0.rnn.weight_hh_l0"].rounded(learnt), learnt
    )


def test_sharded_weights_are_not_rounded(trained: tuple[Job, Dataset, Network, Path]) -> None:
    job, dataset, *_ = trained
    engine = {"kind": "deepspeed", "stage": 3}
    sharded = corpus.moved(job, compress__aware=None, train__engine=engine)
    with pytest.raises(TrainError) as error:
        prepare(sharded, dataset, aware="int2")
    assert str(error.value) == (
        "compress.aware: expected weights that each worker has as a whole; ZeRO stage 3 shards them; set "
        "train.engine.stage to 2 or less, or leave compress.aware out"
    )
