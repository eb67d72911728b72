"""The oldest LiteRT that mgdist-edge declares gives the golden answers too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgdist.compress.quantize import quantize
from mgdist.export.bundle import bundle
from mgdist.export.litert_route import convert, device_levels
from mgdist.job.compress import Method
from mgdist_edge.golden import Golden
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.predictor import load
from mgdist_edge.tasks import Classify
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.windows import Window
from tests.edge.conftest import example, manifest
from tests.networks import ROWS, job_of, level, network_of

OLDEST = "ai-edge-litert==2.1.0"
JOB = job_of(
    {
        "word": level("conv", "mean", "max", length=8, skip=True),
        "sentence": level("lstm", "attention", length=6),
        "paragraph": level("transformer", "max", length=6),
    },
    norm="rms",
)
"""All kinds of operators in one network; a GRU's are those of an LSTM, and a bag has none."""

WORDS = {word: place for place, word in enumerate([PADDING, UNKNOWN, *(f"w{place}" for place in range(ROWS - 2))])}
WINDOWS = {"word": Window(8, 1), "sentence": Window(6, None), "paragraph": Window(6, None)}
INPUTS, TASKS = {ONLY_INPUT: TextInput(WORDS, True, WINDOWS)}, {ONLY_HEAD: Classify(("a", "b", "c"))}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oldest")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), OLDEST]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("converted") / "float32.tflite"
    convert(network_of(JOB), JOB, INPUTS, TASKS, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("method", ["float32", "float16", "int8_dynamic", "int4"])
def test_the_oldest_runtime_gives_the_answers_of_the_newest(
    converted: Path, packages: Path, method: Method, tmp_path: Path
) -> None:
    texts = [f"w1 w2 w{n}. w4 w{n} w6 w7.\n\nw{n} w8 w9 w10 w11 w12 w13 w14 w15 w16" for n in range(3, 11)]
    about = manifest(tasks=TASKS, inputs=INPUTS, levels=device_levels(JOB, INPUTS))
    model = quantize(converted, method, tmp_path / "model.tflite").path
    even = Golden(tuple(example(text, (0.3, 0.3, 0.4)) for text in texts))
    newest = load(bundle(model, about, even, tmp_path / "newest.tflite").path)
    answers = [example(text, list(newest.predict(text).probabilities.values())) for text in texts]
    packed = bundle(model, about, Golden(tuple(answers)), tmp_path / "golden.tflite")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), "edge"])}
    asked = [sys.executable, "-m", "mgdist_edge", "selftest", str(packed.path)]
    done = subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    version = [sys.executable, "-c", "import ai_edge_litert; print(ai_edge_litert.__file__)"]
    assert str(packages) in subprocess.run(version, capture_output=True, text=True, env=environment, check=True).stdout
