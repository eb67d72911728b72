"""A small real network of two text inputs and two heads, in torch, its device model, and its bundle."""

import logging
from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from mgdist.apart import apart, needs
from mgdist_edge.golden import Example, Golden
from mgdist_edge.manifest import Level, Manifest
from mgdist_edge.tasks import Classify, Regress
from mgdist_edge.text import PADDING, UNKNOWN, TextInput, words
from mgdist_edge.views import Views, pad
from tests.edge.conftest import documents, manifest, windows
from tests.edge.network import WIDTH, Coarser, Unit

ROWS = {"title": 40, "body": 60}
SUMMARY = 2 * WIDTH
LEVELS = (
    Level("title.word", "title", "ids", 6, channels=1, width=SUMMARY, counts=(1,), masked=False),
    Level("body.word", "body", "ids", 10, channels=1, width=SUMMARY, counts=(1, 4), masked=False),
    Level("body.sentence", "body", "units", 5, channels=SUMMARY, width=SUMMARY, counts=(1,), masked=True),
)
TASKS = {"topic": Classify(("a", "b", "c")), "size": Regress(("width", "height"), (10.0, -5.0), (2.0, 100.0))}


class Words(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.embedding, self.unit = nn.Embedding(rows, 4, padding_idx=0), Unit(4)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"vectors": self.unit(self.embedding(ids[:, :, 0]), (ids[:, :, 0] > 0).float())}


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.topic, self.size = nn.Linear(3 * SUMMARY, 3), nn.Linear(3 * SUMMARY, 2)

    def forward(self, title_word: Tensor, body_word: Tensor, body_sentence: Tensor) -> dict[str, Tensor]:
        fused = torch.cat([title_word, body_word, body_sentence], -1)
        return {"topic": torch.softmax(self.topic(fused), -1), "size": self.size(fused)}


class Network(nn.Module):
    """All of it; what an example gives is computed without any padding but that of its own units."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        parts = {"title_word": Words(ROWS["title"]), "body_word": Words(ROWS["body"]), "body_sentence": Coarser()}
        self.levels, self.head = nn.ModuleDict(parts), Head()

    @torch.no_grad()
    def answer(self, views: Mapping[str, Views]) -> dict[str, np.ndarray]:
        summaries, finer = {}, np.zeros(0)
        for level in LEVELS:
            place = [each.name for each in LEVELS if each.input == level.input].index(level.name)
            samples, lengths = views[level.input].samples[place], views[level.input].lengths[place]
            units, mask = pad(finer if samples is None else samples, lengths)
            read = [torch.tensor(units)] + [torch.tensor(mask).float()] * level.masked
            finer = self.levels[level.key](*read)["vectors"].numpy()
            summaries[level.key] = torch.tensor(np.average(finer, axis=0, weights=lengths)[None]).float()
        return {name: values[0].numpy() for name, values in self.head(**summaries).items()}


@needs("litert_torch")
def flatbuffer() -> bytes:
    """Return the device model; better called in a process of its own."""
    import litert_torch

    logging.disable(logging.WARNING)
    whole, converter = Network().eval(), litert_torch.Converter()
    for level in LEVELS:
        for count in level.counts:
            shape = (count, level.length, level.channels)
            units = {"samples": torch.zeros(shape), "mask": torch.ones(shape[:2])}
            read = units if level.masked else {"ids": torch.ones(shape, dtype=torch.int32)}
            converter.signature(f"{level.key}_{count}", whole.levels[level.key], sample_kwargs=read)
    summaries = {level.key: torch.zeros(1, level.width) for level in LEVELS}
    converter.signature("head", whole.head, sample_kwargs=summaries)
    return converter.convert().model_content()


@cache
def model() -> bytes:
    return apart(flatbuffer)


@cache
def inputs() -> dict[str, TextInput]:
    found = sorted({word for text in documents() for word in words(text, lowercase=True)})
    return {
        name: _fitted(name, [PADDING, UNKNOWN, *found[:: len(found) // rows]][:rows]) for name, rows in ROWS.items()
    }


def _fitted(name: str, known: list[str]) -> TextInput:
    levels = windows(level for level in LEVELS if level.input == name)
    return TextInput({word: place for place, word in enumerate(known)}, True, levels)


@cache
def raws() -> list[dict[str, str]]:
    """Return real examples: the first line of a docstring, and all of it."""
    return [{"title": text.split("\n")[0], "body": text} for text in documents()[::3]]


def views(raw: Mapping[str, str]) -> dict[str, Views]:
    return {name: fitted.views(raw[name]) for name, fitted in inputs().items()}


def said(**changed: object) -> Manifest:
    return manifest(**{"name": "pair", "tasks": TASKS, "inputs": inputs(), "levels": LEVELS, **changed})


@cache
def golden() -> Golden:
    trained = Network().eval()
    answers = [{name: tuple(v.tolist()) for name, v in trained.answer(views(raw)).items()} for raw in raws()[:6]]
    return Golden(tuple(map(Example, raws()[:6], answers)))
