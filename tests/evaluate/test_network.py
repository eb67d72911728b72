import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import AT_A_TIME, SCORES, Evaluated, answers, evaluate, restore
from mgdist.evaluate.scores import score
from mgdist.job.spec import Job
from mgdist_edge.names import ONLY_HEAD
from tests.export.line import network_of
from tests.train import corpus


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset, Path]:
    folder = tmp_path_factory.mktemp("evaluate")
    job, dataset = corpus.dataset(folder, rows=300)
    network_of(job, dataset, folder / "model.safetensors")
    return job, dataset, folder / "model.safetensors"


@pytest.fixture(scope="module")
def evaluated(small: tuple[Job, Dataset, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluated]:
    folder = tmp_path_factory.mktemp("evaluated")
    evaluate(*small, folder)
    return folder, Evaluated.open(folder)


def test_a_restored_network_is_the_one_that_was_saved(small: tuple[Job, Dataset, Path], tmp_path: Path) -> None:
    job, dataset, weights = small
    saved, restored = network_of(job, dataset, tmp_path / "again"), restore(job, dataset, weights)
    assert not restored.training
    for (name, one), (_, other) in zip(saved.state_dict().items(), restored.state_dict().items(), strict=True):
        assert torch.equal(one, other), name


def test_every_row_has_probabilities_in_its_own_place(small: tuple[Job, Dataset, Path]) -> None:
    network, shard = restore(*small), small[1].train
    outputs = answers(network, small[1].tasks, shard)
    assert list(outputs) == [ONLY_HEAD]
    found = outputs[ONLY_HEAD]
    assert found.shape == (len(shard), 3)
    assert len(shard) < AT_A_TIME or len(shard) % AT_A_TIME
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    from mgdist.data.batches import batch

    for row in (0, 17, len(shard) - 1):
        with torch.inference_mode():
            alone = network(batch(shard, np.array([row])))[ONLY_HEAD].softmax(1).numpy()
        np.testing.assert_allclose(found[row], alone[0], atol=1e-5)


def test_scores_are_those_of_the_kept_probabilities(
    small: tuple[Job, Dataset, Path], evaluated: tuple[Path, Evaluated]
) -> None:
    found = evaluated[1]
    dataset = small[1]
    assert found.network["valid"] == score(dataset.tasks, found.valid, dataset.valid.targets)
    assert found.network["test"] == score(dataset.tasks, found.test, dataset.test.targets)


def test_the_baseline_stands_beside_on_the_same_rows(evaluated: tuple[Path, Evaluated]) -> None:
    found = evaluated[1]
    baseline, network = found.baseline["test"][ONLY_HEAD], found.network["test"][ONLY_HEAD]
    assert baseline.examples == network.examples
    assert baseline.metrics["accuracy"] > 0.9


def test_an_untrained_network_is_told_to_have_learned_nothing(evaluated: tuple[Path, Evaluated]) -> None:
    verdicts = evaluated[1].verdicts
    assert len(verdicts) == 2
    assert verdicts[0].startswith("The network has learned nothing")
    assert verdicts[1].startswith("The network is below the simple baseline")


def test_what_is_left_is_plain_json_and_the_outputs(evaluated: tuple[Path, Evaluated]) -> None:
    folder = evaluated[0]
    assert sorted(path.name for path in folder.iterdir()) == [SCORES, "test.npz", "valid.npz"]
    assert json.loads((folder / SCORES).read_text()).keys() == {"network", "baseline", "verdicts"}
