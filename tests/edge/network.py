"""A small real network of three levels, in torch, and its device model.

Legend as in the runtime: N units, S samples, C channels, D width, B = 1 document.
"""

import logging

import numpy as np
import torch
from torch import Tensor, nn

from mgdist.apart import needs
from mgdist_edge.manifest import Level
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.views import Views, pad

ROWS, ORDER, EMBEDDED, WIDTH, CLASSES = 24_600, 2, 12, 8, 4
LEVELS = (
    Level("word", ONLY_INPUT, "ids", 12, channels=ORDER, width=2 * WIDTH, counts=(1, 4, 16), masked=False),
    Level("sentence", ONLY_INPUT, "units", 6, channels=2 * WIDTH, width=2 * WIDTH, counts=(1, 4), masked=True),
    Level("paragraph", ONLY_INPUT, "units", 5, channels=2 * WIDTH, width=2 * WIDTH, counts=(1,), masked=True),
)


class Unit(nn.Module):
    """A convolution along the samples; mean and maximum of its states."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolve = nn.Conv1d(channels, WIDTH, 3, padding=1)

    def forward(self, samples: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(-1)
        states = torch.relu(self.convolve((samples * real).transpose(1, 2)).transpose(1, 2)) * real
        mean = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return torch.cat([mean, states.amax(1)], -1)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ROWS, EMBEDDED, padding_idx=0)
        self.unit = Unit(EMBEDDED)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"vectors": self.unit(self.embedding(ids).sum(2), (ids[:, :, 0] > 0).float())}


class Coarser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = Unit(2 * WIDTH)

    def forward(self, samples: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"vectors": self.unit(samples, mask)}


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6 * WIDTH, CLASSES)

    def forward(self, word: Tensor, sentence: Tensor, paragraph: Tensor) -> dict[str, Tensor]:
        return {ONLY_HEAD: torch.softmax(self.linear(torch.cat([word, sentence, paragraph], -1)), -1)}


class Network(nn.Module):
    """All of it; what a document gives is computed without any padding but that of its own units."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.levels = nn.ModuleDict({"word": Words(), "sentence": Coarser(), "paragraph": Coarser()})
        self.head = Head()

    @torch.no_grad()
    def answer(self, views: Views) -> np.ndarray:
        (samples, *_), summaries = views.samples, {}
        for (name, level), lengths in zip(self.levels.items(), views.lengths, strict=True):
            units, mask = pad(samples, lengths)
            read = [torch.tensor(units)] if name == "word" else [torch.tensor(units), torch.tensor(mask).float()]
            samples = level(*read)["vectors"].numpy()
            summaries[name] = torch.tensor(np.average(samples, axis=0, weights=lengths)[None]).float()
        return self.head(**summaries)[ONLY_HEAD][0].numpy()


@needs("litert_torch")
def flatbuffer() -> bytes:
    """Return the device model; better called in a process of its own."""
    import litert_torch

    logging.disable(logging.WARNING)
    network, converter = Network().eval(), litert_torch.Converter()
    for level in LEVELS:
        for count in level.counts:
            mask = torch.ones(count, level.length)
            units = {"samples": torch.zeros(count, level.length, level.channels), "mask": mask}
            ids = {"ids": torch.ones(count, level.length, ORDER, dtype=torch.int32)}
            read = ids if level is LEVELS[0] else units
            converter.signature(f"{level.name}_{count}", network.levels[level.name], sample_kwargs=read)
    converter.signature(
        "head", network.head, sample_kwargs={level.name: torch.zeros(1, level.width) for level in LEVELS}
    )
    return converter.convert().model_content()


@needs("ai_edge_quantizer.quantizer")
def quantized(model: bytes) -> bytes:
    """Return the model in dynamic int8; its larger constants lie behind the flatbuffer's tables."""
    from ai_edge_quantizer import quantizer, recipe

    return bytes(quantizer.Quantizer(bytearray(model), recipe.dynamic_wi8_afp32()).quantize().quantized_model)
