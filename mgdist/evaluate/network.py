"""The trained network's answers and scores, beside those of the linear baseline.

Legend: R rows of a split, K classes.
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

from mgdist.data.batches import evaluation_batches
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.metrics import Scores, score, verdict
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist.runs import write

AT_A_TIME = 256
"""Examples of one forward pass."""
SCORES, SPLITS = "scores.json", ("valid", "test")


@dataclass(frozen=True)
class Evaluated:
    """How good a trained network is.

    Attributes:
        valid: (R, K) its probabilities on the validation split.
        test: the same on the test split.
        network: its scores by split.
        baseline: those of the linear baseline, on the same rows.
        verdicts: in plain words, what is wrong with it; empty where it beats chance and the baseline.
    """

    valid: NDArray[np.float32]
    test: NDArray[np.float32]
    network: Mapping[str, Scores]
    baseline: Mapping[str, Scores]
    verdicts: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "Evaluated":
        """Read what :func:`evaluate` left."""
        told = json.loads((folder / SCORES).read_text())
        scores = {name: {s: Scores.from_json(told[name][s]) for s in SPLITS} for name in ("network", "baseline")}
        valid, test = (np.load(folder / f"{split}.npy") for split in SPLITS)
        return cls(valid, test, **scores, verdicts=tuple(told["verdicts"]))


def evaluate(job: Job, dataset: Dataset, weights: Path, folder: Path) -> None:
    """Score a trained network and the linear baseline on the validation and the test split.

    Leaves ``valid.npy`` and ``test.npy`` (the probabilities) and ``scores.json`` in the folder.
    """
    network, splits = restore(job, dataset, weights), {"valid": dataset.valid, "test": dataset.test}
    linear, scores = baseline(dataset), {}
    for name, shard in splits.items():
        found = probabilities(network, shard)
        np.save(folder / f"{name}.npy", found)
        scores[name] = score(found, shard.targets)
    told = {
        "network": {name: part.as_json() for name, part in scores.items()},
        "baseline": {name: part.as_json() for name, part in linear.items()},
        "verdicts": verdict(scores["test"], linear["test"]),
    }
    write(folder / SCORES, json.dumps(told, indent=1))


def restore(job: Job, dataset: Dataset, weights: Path) -> Network:
    """Build a job's network with the weights that training left, ready to answer."""
    network = build(job, rows=dataset.input.rows, classes=len(dataset.labels))
    network.load_state_dict(load_file(weights))
    return network.eval()


def probabilities(network: Network, shard: Shard) -> Float[np.ndarray, "R K"]:
    """Return the network's probabilities for the rows of a split, in their order."""
    with torch.inference_mode():
        found = [network(batch).softmax(1).numpy() for batch in evaluation_batches(shard, AT_A_TIME)]
    stacked: NDArray[np.float32] = np.concatenate(found)
    return stacked
