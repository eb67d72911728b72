"""The same bundle in Python and in a browser: are the answers the same, and how long do they take?

    python -m tests.benchmarks browser RUN --documents 200

answers documents of the run's test split with its bundle, in this Python and in headless Chromium through the page's
own modules, and prints a Markdown table. Differences are the largest ones of any output; milliseconds are medians of
second predictions, from the raw value to the answer. Needs what ``make .venv/browser`` installs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mgdist.data.dataset import Dataset
from mgdist.export.measure import write_examples
from mgdist_edge import load
from mgdist_edge.documents import read_file
from mgdist_edge.inputs import Input
from mgdist_edge.predictor import Predictor
from mgdist_edge.raws import raw_json
from mgdist_edge.table import TableInput
from mgdist_edge.text import TextInput
from tests.benchmarks.setting import ROOT, environment, parser, table, told

ALLOWED = 0.02
DRIVER = Path(__file__).with_name("browser.mjs")
Outputs = dict[str, list[float]]


def main(options: argparse.Namespace) -> None:
    with told():
        rows = [row(run, options.documents) for run in options.runs]
        head = ["bundle", "documents", "equal labels", "largest difference", "mean difference"]
        table([*head, f"within {ALLOWED}", "Python ms", "browser ms"], rows)


def row(run: Path, most: int) -> list[object]:
    """Return what is compared of the bundle of a run: its name, counts, differences and median times."""
    path = bundle_of(run)
    predictor = load(path)
    with tempfile.TemporaryDirectory(prefix="mgdist-browser-") as folder:
        file = write_examples(Dataset.open(run / "data").test, most, Path(folder) / "examples.jsonl")
        raws = [document.raw for document in read_file(file, predictor.bundle.manifest.inputs)]
        here = [python(predictor, raw) for raw in raws]
        there = browser(path, predictor, raws, Path(folder))
    both = [(one, other) for (one, _), (other, _) in zip(here, there, strict=True)]
    pairs = [(one[name], np.array(other[name])) for one, other in both for name in one]
    differences = [float(np.abs(one - other).max()) for one, other in pairs]
    equal = sum(int(one.argmax() == other.argmax()) for one, other in pairs)
    return [
        path.stem, len(raws), f"{equal} of {len(pairs)}", f"{max(differences):.1e}", f"{np.mean(differences):.1e}",
        f"{sum(difference <= ALLOWED for difference in differences)} of {len(pairs)}",
        float(np.median([ms for _, ms in here])), float(np.median([ms for _, ms in there])),
    ]  # fmt: skip


def bundle_of(run: Path) -> Path:
    """Return the bundle in a run's folder, beside which a variant of it may lie."""
    (path,) = (each for each in run.glob("*.tflite") if not each.name.endswith(".mediapipe.tflite"))
    return path


def python(predictor: Predictor, raw: Any) -> tuple[dict[str, Any], float]:
    """Return the outputs of each head, and the milliseconds that a prediction takes."""
    return predictor.outputs(predictor.views(raw)), predictor.predict(raw).milliseconds


def browser(path: Path, predictor: Predictor, raws: list[Any], folder: Path) -> list[tuple[Outputs, float]]:
    """Return the same of the page's own modules, in Chromium."""
    inputs = predictor.bundle.manifest.inputs
    said = [
        {name: plain(fitted, raw[name] if len(inputs) > 1 else raw) for name, fitted in inputs.items()} for raw in raws
    ]
    (folder / "raws.json").write_text(json.dumps(said))
    command = [sys.executable, "-m", "mgdist_edge", "web", path, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout
        address = server.stdout.readline().split()[0]
        done = subprocess.run(
            ["node", DRIVER, address, folder / "raws.json"], capture_output=True, text=True, check=True, env=os.environ
        )
        server.kill()
    return [(each["outputs"], each["milliseconds"]) for each in json.loads(done.stdout)]


def plain(fitted: Input, raw: Any) -> object:
    """Return a raw value as golden examples hold it: lists of numbers become arrays."""
    return raw_json(raw if isinstance(fitted, TextInput | TableInput) else fitted.read(raw))


if __name__ == "__main__":
    assert (ROOT / "edge" / "web" / "node_modules").is_dir(), "run: make .venv/browser"
    options = parser(__doc__, data=False)
    options.add_argument("runs", type=Path, metavar="RUN", nargs="+")
    options.add_argument("--documents", type=int, default=200)
    main(options.parse_args())
