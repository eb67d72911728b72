"""A step of pruning, as far as fine-tuning: rows go from the network and from the data alike."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.evaluate.network import answers, restore
from mgdist.job.compress import PruneStepSpec
from mgdist.job.prune import fine_tuning
from mgdist.job.spec import Job
from mgdist.train.checkpoint import sha256
from mgdist.train.launch import MODEL, TRAINED, Trained
from mgdist.train.prepare import prepare
from mgdist.train.prune import Pruned, fine_tune, prune
from mgdist_edge.text import TextInput
from tests.train import corpus

STEPS = [{"rows": 0.5, "epochs": 1}, {"rows": 0.75, "channels": 0.5, "epochs": 2}]
FIRST, SECOND = (PruneStepSpec.model_validate(step) for step in STEPS)
NOTHING = PruneStepSpec()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset, Path]:
    folder = tmp_path_factory.mktemp("trained")
    job, dataset = corpus.dataset(folder)
    job = corpus.moved(
        job, compress__prune={"steps": STEPS}, model__embedding__ngrams={"order": 2, "buckets": 400}, train__epochs=5
    )
    (folder / "again").mkdir()
    from mgdist.data.prepare import prepare as prepare_data

    dataset = prepare_data(job, folder / "again" / "data")
    save_file(prepare(job, dataset).run().weights, folder / "model.safetensors")
    return job, dataset, folder / "model.safetensors"


@pytest.fixture(scope="module")
def first(trained: tuple[Job, Dataset, Path], tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    job, dataset, weights = trained
    folder = tmp_path_factory.mktemp("pruned")
    prune(job, dataset, weights, FIRST, NOTHING, folder)
    return Pruned.open(folder)


def text(dataset: Dataset) -> TextInput:
    fitted = dataset.inputs["input"]
    assert isinstance(fitted, TextInput)
    return fitted


def accuracy(job: Job, dataset: Dataset, weights: Path) -> float:
    found = answers(restore(job, dataset, weights), dataset.tasks, dataset.valid)["answer"]
    return float((found.argmax(1) == dataset.valid.targets["answer"]).mean())


def test_half_of_the_rows_go_and_the_words_that_tell_stay(trained: tuple[Job, Dataset, Path], first: Pruned) -> None:
    job, dataset, _ = trained
    left = Dataset.open(first.data)
    assert text(left).rows == pytest.approx(text(dataset).rows / 2, abs=3)  # padding and the unknown word always stay
    assert first.rows == text(dataset).rows - text(left).rows
    assert first.before - first.after == first.rows * 16
    telling = {word for words in corpus.TOPICS.values() for word in words}
    assert len(telling & set(text(left).vocabulary)) > 0.9 * len(telling)
    assert accuracy(job, left, first.weights) > 0.9


def test_the_data_is_cut_as_the_device_will_cut_it(trained: tuple[Job, Dataset, Path], first: Pruned) -> None:
    left = Dataset.open(first.data)
    for shard, whole in ((left.train, trained[1].train), (left.test, trained[1].test)):
        assert len(shard) == len(whole)
        np.testing.assert_array_equal(shard.targets["answer"], whole.targets["answer"])
        for row in (0, len(shard) - 1):
            cut, stored = text(left).views(shard.raw(row)["input"]), shard.views(row)["input"]
            for one, other in zip(cut.samples[:1], stored.samples[:1], strict=True):
                np.testing.assert_array_equal(one, other)
    assert left.digest == trained[1].digest
    assert text(trained[1]).kept is None


def test_the_rows_that_stay_are_those_of_their_words(trained: tuple[Job, Dataset, Path], first: Pruned) -> None:
    before, after = load_file(trained[2])["embeddings.word.weight"], load_file(first.weights)["embeddings.word.weight"]
    left = text(Dataset.open(first.data))
    assert left.kept is not None
    for word, id in list(left.vocabulary.items())[:20]:
        torch.testing.assert_close(after[left.kept.places[id]], before[id], msg=word)


def test_fine_tuning_begins_with_what_is_left_and_a_second_step_goes_on(
    trained: tuple[Job, Dataset, Path], first: Pruned, tmp_path: Path
) -> None:
    job, dataset, _ = trained
    tuning, left = fine_tuning(job, FIRST), Dataset.open(first.data)
    assert (tuning.train.epochs, tuning.train.lr) == (1, pytest.approx(job.train.lr / 3))
    training = prepare(tuning, left, start=first.weights)
    torch.testing.assert_close(training.network.state_dict(), load_file(first.weights))
    save_file(training.run().weights, tmp_path / "tuned.safetensors")
    assert accuracy(job, left, tmp_path / "tuned.safetensors") > 0.9
    (tmp_path / "second").mkdir()
    prune(job, left, tmp_path / "tuned.safetensors", SECOND, FIRST, tmp_path / "second")
    second = Pruned.open(tmp_path / "second")
    rest = Dataset.open(second.data)
    assert text(rest).rows == pytest.approx(text(dataset).rows / 4, abs=6)
    assert load_file(second.weights)["levels.word.encoder.stages.0.layers.0.filters.0.weight"].shape[0] < 16
    assert accuracy(job, rest, second.weights) > 1 / 3


def test_a_network_without_channels_that_can_go_is_refused(trained: tuple[Job, Dataset, Path], tmp_path: Path) -> None:
    job, dataset, _ = trained
    none = {"kind": "none"}
    bag = corpus.moved(job, granularities__word__encoder=none, granularities__sentence__encoder=none)
    training = prepare(bag, dataset)
    save_file(training.network.state_dict(), tmp_path / "bag.safetensors")
    with pytest.raises(TrainError) as caught:
        prune(bag, dataset, tmp_path / "bag.safetensors", PruneStepSpec(channels=0.5), NOTHING, tmp_path)
    assert str(caught.value) == (
        "compress.prune.steps: expected filters or hidden numbers that can be taken out; this network has none, or so "
        "few that a share of them is none; leave channels out, or make them more"
    )


def test_fine_tuning_that_makes_it_worse_leaves_it_as_it_was(
    trained: tuple[Job, Dataset, Path], first: Pruned, tmp_path: Path
) -> None:
    job, left = trained[0], Dataset.open(first.data)
    worse = {name: torch.zeros_like(value) for name, value in load_file(first.weights).items()}
    save_file(worse, tmp_path / MODEL)
    told = {"sha256": sha256(tmp_path / MODEL), "metric": 0.3, "best": 1, "epochs": 1, "steps": 9, "parameters": 1}
    (tmp_path / TRAINED).write_text(json.dumps(told | {"loss_weights": {}}))  # a training that has come to its end
    assert accuracy(job, left, tmp_path / MODEL) < first.quality
    for _ in range(2):  # also where it was killed between the two files
        fine_tune(fine_tuning(job, FIRST), first, tmp_path, None)
        assert Trained.open(tmp_path).sha256 == sha256(first.weights) == sha256(tmp_path / MODEL)
    assert (Trained.open(tmp_path).best, Trained.open(tmp_path).metric) == (0, first.quality)


def test_rows_are_shortened_with_what_reads_them(trained: tuple[Job, Dataset, Path], tmp_path: Path) -> None:
    job, dataset, weights = trained
    prune(job, dataset, weights, PruneStepSpec(rows=0.5, width=0.5), NOTHING, tmp_path)
    step = Pruned.open(tmp_path)
    left, found = Dataset.open(step.data), load_file(step.weights)
    assert found["embeddings.word.weight"].shape == (text(left).rows, 8)
    assert found["levels.word.encoder.stages.0.layers.0.filters.0.weight"].shape[:2] == (16, 8)
    assert accuracy(job, left, step.weights) > 0.9
    none = corpus.moved(job, granularities__word__encoder={"kind": "none"})
    save_file(prepare(none, dataset).network.state_dict(), tmp_path / "none.safetensors")
    with pytest.raises(TrainError) as caught:
        prune(none, dataset, tmp_path / "none.safetensors", PruneStepSpec(width=0.5), NOTHING, tmp_path)
    assert str(caught.value) == (
        "compress.prune.steps: width: expected an encoder that multiplies the vectors of word before anything else, "
        "such as gru, lstm, mlp, or one of another width than model.embedding.width, and no skip; got another; ask for "
        "another share, or leave width out"
    )


def test_the_blocks_without_which_the_loss_is_smallest_go(trained: tuple[Job, Dataset, Path], tmp_path: Path) -> None:
    job, dataset, _ = trained
    blocks = {"kind": "transformer", "layers": 3, "heads": 2}
    deep = corpus.moved(job, granularities__word__encoder=blocks, granularities__sentence__encoder={"kind": "bag"})
    weights = prepare(deep, dataset).run().weights
    needless = "levels.word.encoder.blocks.1."
    for name, value in weights.items():  # what it adds is nothing, so that the network without it is the same
        if name.startswith((f"{needless}attention.out", f"{needless}feed.2")):
            value.zero_()
    save_file(weights, tmp_path / "deep.safetensors")
    for share, left in ((0.3, 2), (0.67, 1)):
        folder = tmp_path / f"{left}"
        folder.mkdir()
        prune(deep, dataset, tmp_path / "deep.safetensors", PruneStepSpec(layers=share), NOTHING, folder)
        found = load_file(folder / MODEL)
        assert {name.split(".")[4] for name in found if ".blocks." in name} == {str(place) for place in range(left)}
        assert Pruned.open(folder).after < Pruned.open(folder).before
    two = load_file(tmp_path / "2" / MODEL)
    torch.testing.assert_close(
        two["levels.word.encoder.blocks.1.feed.0.weight"], weights["levels.word.encoder.blocks.2.feed.0.weight"]
    )
    assert accuracy(deep, dataset, tmp_path / "2" / MODEL) == accuracy(deep, dataset, tmp_path / "deep.safetensors")
    with pytest.raises(TrainError, match=r"^compress\.prune\.steps: layers: expected blocks that can be taken out"):
        prune(deep, dataset, tmp_path / "deep.safetensors", PruneStepSpec(layers=0.1), NOTHING, tmp_path)
