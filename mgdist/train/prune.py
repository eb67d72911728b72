"""A step of pruning: what matters least for the loss is taken out of a trained network, and out of its data.

Legend: R rows of an embedding, C numbers of a row.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors.torch import save_file
from torch import Tensor, nn

from mgdist.compress.blocks import take_out_blocks
from mgdist.compress.channels import prune_channels
from mgdist.compress.importance import Effects, Worth, lengths
from mgdist.compress.narrow import narrow
from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.data.pruned import cut_anew, fewer, ids_of
from mgdist.errors import TrainError
from mgdist.evaluate.network import answers, restore
from mgdist.evaluate.scores import quality, score
from mgdist.job.compress import PruneStepSpec
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.models.network import Network, key_of
from mgdist.runs import write
from mgdist.train.checkpoint import sha256
from mgdist.train.launch import TRAINED, train
from mgdist.train.losses import loss
from mgdist_edge.text import TextInput

ABOUT, MODEL, DATA = "pruned.json", "model.safetensors", "data"
EXAMPLES, TOGETHER = 20_000, 64
"""Training examples that importance is measured on at most, and how many of them at a time."""
TRIED = 1_024
"""Training examples that each network without one of its blocks is measured on at most."""


@dataclass(frozen=True)
class Pruned:
    """A network that was pruned, and its data, before it is fine-tuned.

    Attributes:
        folder: where both lie.
        before: numbers of the network before this step.
        after: and after it.
        rows: of embeddings that were taken out.
        quality: of what is left, on the validation split.
    """

    folder: Path
    before: int
    after: int
    rows: int
    quality: float

    @property
    def weights(self) -> Path:
        """The weights that are left."""
        return self.folder / MODEL

    @property
    def data(self) -> Path:
        """Folder of the data set, cut for the vocabularies that are left."""
        return self.folder / DATA

    @classmethod
    def open(cls, folder: Path) -> "Pruned":
        """Read what :func:`prune` left."""
        return cls(folder, **json.loads((folder / ABOUT).read_text()))


def prune(job: Job, dataset: Dataset, weights: Path, step: PruneStepSpec, before: PruneStepSpec, folder: Path) -> None:
    """Take blocks, channels, rows and numbers of rows out of a network, and cut the texts anew.

    Leaves ``model.safetensors``, ``data/`` and ``pruned.json`` in the folder.

    Args:
        job: that trained it.
        dataset: that it was trained on.
        weights: of the network.
        step: what shall be gone after it.
        before: what is gone already.
        folder: to write into.

    Raises:
        TrainError: blocks, channels or numbers of rows are to be taken out, and the network has none that can be.
    """
    network = restore(job, dataset, weights).requires_grad_(True)
    spec = job.compress.prune
    assert spec is not None, "the job asks for pruning"
    numbers = _numbers(network)
    if step.layers > before.layers and not take_out_blocks(
        network, _of_rest(step.layers, before.layers), lambda: _harm(network, job, dataset)
    ):
        raise TrainError(
            "compress.prune.steps: layers: expected blocks that can be taken out; this share of those that are left is "
            "none, or each encoder has one; leave layers out, or ask for more"
        )
    worth = sensed(network, job, dataset) if spec.importance == "taylor" else lengths(network)
    if step.channels > before.channels:
        some = batch(dataset.train, np.arange(min(2, len(dataset.train))))
        if not prune_channels(network, some, _of_rest(step.channels, before.channels), worth):
            raise TrainError(
                "compress.prune.steps: expected filters or hidden numbers that can be taken out; this network has "
                "none, or so few that a share of them is none; leave channels out, or make them more"
            )
    texts, lost = {}, 0
    for key, name in _tables(job, dataset):
        fitted, table = dataset.inputs[name], network.embeddings[key]
        assert isinstance(fitted, TextInput), "only texts lose rows"
        left = torch.ones(len(worth[table]), dtype=torch.bool)
        if step.rows > before.rows:
            kept = _best(worth[table], _of_rest(step.rows, before.rows))
            texts[name] = fewer(fitted, kept.numpy())
            left = torch.from_numpy(ids_of(texts[name])[ids_of(fitted)])
            table.weight = nn.Parameter(cast(Tensor, table.weight).detach()[left])
            lost += int((~left).sum())
        if step.width > before.width:
            _narrow(network, key, _of_rest(step.width, before.width), worth[table][left])
    save_file({name: value.detach().contiguous() for name, value in network.state_dict().items()}, folder / MODEL)
    left_data = cut_anew(dataset, texts, folder / DATA)
    told = {"before": numbers, "after": _numbers(network), "rows": lost}
    write(folder / ABOUT, json.dumps(told | {"quality": _quality(job, left_data, folder / MODEL)}))


def _narrow(network: Network, key: str, share: float, worth: Float[Tensor, " R"]) -> None:
    if why := narrow(network, key, share, worth):
        raise TrainError(f"compress.prune.steps: width: {why}; ask for another share, or leave width out")


def fine_tune(job: Job, pruned: Pruned, folder: Path, teacher: Path | None) -> None:
    """Train what a step of pruning left; where no epoch makes it better, it stays as it is.

    Leaves what :func:`mgdist.train.launch.train` leaves.

    Args:
        job: of the fine-tuning.
        pruned: what is left.
        folder: of this training.
        teacher: folder of the whole network's answers for the training rows; None for none.
    """
    trained = train(job, pruned.data, folder, teacher, pruned.weights)
    if _quality(job, Dataset.open(pruned.data), trained.weights) < pruned.quality:
        shutil.copyfile(pruned.weights, trained.weights)
    told = asdict(trained) | {"sha256": sha256(trained.weights)}
    if told["sha256"] != trained.sha256:
        del told["weights"]
        write(folder / TRAINED, json.dumps(told | {"best": 0, "metric": pruned.quality}, indent=1))


def _quality(job: Job, dataset: Dataset, weights: Path) -> float:
    found = answers(restore(job, dataset, weights), dataset.tasks, dataset.valid)
    return quality(score(dataset.tasks, found, dataset.valid.targets))


def sensed(network: Network, job: Job, dataset: Dataset) -> Worth:
    """Return how much each output of each layer matters for the loss of training examples, evenly chosen."""
    effects = Effects(network.eval())
    for told, _ in _losses(network, job, dataset, EXAMPLES):
        network.zero_grad()
        told.backward()  # type: ignore[no-untyped-call]
        effects.add()
    return effects.worth


def _harm(network: Network, job: Job, dataset: Dataset) -> float:
    """Return the loss of some training examples."""
    network.eval()
    with torch.no_grad():
        found = [(float(told) * count, count) for told, count in _losses(network, job, dataset, TRIED)]
    total, rows = map(sum, zip(*found, strict=True))
    return total / rows


def _losses(network: Network, job: Job, dataset: Dataset, most: int) -> Iterator[tuple[Float[Tensor, ""], int]]:
    """Yield the mean loss of a few training examples, and how many they are; so many in all, evenly chosen."""
    rows = np.linspace(0, len(dataset.train) - 1, min(most, len(dataset.train))).astype(np.int64)
    for start in range(0, len(rows), TOGETHER):
        some = batch(dataset.train, rows[start : start + TOGETHER])
        yield loss(network(some), some, tasks=dataset.tasks, weights=job.loss_weights, smoothing=0.0), len(some)


def _tables(job: Job, dataset: Dataset) -> list[tuple[str, str]]:
    """Return the embedding and the input of each text."""
    raw = [shape for shape in shapes(job) if shape.reads == "raw"]
    return [(key_of(each.name), each.input) for each in raw if isinstance(dataset.inputs[each.input], TextInput)]


def _best(scores: Float[Tensor, " R"], share: float) -> Bool[Tensor, " R"]:
    """Return which rows stay if a share of them goes: those with the highest scores."""
    kept = torch.zeros(len(scores), dtype=torch.bool)
    kept[scores.topk(max(1, round(len(scores) * (1 - share)))).indices] = True
    return kept


def _of_rest(share: float, before: float) -> float:
    """Return what share of the rest goes, so that of all there was at first a share is gone."""
    return 1 - (1 - share) / (1 - before)


def _numbers(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
