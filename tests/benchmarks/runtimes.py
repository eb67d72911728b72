"""The same bundles on three runtimes: are their answers those of the newest one?

    python -m tests.benchmarks runtimes RUN --documents 500

installs the oldest LiteRT that mgdist-edge allows, and tflite-runtime 2.14 with numpy 1, into folders of their own,
lets each answer for documents of the run's test split with every candidate of the run, and prints a Markdown table. An
answer is a label, a set of labels, or a number to two digits; a difference is the largest one of any output.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgdist.data.dataset import Dataset
from mgdist.export.measure import write_examples
from tests.benchmarks.setting import ROOT, parser, table, told


@dataclass(frozen=True)
class Place:
    """Where a runtime is installed.

    Attributes:
        name: as it is shown.
        packages: what pip installs; none for the runtime of this environment.
        alone: without what this environment has installed, of which LiteRT would be taken first.
    """

    name: str
    packages: tuple[str, ...] = ()
    alone: bool = False


NEWEST = Place("newest LiteRT")
PLACES = (
    NEWEST,
    Place("ai-edge-litert 2.1.0", ("ai-edge-litert==2.1.0",)),
    Place("tflite-runtime 2.14.0, numpy 1", ("tflite-runtime==2.14.0", "numpy<2"), alone=True),
)


def main(options: argparse.Namespace) -> None:
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-runtimes-") as name:
        folder = Path(name)
        test = Dataset.open(options.run / "data").test
        documents = write_examples(test, options.documents, folder / "documents.jsonl")
        for place in PLACES:
            if place.packages:
                target = ["--target", str(folder / place.name)]
                subprocess.run(
                    [sys.executable, "-m", "pip", "install", "--quiet", *target, *place.packages],
                    check=True,
                    stderr=subprocess.PIPE,
                )
        found = [row for bundle in bundles(options.run) for row in rows(bundle, folder)]
        table(["candidate", "runtime", "equal answers", "largest difference of an output"], found)
        count = len(documents.read_text().splitlines())
        print(f"\n{options.run.resolve().parent.name}: {count} documents of the test split.")


def bundles(run: Path) -> list[Path]:
    """Return the candidates of a finished run."""
    return sorted((run / "compress").glob("*.bundle.tflite"))


def rows(bundle: Path, folder: Path) -> Iterator[list[object]]:
    """Yield a row for each runtime but the newest, with which the others are compared."""
    method = bundle.name.removesuffix(".bundle.tflite")
    newest = answers(bundle, NEWEST, folder)
    assert isinstance(newest, list), newest
    for place in PLACES[1:]:
        theirs = answers(bundle, place, folder)
        if isinstance(theirs, str):
            yield [method, place.name, f"refused: {theirs}", ""]
            continue
        pairs = list(zip(newest, theirs, strict=True))
        equal = sum(answer(one) == answer(other) for one, other in pairs) / len(pairs)
        yield [method, place.name, f"{equal:.2%}", f"{max(difference(*pair) for pair in pairs):.1e}"]


def answers(bundle: Path, place: Place, folder: Path) -> list[dict[str, Any]] | str:
    """Return what a runtime answers for each document, or why it refuses the bundle."""
    paths = [str(ROOT / "edge")] if not place.packages else [str(folder / place.name), str(ROOT / "edge")]
    command = [sys.executable, *(["-S"] if place.alone else []), "-m", "mgdist_edge", "predict", str(bundle)]
    done = subprocess.run(
        [*command, "--file", str(folder / "documents.jsonl"), "--json"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, cwd=folder,
    )  # fmt: skip
    if done.returncode:
        return done.stderr.strip().rpartition("got: ")[2].partition(". ")[0]
    return [json.loads(line) for line in done.stdout.splitlines()]


def answer(told: dict[str, Any]) -> object:
    """Return what is compared for equality."""
    return {name: rounded(value) for name, value in told.items() if name not in ("probabilities", "milliseconds")}


def rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def difference(one: Any, other: Any) -> float:
    """Return the largest difference of a number in two answers of the same form."""
    if isinstance(one, dict):
        return max((difference(one[name], other[name]) for name in one if name != "milliseconds"), default=0.0)
    if isinstance(one, list) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    return abs(one - other) if isinstance(one, float) else 0.0


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("run", type=Path, metavar="RUN")
    options.add_argument("--documents", type=int, default=500)
    main(options.parse_args())
