from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from mgdist.data.batches import Batch, batch, batches, evaluation_batches, order
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare
from mgdist.data.stored import Ragged
from mgdist_edge.views import pad
from tests.data.rows import animals, files, write_jsonl


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("batches")
    job = files(
        write_jsonl(folder / "train.jsonl", animals(40)),
        model__embedding={"ngrams": {"order": 2, "buckets": 50}},
    )
    return prepare(job, folder / "data")


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(targets(one), targets(other)) and torch.equal(ids(one), ids(other))


def targets(made: Batch) -> torch.Tensor:
    return made.targets["answer"]


def ids(made: Batch) -> torch.Tensor:
    found = made.levels[0].samples
    assert found is not None
    return found


def test_a_batch_is_what_its_documents_are_one_by_one(dataset: Dataset) -> None:
    rows = np.array([3, 0, 11, 3])
    made = batch(dataset.train, rows)
    texts = dataset.train.raws["input"]
    views = [dataset.inputs["input"].views(texts[row]) for row in rows]
    for level in range(3):
        lengths = np.concatenate([view.lengths[level] for view in views])
        _, mask = pad(np.zeros(lengths.sum()), lengths)
        assert np.array_equal(made.levels[level].mask.numpy(), mask)
        assert made.levels[level].owners.tolist() == [n for n, view in enumerate(views) for _ in view.lengths[level]]
        if level:
            members, _ = pad(np.arange(lengths.sum()), lengths)
            assert np.array_equal(made.levels[level].members.numpy(), members)
        assert (made.levels[level].members is None) == (made.levels[level].samples is not None) == (level == 0)
    lengths = np.concatenate([view.lengths[0] for view in views])
    expected, _ = pad(np.concatenate([view.samples[0] for view in views]), lengths)
    assert np.array_equal(ids(made).numpy(), expected)
    assert targets(made).tolist() == dataset.train.targets["answer"][rows].tolist()


def test_the_last_level_has_one_unit_an_example(dataset: Dataset) -> None:
    made = batch(dataset.train, np.arange(5))
    assert made.levels[-1].owners.tolist() == [0, 1, 2, 3, 4]
    assert len(made) == 5


def test_units_are_as_long_as_the_longest_of_the_batch(dataset: Dataset) -> None:
    made = batch(dataset.train, np.array([0]))
    assert [tuple(level.mask.shape) for level in made.levels] == [tuple(ids(made).shape[:2]), (2, 2), (1, 2)]


def test_a_batch_of_no_rows_has_no_units(dataset: Dataset) -> None:
    made = batch(dataset.train, np.array([], np.int64))
    assert ids(made).shape == (0, 1, 2)
    assert [tuple(level.mask.shape) for level in made.levels] == [(0, 1)] * 3


def test_a_batch_moves_as_a_whole(dataset: Dataset) -> None:
    moved = batch(dataset.train, np.arange(3)).to("meta")
    found = [tensor for level in moved.levels for tensor in (level.samples, level.members, level.mask, level.owners)]
    tensors = [*(tensor for tensor in found if tensor is not None), *moved.targets.values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert len(tensors) == 10


def test_the_order_differs_by_epoch_and_seed_only() -> None:
    assert sorted(order(100, epoch=0, seed=1)) == list(range(100))
    assert np.array_equal(order(100, epoch=3, seed=1), order(100, epoch=3, seed=1))
    assert not np.array_equal(order(100, epoch=3, seed=1), order(100, epoch=4, seed=1))
    assert not np.array_equal(order(100, epoch=3, seed=1), order(100, epoch=3, seed=2))


def test_all_ranks_together_see_the_global_batches_of_one(dataset: Dataset) -> None:
    alone = [targets(made).tolist() for made in batches(dataset.train, size=8, epoch=1, seed=5)]
    ranks = [
        [targets(made).tolist() for made in batches(dataset.train, size=8, epoch=1, seed=5, rank=rank, world=4)]
        for rank in range(4)
    ]
    assert [[*chain(*parts)] for parts in zip(*ranks, strict=True)] == alone
    assert len(alone) == len(dataset.train) // 8


def test_an_epoch_reads_each_row_once_at_most_in_another_order_each_time(dataset: Dataset) -> None:
    first, second = (
        torch.cat([ids(made).sum((1, 2)) for made in batches(dataset.train, size=8, epoch=epoch, seed=5)])
        for epoch in (0, 1)
    )
    assert not torch.equal(first, second)


def test_a_resume_goes_on_behind_the_batches_that_it_skips(dataset: Dataset) -> None:
    whole = list(batches(dataset.train, size=8, epoch=0, seed=5))
    rest = list(batches(dataset.train, size=8, epoch=0, seed=5, skip=2))
    assert len(rest) == len(whole) - 2
    assert all(same(one, other) for one, other in zip(whole[2:], rest, strict=True))


@pytest.mark.parametrize("world", [1, 2, 3, 50])
def test_evaluation_reads_every_row_once_in_order(dataset: Dataset, world: int) -> None:
    read = [
        target
        for rank in range(world)
        for made in evaluation_batches(dataset.train, 5, rank, world)
        for target in targets(made).tolist()
    ]
    assert read == dataset.train.targets["answer"].tolist()


def test_batches_come_from_disk_and_not_from_memory(dataset: Dataset, tmp_path: Path) -> None:
    stored = dataset.train.inputs["input"]
    assert isinstance(stored, Ragged)
    arrays = [stored.samples[0], *stored.lengths]
    assert len(arrays) == 4
    assert not any(array.flags.writeable or array.flags.owndata for array in arrays)
