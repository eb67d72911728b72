"""MediaPipe, in Python and in JavaScript, loads what ``bundle --for mediapipe`` makes, and answers as the bundle."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mgdist.clients import bundle_for_mediapipe
from mgdist.errors import ConvertError, JobError
from mgdist.export.mediapipe import require_expressible
from mgdist.job.load import load as load_job
from mgdist_edge import load
from mgdist_edge.array import ArrayInput
from mgdist_edge.tasks import Classify, Regress
from tests.edge.conftest import fitted as small_text
from tests.edge.test_inputs import HARD
from tests.search.finished import shipped
from tests.test_line import WORDS as TOPICS
from tests.web.port import NODE, need_browser

HERE = Path(__file__).parent
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
"""MediaPipe likes to tell its maker that it runs; nothing listens there."""
TEXT = """\
name: tiny
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text, min_count: 1, cut: windows}
granularities:
  word: {length: 8, encoder: {kind: conv, kernel: 3}, pool: [mean, max]}
  sentence: {length: 4, encoder: {kind: bag}}
model: {width: 8}
train: {epochs: 4, batch_size: 16, lr: 0.02}
compress: {max_accuracy_drop: 0.1, methods: [float32]}
run: {folder: RUNS}
"""
IMAGE = """\
name: digits
task: {kind: classify, label: label}
data:
  source: {kind: sklearn, name: digits}
  input: {kind: image, column: image, size: [8, 8], channels: 1}
granularities:
  patch: {length: 2, encoder: {kind: none}, pool: [all]}
  image: {length: 4, encoder: {kind: conv, kernel: 3, norm: batch}, pool: [mean, max]}
