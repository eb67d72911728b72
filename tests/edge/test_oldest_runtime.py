"""The oldest LiteRT that mgdist-edge declares gives the golden answers too, and so does tflite-runtime 2.14."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgdist.compress.layers import layers_of
from mgdist.compress.quantize import Format, quantize
from mgdist.export.bundle import bundle
from mgdist.export.litert_route import Converted, convert
from mgdist.job.compress import USUAL, Method
from mgdist_edge.golden import Golden
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.predictor import load
from mgdist_edge.tasks import Classify
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.windows import Window
from tests.edge.conftest import example, manifest
from tests.networks import ROWS, job_of, level, network_of

OLDEST = "ai-edge-litert==2.1.0"
LEVELS = {
    "word": level("conv", "mean", "max", length=8, skip=True),
    "sentence": level("lstm", "attention", length=6),
    "paragraph": level("transformer", "max", length=6),
}
JOB = job_of(LEVELS, norm="rms")
"""All kinds of operators in one network; a GRU's are those of an LSTM, and a bag has none."""

WORDS = {word: place for place, word in enumerate([PADDING, UNKNOWN, *(f"w{place}" for place in range(ROWS - 2))])}
WINDOWS = {"word": Window(8, 1), "sentence": Window(6, None), "paragraph": Window(6, None)}
INPUTS, TASKS = {ONLY_INPUT: TextInput(WORDS, True, WINDOWS)}, {ONLY_HEAD: Classify(("a", "b", "c"))}


def installed(folder: Path, *packages: str) -> Path:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *packages]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("oldest"), OLDEST)


@pytest.fixture(scope="module")
def last_tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where tflite-runtime lies, alone: the edge runtime takes it where there is no LiteRT."""
    return installed(tmp_path_factory.mktemp("tflite"), "tflite-runtime==2.14.0", "numpy<2")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    path = tmp_path_factory.mktemp("converted") / "float32.tflite"
    return convert(network_of(JOB), JOB, INPUTS, TASKS, path)


@pytest.fixture(scope="module")
def in_one(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Return a network whose LSTM is one operator."""
    levels = {name: dict(spec) for name, spec in LEVELS.items()} | {"sentence": level("lstm, one operator", length=6)}
    job, path = job_of(levels, norm="rms"), tmp_path_factory.mktemp("one") / "float32.tflite"
    return convert(network_of(job), job, INPUTS, TASKS, path)


def packed(converted: Converted, method: Method, folder: Path) -> Path:
    """Return a bundle whose golden examples are the answers of the newest runtime."""
    texts = [f"w1 w2 w{n}. w4 w{n} w6 w7.\n\nw{n} w8 w9 w10 w11 w12 w13 w14 w15 w16" for n in range(3, 11)]
    about = manifest(tasks=TASKS, inputs=INPUTS, levels=converted.levels)
    lowest: dict[str, Format] = {} if method != "mixed" else {layer.name: "int4" for layer in layers_of(converted.path)}
    model = quantize(converted.path, method, folder / "model.tflite", formats=lowest).path
    even = Golden(tuple(example(text, (0.3, 0.3, 0.4)) for text in texts))
    newest = load(bundle(model, about, even, folder / "newest.tflite").path, replay=False)
    answers = [example(text, list(newest.predict(text).probabilities.values())) for text in texts]
    return bundle(model, about, Golden(tuple(answers)), folder / "golden.tflite").path


@pytest.mark.slow
@pytest.mark.parametrize("method", ["float32", "float16", "int8_dynamic", "int4", "mixed"])
def test_the_oldest_runtime_gives_the_answers_of_the_newest(
    converted: Converted, packages: Path, method: Method, tmp_path: Path
) -> None:
    done = on_oldest(packages, "-m", "mgdist_edge", "selftest", str(packed(converted, method, tmp_path)))
    assert done.returncode == 0, done.stderr
    assert str(packages) in on_oldest(packages, "-c", "import ai_edge_litert; print(ai_edge_litert.__file__)").stdout


@pytest.mark.slow
def test_an_lstm_in_one_operator_gives_the_same_on_old_runtimes(
    in_one: Converted, packages: Path, last_tflite: Path, tmp_path: Path
) -> None:
    """Golden examples are replayed one after another, so a state that was not reset would show."""
    for method in ("float16", "int8_dynamic"):
        done = on_oldest(packages, "-m", "mgdist_edge", "selftest", str(packed(in_one, method, tmp_path)))
        assert done.returncode == 0, done.stderr
    done = on_tflite(packed(in_one, "float32", tmp_path), last_tflite)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_oldest_runtime_refuses_two_bits_before_it_answers(
    converted: Converted, packages: Path, tmp_path: Path
) -> None:
    done = on_oldest(packages, "-m", "mgdist_edge", "selftest", str(packed(converted, "int2", tmp_path)))
    assert done.returncode != 0
    assert "Didn't find op for builtin opcode 'EMBEDDING_LOOKUP' version '5'" in done.stderr


def on_oldest(packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), "edge"])}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)


def on_tflite(bundle: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    """Replay the golden examples where tflite-runtime and an old numpy are all that is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(Path("edge").resolve())])}
    # -S: without the packages of this environment, of which LiteRT would be taken first.
    asked = [sys.executable, "-S", "-m", "mgdist_edge", "selftest", str(bundle)]
    return subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("method", USUAL["tflite_2_14"])
def test_what_suits_tflite_2_14_gives_the_answers_of_the_newest_there(
    converted: Converted, last_tflite: Path, method: Method, tmp_path: Path
) -> None:
    done = on_tflite(packed(converted, method, tmp_path), last_tflite)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("method", ["int8_dynamic", "int4", "int2", "mixed"])
def test_tflite_2_14_refuses_what_it_would_compute_wrongly(
    converted: Converted, last_tflite: Path, method: Method, tmp_path: Path
) -> None:
    done = on_tflite(packed(converted, method, tmp_path), last_tflite)
    assert done.returncode != 0
    assert "expected a model that LiteRT can run" in done.stderr, done.stdout + done.stderr
