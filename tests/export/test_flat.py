"""The flat variant of a network is the network: the same numbers, for a text in windows and for an image."""

from typing import Any

import numpy as np
import pytest
import torch

from mgdist.export.flat import OUTPUT, flat_image, flat_text, most_words
from mgdist.job.point import checked
from mgdist.models.build import build
from mgdist.models.heads import activated
from mgdist.models.network import Network
from mgdist_edge.image import ImageInput
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.tasks import Classify, Task
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.views import Views
from tests.networks import ROWS, job_of, level, network_of, tasks_of

WORDS = {word: place for place, word in enumerate([PADDING, UNKNOWN, *(f"w{n}" for n in range(2, ROWS))])}
LEVELS: dict[str, dict[str, Any]] = {
    "one level": {"word": level("conv", "mean", "max", length=7)},
    "two": {"word": level("gru", "attention", length=4, layers=1), "sentence": level("bag", "max", length=5)},
    "three": {
        "word": level("conv in stages", "mean", "last", length=6),
        "sentence": level("transformer, any order", "mean", "all", length=3),
        "paragraph": level("lstm", "attention", length=2, skip=True),
    },
}


def through(network: Network, levels: Any, views: Views, task: Task) -> torch.Tensor:
    """Return what a network says of one example, level by level as the device computes it."""
    vectors, summaries = torch.zeros(0), []
    for (key, module), (raw, lengths) in zip(
        levels.items(), zip(views.samples, views.lengths, strict=True), strict=True
    ):
        samples = vectors if raw is None else torch.from_numpy(np.ascontiguousarray(raw))
        units, place = [], 0
        for length in lengths.tolist():
            unit = samples[None, place : place + length]
            unit = network.embeddings[key](unit) if key in network.embeddings else unit
            units.append(module(unit, torch.ones(1, length)))
            place += length
        vectors, weights = torch.cat(units), torch.from_numpy(lengths).float()[:, None]
        summaries.append((vectors * weights).sum(0, keepdim=True) / weights.sum())
    assert network.fusion is not None
    return activated(task, network.heads[ONLY_HEAD](network.fusion(summaries)))


@pytest.mark.parametrize("count", [1, 3, 9, 20])
@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
def test_a_text_of_any_length_gets_the_answer_of_its_levels(levels: dict[str, Any], count: int) -> None:
    job = job_of(levels, norm="rms")
    network, (task,) = network_of(job), tasks_of(job).values()
    fitted = TextInput(WORDS, True, job.windows_of(ONLY_INPUT), windows=True)
    words = [f"w{2 + place * 7 % 40}" for place in range(count)]
    flat = flat_text(network, fitted, task, most_words(fitted))
    ids = torch.zeros_like(flat.example)
    read = [WORDS[word] for word in words][: ids.shape[1]]
    ids[0, : len(read)] = torch.tensor(read)
    with torch.inference_mode():
        here = flat.module(ids)[OUTPUT]
        there = through(network, network.levels, fitted.views(". ".join(words).replace(".", "")), task)
    np.testing.assert_allclose(here.numpy(), there.numpy(), atol=1e-6)


IMAGES: dict[str, dict[str, Any]] = {
    "one level": {"image": {"length": 12, "encoder": {"kind": "conv", "kernel": 3}, "pool": ["mean"]}},
    "patches in regions, and a coarse view": {
        "patch": {"length": 2, "encoder": {"kind": "mlp"}, "pool": ["mean"]},
        "region": {"length": 3, "encoder": {"kind": "conv", "kernel": 3}, "pool": ["max"]},
        "image": {"length": 4, "scale": 3, "encoder": {"kind": "conv", "kernel": 3}, "pool": ["mean"]},
    },
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("levels", IMAGES.values(), ids=IMAGES)
def test_an_image_gets_the_answer_of_its_levels(levels: dict[str, Any], channels: int) -> None:
    job, mistakes = checked(
        {
            "name": "small",
            "task": {"kind": "classify", "label": "label"},
            "data": {
                "source": {"kind": "sklearn", "name": "digits"},
                "input": {"kind": "image", "size": [12, 12], "channels": channels},
            },
            "granularities": levels,
            "model": {"width": 8},
        }
    )
    assert job is not None, mistakes
    fitted = ImageInput(job.windows_of(ONLY_INPUT), (12, 12), (0.3, 0.4, 0.5)[:channels], (0.2, 0.3, 0.4)[:channels])
    task = Classify(("a", "b", "c"))
    torch.manual_seed(3)
    network = build(job, {ONLY_INPUT: fitted}, {ONLY_HEAD: task}).eval()
    pixels = np.random.default_rng(1).integers(0, 256, (12, 12, channels), np.uint8)
    seen = torch.from_numpy(np.broadcast_to(pixels, (12, 12, 3)).astype(np.float32))[None]
    with torch.inference_mode():
        here = flat_image(network, fitted, task).module(seen)[OUTPUT]
        there = through(network, network.levels, fitted.views(pixels), task)
    np.testing.assert_allclose(here.numpy(), there.numpy(), atol=1e-5)
