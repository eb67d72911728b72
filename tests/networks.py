"""Small jobs of every encoder, pool and fusion, their networks, and batches of made-up documents."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mgdist.data.batches import Batch
from mgdist.job.point import checked
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist_edge.views import pad

ENCODERS: dict[str, dict[str, Any]] = {
    "bag": {"kind": "bag"},
    "conv": {"kind": "conv", "layers": 2, "kernel": 3, "residual": True},
    "gru": {"kind": "gru", "layers": 2},
    "lstm": {"kind": "lstm"},
    "transformer": {"kind": "transformer", "layers": 1, "heads": 2},
}
POOLS = ("mean", "max", "attention")
FUSIONS = ("concat", "gated")
ROWS, CLASSES = 50, 3


def level(encoder: str, *pools: str, length: int = 6, skip: bool = False, **changes: Any) -> dict[str, Any]:
    """Return a level with one of ENCODERS, some of whose fields may be changed."""
    reader = {**ENCODERS[encoder], **changes}
    return {"length": length, "encoder": reader, "pool": list(pools or ("mean",)), "skip": skip}


def job_of(levels: dict[str, Any], *, counts: Sequence[int] = (1, 2), **model: Any) -> Job:
    """Return the job with these levels and fields of ``model``."""
    job, mistakes = checked(
        {
            "name": "small",
            "task": {"kind": "classify", "label": "label"},
            "data": {
                "source": {"kind": "files", "train": "train.csv"},
                "input": {"kind": "text", "vocabulary": ROWS},
            },
            "granularities": levels,
            "model": {"width": 8, **model},
            "device": {"unit_counts": list(counts)},
        }
    )
    assert job is not None, mistakes
    return job


def network_of(job: Job, *, rows: int = ROWS, classes: int = CLASSES, seed: int = 0) -> Network:
    """Return the job's network in evaluation mode, its biases other than zero so that padding could show."""
    torch.manual_seed(seed)
    network = build(job, rows=rows, classes=classes).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return network


def ids_of(count: int, *, order: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, ROWS, (count, order), dtype=np.int32)


def batch_of(documents: Sequence[Sequence[Sequence[int]]], *, order: int = 1, longer: int = 0, empty: int = 0) -> Batch:
    """Lay documents into one batch.

    Args:
        documents: for each, the lengths of its units, a list a level, finest first.
        order: ids of a sample.
        longer: padded samples behind the longest unit of every level.
        empty: padded units behind the last one of every level; they belong to the first document.
    """
    levels = [np.array([n for units in level for n in units], np.int32) for level in zip(*documents, strict=True)]
    masks, members, owners, ids = [], [], [], None
    for index, lengths in enumerate(levels):
        size = int(lengths.max()) + longer
        samples = ids_of(int(lengths.sum()), order=order) if index == 0 else np.arange(lengths.sum(), dtype=np.int64)
        units, mask = pad(samples, np.append(lengths, np.zeros(empty, np.int32)), size)
        masks.append(torch.from_numpy(mask.astype(np.float32)))
        owner = [document for document, units in enumerate(documents) for _ in units[index]] + [0] * empty
        owners.append(torch.tensor(owner))
        if index == 0:
            ids = torch.from_numpy(units)
        else:
            members.append(torch.from_numpy(units))
    targets = torch.zeros(len(documents), dtype=torch.int64)
    return Batch(ids=ids, masks=tuple(masks), members=tuple(members), owners=tuple(owners), targets=targets)


TWO_DOCUMENTS = (((5, 2, 6), (2, 1), (2,)), ((3,), (1,), (1,)))
"""Three levels: five, two and six words in two paragraphs; and a document of one sentence."""