model: {width: 16}
train: {epochs: 3, batch_size: 32, lr: 0.01}
compress: {max_accuracy_drop: 0.1, methods: [int8_dynamic]}
run: {folder: RUNS}
"""


def made(folder: Path, job: str) -> tuple[Path, str]:
    """Do a job, make its variant, and return the folder of the run and what was said of the variant."""
    pairs = [(label, words.split()[row % 5]) for row in range(80) for label, words in TOPICS.items()]
    lines = [
        {"text": f"It came as number {place}. Nobody saw it: all was a {word}.", "label": label}
        for place, (label, word) in enumerate(pairs)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = job.replace("TRAIN", str(folder / "train.jsonl")).replace("RUNS", str(folder / "runs"))
    (folder / "job.yaml").write_text(text)
    run = shipped(load_job(folder / "job.yaml"))
    return run, variant(run)


def variant(run: Path, to: Path | None = None, **asked: Any) -> str:
    options = {"method": None, "budget": None, "words": None, **asked}
    return bundle_for_mediapipe(run, to, **options)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return made(tmp_path_factory.mktemp("text"), TEXT)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return made(tmp_path_factory.mktemp("image"), IMAGE)


def in_python(model: Path, raws: Sequence[Any], folder: Path) -> list[dict[str, float]]:
    need_browser()
    (folder / "raws.json").write_text(json.dumps(raws))
    command = [sys.executable, HERE / "mediapipe_python.py", model, folder / "raws.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **OFFLINE})
    assert not done.returncode, done.stderr
    found: list[dict[str, float]] = json.loads(done.stdout)
    return found


def in_browser(model: Path, raws: Sequence[Any], folder: Path) -> list[dict[str, float]]:
    need_browser()
    (folder / "raws.json").write_text(json.dumps(raws))
    command = [NODE, HERE / "mediapipe.mjs", model, folder / "raws.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert all("127.0.0.1" not in url for url in found["elsewhere"])
    scores: list[dict[str, float]] = found["scores"]
    return scores


def by_mgdist(run: Path, raws: Sequence[Any]) -> list[dict[str, float]]:
    predictor = load(run / f"{run.parent.name}.tflite")
    return [dict(predictor.predict(raw).probabilities) for raw in raws]


def agree(here: list[dict[str, float]], there: list[dict[str, float]], most: float) -> None:
    assert len(here) == len(there)
    for one, other in zip(here, there, strict=True):
        assert set(one) == set(other)
        assert max(one, key=one.__getitem__) == max(other, key=other.__getitem__)
        assert max(abs(one[label] - other[label]) for label in one) <= most


@pytest.mark.slow
def test_a_text_has_the_bundles_label_and_probabilities(text: tuple[Path, str], tmp_path: Path) -> None:
    run, told = text
    model = run / "tiny.mediapipe.tflite"
    assert told.startswith(f"{model}: ids (1, 32) -> 3 labels, float32")
    assert "24 validation rows: equal labels 24 (100.00%), largest difference of a probability 0.0" in told
    raws = [f"This is about a {word}.\n\n\tIt CAME; as Number {place}!" for place, word in enumerate(WRITTEN)]
    raws += [each.replace("\u0130", "I") for each in HARD] + ["plum " * 40, "Wave"]  # İ is two letters when small
    there = in_python(model, raws, tmp_path)
    agree(by_mgdist(run, raws), there, 1e-4)
    agree(in_browser(model, raws, tmp_path), there, 1e-4)


WRITTEN = ("apple", "PEAR", "Hammer", "saw", "tide", "reef", "Surf", "nothing")


@pytest.mark.slow
def test_an_image_has_the_bundles_label_and_probabilities(image: tuple[Path, str], tmp_path: Path) -> None:
    run, told = image
    model = run / "digits.mediapipe.tflite"
    assert told.startswith(f"{model}: image (1, 8, 8, 3) -> 10 labels, int8_dynamic")
    found = load_digits().images[::90].astype(np.uint8)
    assert len(found) == 20
    colours = [np.broadcast_to(each[:, :, None], (8, 8, 3)).tolist() for each in found]
    there = in_python(model, colours, tmp_path)
    agree(by_mgdist(run, list(found)), there, 5e-3)
    agree(in_browser(model, colours, tmp_path), there, 1e-4)


@pytest.mark.slow
def test_the_file_opens_as_a_zip_and_as_a_plain_model(text: tuple[Path, str]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model = text[0] / "tiny.mediapipe.tflite"
    with zipfile.ZipFile(model) as archive:
        assert archive.namelist() == ["labels.txt", "vocab.txt"]
        assert archive.read("labels.txt").decode().splitlines() == ["fruit", "sea", "tools"]
    reads = Interpreter(str(model)).get_signature_list()
    assert reads == {"serving_default": {"inputs": ["ids"], "outputs": ["probabilities"]}}


@pytest.mark.slow
def test_too_many_other_labels_are_refused_and_wrong_options_are_one_line(
    text: tuple[Path, str], tmp_path: Path
) -> None:
    run = text[0]
    window = "--words: expected a multiple of 8, the words of a window, up to 32; got "
    for asked, line in (
        ({"words": 12}, f"{window}12"),
        ({"words": 64}, f"{window}64"),
        ({"method": "mixed"}, "--method: expected a format that needs no measuring; got mixed; say --method"),
    ):
        with pytest.raises(JobError, match=f"^{re.escape(line)}"):
            variant(run, **asked)
    with pytest.raises(ConvertError, match=r"not written: expected the bundle's label for 99\.00% of 24 validation"):
        variant(run, tmp_path / "other.tflite", budget=0.01, words=8)
    assert not (tmp_path / "other.tflite").exists()


def test_what_a_tokenizer_cannot_do_is_refused_with_what_to_change() -> None:
    task, reading = Classify(("a", "b")), small_text()
    assert reading.order == 2
    with pytest.raises(JobError) as caught:
        require_expressible({"input": reading}, {"answer": task})
    cut, ngrams = str(caught.value).splitlines()
    assert cut.startswith("for MediaPipe: data.input.cut: expected windows, since MediaPipe's tokenizer does not tell")
    assert ngrams.startswith("for MediaPipe: model.embedding.ngrams: expected null, since MediaPipe's tokenizer knows")
    plain = replace(reading, windows=True, order=1, buckets=0)
    require_expressible({"input": plain}, {"answer": task})
    for inputs, tasks, line in (
        ({"one": plain, "two": plain}, {"answer": task}, "expected one input and one head; got several"),
        ({"input": plain}, {"answer": Regress(("x",), (0.0,), (1.0,))}, "task.kind: expected classify, ordinal or"),
        ({"input": ArrayInput((2,), "float32", 1.0)}, {"answer": task}, "data.input.kind: expected text or image; got"),
    ):
        with pytest.raises(JobError, match=f"^for MediaPipe: {line}"):
            require_expressible(inputs, tasks)
