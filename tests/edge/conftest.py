"""A real bundle of a small network, made once a session."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mgdist.apart import apart
from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.golden import Example, Golden
from mgdist_edge.manifest import Level, Manifest
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.tasks import Classify
from mgdist_edge.text import PADDING, UNKNOWN, TextInput, words
from mgdist_edge.views import Views
from mgdist_edge.windows import Window
from tests.edge import network

LABELS = ("numpy", "pathlib", "json", "Größe")


@cache
def documents() -> list[str]:
    """Return real documents: the docstrings of numpy, of very different lengths."""
    found = {name: inspect.getdoc(getattr(np, name, None)) for name in np.__all__}
    texts = sorted({text for text in found.values() if text and len(text) > 20}, key=len)
    return texts[::3]


@cache
def fitted() -> TextInput:
    counted = sorted({word for text in documents() for word in words(text, lowercase=True)})[::7][:298]
    vocabulary = {word: place for place, word in enumerate([PADDING, UNKNOWN, *counted])}
    return TextInput(vocabulary, True, windows(network.LEVELS), network.ORDER, network.ROWS - len(vocabulary))


def windows(levels: Iterable[Level]) -> dict[str, Window]:
    """Return what the units of some levels of a text cover."""
    return {level.name.rsplit(".")[-1]: Window(level.length, 1 if level.reads == "ids" else None) for level in levels}


def manifest(**changed: object) -> Manifest:
    said = {
        "name": "small",
        "created": "2026-11-22T10:30:05Z",
        "license": "Apache-2.0",
        "tasks": {ONLY_HEAD: Classify(LABELS)},
        "inputs": {ONLY_INPUT: fitted()},
        "levels": network.LEVELS,
        "method": "float32",
        "job_digest": "0" * 64,
        "data_digest": "1" * 64,
        "versions": {"mgdist": "0.1.0"},
        "metrics": {"accuracy": 0.25},
        "parity": {"difference": 1e-6},
    }
    return Manifest(**{**said, **changed})


@cache
def golden() -> Golden:
    trained = network.Network().eval()
    texts = documents()[:: len(documents()) // 8][:8]
    return Golden(tuple(example(text, trained.answer(fitted().views(text)).tolist()) for text in texts))


def example(text: str, outputs: Sequence[float]) -> Example:
    """Return a golden example of the only input and the only head."""
    return Example({ONLY_INPUT: text}, {ONLY_HEAD: tuple(outputs)})


def read(text: str) -> dict[str, Views]:
    """Return the views of a text, of the only input."""
    return {ONLY_INPUT: fitted().views(text)}


@cache
def model() -> bytes:
    return apart(network.flatbuffer)


@pytest.fixture(scope="session")
def flatbuffer() -> bytes:
    return model()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path: Path = tmp_path_factory.mktemp("bundle") / "small.tflite"
    return bundle(model(), manifest(), golden(), path, readme="# A small network\n")


@pytest.fixture
def trained() -> network.Network:
    return network.Network().eval()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remember what was replayed in a folder of the tests, not in that of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
