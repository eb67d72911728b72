"""The same documents by every client: Python here, emulated Arm, the browser, and MediaPipe for its variant.

    python -m tests.benchmarks clients RUN [RUN ...] --documents 200

answers documents of a run's test split with its bundle, sets each client's probabilities beside those of this Python,
and prints a Markdown table. A run with a ``NAME.mediapipe.tflite`` (``mgdist bundle --for mediapipe RUN``) is asked
through MediaPipe in Python and in JavaScript, too. Needs what ``make .venv/browser`` and ``make .venv/arm`` install.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.export.measure import write_examples
from mgdist_edge import load
from mgdist_edge.documents import read_file
from mgdist_edge.predictor import Predictor
from mgdist_edge.text import TextInput
from tests.arm.board import BOARDS, aarch64, wheel
from tests.benchmarks.browser import browser, bundle_of
from tests.benchmarks.setting import parser, table, told

ALLOWED = 0.02
CLIENTS = Path(__file__).parents[1] / "clients"
Found = list[NDArray[np.float64]]
"""The probabilities of each document, in the order of the labels."""


def main(options: argparse.Namespace) -> None:
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-clients-") as folder:
        rows = [row for run in options.runs for row in compared(run, options.documents, Path(folder))]
        head = ["bundle", "client", "documents", "equal labels", "largest difference", "mean difference"]
        table([*head, f"within {ALLOWED}"], rows)


def compared(run: Path, most: int, folder: Path) -> Iterator[list[object]]:
    """Yield a row for each client that can be asked."""
    path = bundle_of(run)
    predictor = load(path)
    ((head, task),) = predictor.bundle.manifest.tasks.items()
    file = write_examples(Dataset.open(run / "data").test, most, folder / "examples.jsonl")
    raws = [document.raw for document in read_file(file, predictor.bundle.manifest.inputs)]
    here = [predictor.outputs(predictor.views(raw))[head] for raw in raws]
    there = {"emulated aarch64": on_arm(path, file, task.labels, folder) if (BOARDS / "made").is_file() else None}
    there["browser (LiteRT.js)"] = [np.array(outputs[head]) for outputs, _ in browser(path, predictor, raws, folder)]
    variant = path.with_suffix(".mediapipe.tflite")
    if variant.is_file():
        shown = [_as_client(predictor, raw) for raw in raws]
        if isinstance(raws[0], str):
            program = [sys.executable, "mediapipe_python.py"]
            there["MediaPipe, Python, as written"] = in_mediapipe(program, variant, raws, task, folder)
        there["MediaPipe, Python"] = in_mediapipe([sys.executable, "mediapipe_python.py"], variant, shown, task, folder)
        there["MediaPipe, browser"] = in_mediapipe(["node", "mediapipe.mjs"], variant, shown, task, folder)
    for client, found in there.items():
        yield [path.stem, client, *_row(here, found)] if found else [path.stem, client, "not asked", "", "", "", ""]


def _row(here: list[NDArray[np.float32]], there: Found) -> list[object]:
    pairs = list(zip(here, there, strict=True))
    differences = [float(np.abs(one - other).max()) for one, other in pairs]
    equal = sum(int(one.argmax() == other.argmax()) for one, other in pairs)
    return [
        len(pairs), f"{equal} of {len(pairs)}", f"{max(differences):.1e}", f"{np.mean(differences):.1e}",
        f"{sum(difference <= ALLOWED for difference in differences)} of {len(pairs)}",
    ]  # fmt: skip


def on_arm(bundle: Path, file: Path, labels: tuple[str, ...], folder: Path) -> Found:
    """Return what the wheel answers on an emulated Raspberry Pi 4."""
    built = folder / "arm"
    board = aarch64(built / "unpacked" if built.is_dir() else wheel(built))
    done = board.python(
        "-m", "mgdist_edge", "predict", bundle, "--file", file, "--json", "--no-replay", "--exit", "off"
    )
    assert not done.returncode, done.stderr
    return [_ordered(json.loads(line)["probabilities"], labels) for line in done.stdout.splitlines()]


def in_mediapipe(program: list[str], model: Path, raws: list[Any], task: Any, folder: Path) -> Found:
    """Return what MediaPipe answers, in Python or in Chromium."""
    (folder / "shown.json").write_text(json.dumps(raws))
    command = [program[0], CLIENTS / program[1], model.resolve(), folder / "shown.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    said = json.loads(done.stdout)
    return [_ordered(each, task.labels) for each in (said["scores"] if isinstance(said, dict) else said)]


def _ordered(probabilities: dict[str, float], labels: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([probabilities[label] for label in labels])


def _as_client(predictor: Predictor, raw: Any) -> Any:
    """Return a raw value as docs/clients.md hands it to MediaPipe: small letters, no space around; pixels in colour."""
    ((_, fitted),) = predictor.bundle.manifest.inputs.items()
    if isinstance(fitted, TextInput):
        return raw.strip().lower() if fitted.lowercase else raw.strip()
    pixels = np.asarray(fitted.read(raw))
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).tolist()


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("runs", type=Path, metavar="RUN", nargs="+")
    options.add_argument("--documents", type=int, default=200)
    main(options.parse_args())
