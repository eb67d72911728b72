"""Small jobs of every encoder, pool and fusion, what is fitted for them, their networks, and made-up batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mgdist.data.batches import Batch, Packed
from mgdist.job.point import checked
from mgdist.job.spec import Job
from mgdist.job.task import ClassifySpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.views import pad

ENCODERS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "bag": {"kind": "bag"},
    "mlp": {"kind": "mlp"},
    "conv": {"kind": "conv", "layers": 2, "kernel": 3, "residual": True},
    "conv in stages": {"kind": "conv", "stages": 3, "kernels": [3, 5], "residual": True, "norm": "batch"},
    "conv apart": {"kind": "conv", "layers": 2, "dilation": 2, "depthwise": True, "norm": "layer", "stages": 2},
    "rnn": {"kind": "rnn", "layers": 2},
    "gru": {"kind": "gru", "layers": 2},
    "lstm": {"kind": "lstm"},
    "lstm, one operator": {"kind": "lstm", "layers": 2, "fused": True},
    "transformer": {"kind": "transformer", "layers": 1, "heads": 2},
    "transformer, any order": {"kind": "transformer", "layers": 1, "heads": 2, "positions": "none"},
}
POOLS: dict[str, Any] = {
    "mean": "mean",
    "max": "max",
    "attention": "attention",
    "heads": {"kind": "attention", "heads": 2},
    "last": "last",
    "all": "all",
}
FUSIONS = ("concat", "gated")
ROWS, CLASSES = 50, 3


def level(encoder: str, *pools: str, length: int = 6, skip: bool = False, **changes: Any) -> dict[str, Any]:
    """Return a level with one of ENCODERS, some of whose fields may be changed, and some of POOLS."""
    reader = {**ENCODERS[encoder], **changes}
    return {"length": length, "encoder": reader, "pool": [POOLS[pool] for pool in pools or ("mean",)], "skip": skip}


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


def inputs_of(job: Job, rows: int = ROWS) -> dict[str, TextInput]:
    """Return text inputs as if fitted, each with so many words and n-gram buckets in all."""
    ngrams = job.model.embedding.ngrams
    order, buckets = (ngrams.order, min(ngrams.buckets, rows // 2)) if ngrams else (1, 0)
    words = [PADDING, UNKNOWN, *(f"w{number}" for number in range(2, rows - buckets))]
    vocabulary = {word: number for number, word in enumerate(words)}
    return {
        name: TextInput(vocabulary, lowercase=True, levels=job.windows_of(name), order=order, buckets=buckets)
        for name in job.inputs
    }


def tasks_of(job: Job, classes: int = CLASSES) -> dict[str, Task]:
    """Return what each head answers as if fitted, those of labels with so many of them."""
    return {name: _task_of(head, tuple(f"c{number}" for number in range(classes))) for name, head in job.heads.items()}


def _task_of(head: Head, labels: tuple[str, ...]) -> Task:
    match head:
        case ClassifySpec():
            return Classify(labels)
        case OrdinalSpec():
            return Ordinal(labels)
        case MultiLabelSpec():
            return MultiLabel(labels)
        case RegressSpec(targets=names):
            return Regress(names, (0.0,) * len(names), (1.0,) * len(names))


def network_of(job: Job, *, rows: int = ROWS, classes: int = CLASSES, seed: int = 0) -> Network:
    """Return the job's network in evaluation mode, its biases other than zero so that padding could show."""
    torch.manual_seed(seed)
    network = build(job, inputs_of(job, rows), tasks_of(job, classes)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
        for buffer in network.buffers():
            buffer.add_(torch.rand_like(buffer) * 0.3)
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
    lengths = [np.array([n for units in level for n in units], np.int32) for level in zip(*documents, strict=True)]
    levels = []
    for index, counts in enumerate(lengths):
        size = int(counts.max()) + longer
        samples = ids_of(int(counts.sum()), order=order) if index == 0 else np.arange(counts.sum(), dtype=np.int64)
        units, mask = pad(samples, np.append(counts, np.zeros(empty, np.int32)), size)
        owners = [document for document, units in enumerate(documents) for _ in units[index]] + [0] * empty
        levels.append(
            Packed(
                samples=None if index else torch.from_numpy(units),
                members=torch.from_numpy(units) if index else None,
                mask=torch.from_numpy(mask.astype(np.float32)),
                owners=torch.tensor(owners),
            )
        )
    return Batch(levels=tuple(levels), targets={ONLY_HEAD: torch.zeros(len(documents), dtype=torch.int64)})


TWO_DOCUMENTS = (((5, 2, 6), (2, 1), (2,)), ((3,), (1,), (1,)))
"""Three levels: five, two and six words in two paragraphs; and a document of one sentence."""
