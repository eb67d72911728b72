"""Small real bundles of an image and of a recording: networks that learned in a second what a person can test."""

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn

from mgdist.apart import apart, needs
from mgdist.export.bundle import bundle
from mgdist_edge.audio import AudioInput
from mgdist_edge.bundle import Bundle
from mgdist_edge.golden import Example, Golden
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.manifest import Level
from mgdist_edge.mel import MelSpectrum
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.raws import Raw
from mgdist_edge.tasks import Classify
from mgdist_edge.windows import Window
from tests.edge.conftest import manifest

WIDTH, RATE = 48, 8000
PITCHES = ("low", "high")


class Unit(nn.Module):
    """What one unit of the only level gives: a hidden layer over its mean sample, or over all of them."""

    def __init__(self, samples: int, channels: int, *, flat: bool) -> None:
        super().__init__()
        self.flat = flat
        self.linear = nn.Linear(samples * channels if flat else channels, WIDTH)

    def forward(self, samples: Tensor) -> dict[str, Tensor]:
        read = samples.reshape(len(samples), -1) if self.flat else samples.mean(1)
        return {"vectors": torch.relu(self.linear(read))}


class Head(nn.Module):
    def __init__(self, level: str, labels: int) -> None:
        super().__init__()
        self.level, self.linear = level, nn.Linear(WIDTH, labels)

    def forward(self, **summaries: Tensor) -> dict[str, Tensor]:
        return {ONLY_HEAD: torch.softmax(self.linear(summaries[self.level]), -1)}


def learned(level: Level, samples: NDArray[np.float32], labels: list[int], *, flat: bool) -> tuple[Unit, Head]:
    """Return a network that learned to tell units (N, S, C) apart."""
    torch.manual_seed(1)
    torch.set_num_threads(1)  # so that the same is learned each time
    unit = Unit(level.length, level.channels, flat=flat)
    head = Head(level.name, 1 + max(labels))
    optimizer = torch.optim.Adam([*unit.parameters(), *head.parameters()], 0.01)
    read, targets = torch.tensor(samples), torch.tensor(labels)
    for _ in range(150):
        optimizer.zero_grad()
        logits = head.linear(unit(read)["vectors"])
        nn.functional.cross_entropy(logits, targets).backward()
        optimizer.step()
    return unit.eval(), head.eval()


@needs("litert_torch")
def flatbuffer(level: Level, unit: Unit, head: Head) -> bytes:
    import litert_torch

    logging.disable(logging.WARNING)
    converter = litert_torch.Converter()
    units = {"samples": torch.zeros(1, level.length, level.channels)}
    converter.signature(f"{level.name}_1", unit, sample_kwargs=units)
    converter.signature("head", head, sample_kwargs={level.name: torch.zeros(1, WIDTH)})
    return converter.convert().model_content()


def made(
    path: Path, fitted: Input, raws: list[Raw], labels: list[int], names: tuple[str, ...], *, flat: bool
) -> Bundle:
    """Write a bundle of a network that learned some examples, of one unit each."""
    ((name, _),) = fitted.levels.items()
    samples = np.stack([fitted.views(raw).samples[0] for raw in raws]).astype(np.float32)
    level = Level(name, ONLY_INPUT, "samples", *samples.shape[1:], width=WIDTH, counts=(1,), masked=False)
    unit, head = learned(level, samples, labels, flat=flat)
    said = manifest(
        name=path.stem, tasks={ONLY_HEAD: Classify(names)}, inputs={ONLY_INPUT: fitted}, levels=(level,), metrics={}
    )
    with torch.no_grad():
        outputs = head(**{name: unit(torch.tensor(samples))["vectors"]})[ONLY_HEAD].numpy()
    chosen = range(0, len(raws), len(raws) // 8)
    golden = Golden(
        tuple(Example({ONLY_INPUT: raws[each]}, {ONLY_HEAD: tuple(outputs[each].tolist())}) for each in chosen[:8])
    )
    return bundle(apart(flatbuffer, level, unit, head), said, golden, path)


def digits(path: Path) -> Bundle:
    """Return a bundle that reads handwritten digits, 8 x 8 pixels from 0 to 16, each moved by a pixel either way."""
    found = load_digits()
    images = [np.roll(each, way, (0, 1)) for each in found.images.astype(np.uint8) for way in ((0, 0), (0, 1), (0, -1))]
    raws: list[Raw] = [image[:, :, None] for image in images]
    labels = np.repeat(found.target, 3).tolist()
    fitted = ImageInput({"image": Window(8, 1)}, (8, 8), (0.02,), (0.024,), "fit")
    return made(path, fitted, raws, labels, tuple(map(str, range(10))), flat=True)


def tone(pitch: float, seconds: float = 0.4) -> NDArray[np.int16]:
    """Return a tone with a little noise."""
    time = np.arange(int(RATE * seconds)) / RATE
    noise = np.random.default_rng(int(pitch)).normal(0, 0.002, len(time))
    return ((0.5 * np.sin(2 * np.pi * pitch * time) + noise) * 32767).astype(np.int16)


def pitches(path: Path) -> Bundle:
    """Return a bundle that tells low tones from high ones."""
    raws: list[Raw] = [tone(pitch) for pitch in (*range(150, 450, 15), *range(1200, 3000, 90))]
    spectrum = MelSpectrum(RATE, 200, 80, 16, 0.0, 4000.0)
    fitted = AudioInput({"clip": Window(12, 1)}, spectrum, 12, (-8.0,) * 16, (4.0,) * 16)
    return made(path, fitted, raws, [0] * 20 + [1] * 20, PITCHES, flat=False)
