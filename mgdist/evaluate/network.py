"""The trained network's answers and scores, beside those of a simple baseline.

Legend: R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from mgdist.data.batches import evaluation_batches
from mgdist.data.dataset import STATES, TAUGHT, Dataset, Shard
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.scores import Heads, as_json, from_json, score, verdict
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.heads import activated
from mgdist.models.network import Network
from mgdist.models.shaped import shaped
from mgdist.runs import write
from mgdist_edge.tasks import Task

AT_A_TIME = 256
"""Examples of one forward pass."""
SCORES, SPLITS = "scores.json", ("valid", "test")
Outputs = Mapping[str, NDArray[np.float32]]
"""For each head, (R, K) probabilities or standardised numbers."""


@dataclass(frozen=True)
class Evaluated:
    """How good a trained network is.

    Attributes:
        valid: its outputs on the validation split.
        test: the same on the test split.
        network: its scores by split, and there by head.
        baseline: those of the simple baseline, on the same rows; a head may lack one.
        verdicts: in plain words, what is wrong with it; empty where it beats chance and the baseline.
    """

    valid: Outputs
    test: Outputs
    network: Mapping[str, Heads]
    baseline: Mapping[str, Heads]
    verdicts: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "Evaluated":
        """Read what :func:`evaluate` left."""
        told = json.loads((folder / SCORES).read_text())
        scores = {name: {s: from_json(told[name][s]) for s in SPLITS} for name in ("network", "baseline")}
        valid, test = (dict(np.load(folder / f"{split}.npz")) for split in SPLITS)
        return cls(valid, test, **scores, verdicts=tuple(told["verdicts"]))


def evaluate(
    job: Job, dataset: Dataset, weights: Path, folder: Path, simple: Mapping[str, Heads] | None = None
) -> None:
    """Score a trained network and the simple baseline on the validation and the test split.

    Leaves ``valid.npz`` and ``test.npz`` (the outputs) and ``scores.json`` in the folder.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        weights: of the network.
        folder: to write into.
        simple: the scores of the baseline, where they are known already.
    """
    network, splits = restore(job, dataset, weights), {"valid": dataset.valid, "test": dataset.test}
    found = {name: answers(network, dataset.tasks, shard) for name, shard in splits.items()}
    leave_scores(dataset, found, simple or baseline(dataset), folder)


def leave_scores(dataset: Dataset, found: Mapping[str, Outputs], simple: Mapping[str, Heads], folder: Path) -> None:
    """Write what a network answers for the validation and the test split, and how good that is.

    Args:
        dataset: of the splits.
        found: the network's outputs by split.
        simple: the scores of the baseline by split.
        folder: to write into; :meth:`Evaluated.open` reads it.
    """
    scores = {}
    for name, outputs in found.items():
        np.savez(folder / f"{name}.npz", allow_pickle=False, **outputs)
        scores[name] = score(dataset.tasks, outputs, getattr(dataset, name).targets)
    told = {
        "network": {name: as_json(part) for name, part in scores.items()},
        "baseline": {name: as_json(part) for name, part in simple.items()},
        "verdicts": verdict(scores["test"], simple["test"]),
    }
    write(folder / SCORES, json.dumps(told, indent=1))


def restore(job: Job, dataset: Dataset, weights: Path) -> Network:
    """Build a job's network with the weights that training left, as large as these are, ready to answer."""
    return shaped(build(job, dataset.inputs, dataset.tasks), load_file(weights)).eval()


def leave_answers(network: Network, dataset: Dataset, folder: Path) -> None:
    """Write what a network answers for the training rows, each once and as it is, for another one to learn from."""
    for name, values in answers(network, dataset.tasks, dataset.train).items():
        np.save(folder / TAUGHT.format(name=name), values, allow_pickle=False)


def leave_states(network: Network, job: Job, dataset: Dataset, folder: Path) -> None:
    """Write what each level of a network says of the training rows, for another one to learn from.

    Of channels that are foretold apart, each is an example to the network; here they stand side by side in a row.

    Args:
        network: is put into evaluation mode.
        job: that it was built from.
        dataset: that it reads.
        folder: to write into.
    """
    network.eval()
    names = [shape.name for shape in shapes(job)]
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    with torch.inference_mode():
        for batch in evaluation_batches(dataset.train, AT_A_TIME):
            for name, spoken in zip(names, network.spoken(batch), strict=True):
                found[name].append(spoken.summary.reshape(len(batch), -1).float().cpu().numpy())
    for name, parts in found.items():
        np.save(folder / STATES.format(name=name), np.concatenate(parts), allow_pickle=False)


def answers(
    network: nn.Module, tasks: Mapping[str, Task], shard: Shard, rank: int = 0, world: int = 1
) -> dict[str, Float[np.ndarray, "_ _"]]:
    """Return the outputs of each head for the rows of a split, in their order; of labelled samples for all of theirs.

    Args:
        network: is put into evaluation mode.
        tasks: what each head answers.
        shard: the split.
        rank: which part of the rows, from 0.
        world: parts of the rows; the outputs are those of one part.
    """
    network.eval()
    device = next(network.parameters()).device
    found: dict[str, list[NDArray[np.float32]]] = {
        name: [np.zeros((0, t.outputs), np.float32)] for name, t in tasks.items()
    }
    with torch.inference_mode():
        for batch in evaluation_batches(shard, AT_A_TIME, rank, world):
            outputs = network(batch.to(device))
            for name, task in tasks.items():
                found[name].append(activated(task, outputs[name].float()).cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}
