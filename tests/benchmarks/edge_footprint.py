"""What the edge runtime costs on an empty device: disk, import, first answer, memory.

    python -m tests.benchmarks edge_footprint BUNDLE

makes a fresh virtual environment, installs ./edge there and nothing else, and prints a Markdown table.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from mgdist_edge.bundle import Bundle
from tests.benchmarks.setting import table, told

EDGE = Path(__file__).parents[2] / "edge"
TIMES = 5
LIMITS = {"installed MB": 200.0, "first prediction, seconds": 1.0, "peak resident MB": 120.0}


def main(path: Path) -> int:
    """Print the table; the exit code is 1 where a limit is exceeded."""
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-edge-") as name:
        found = measured(Path(name), path.resolve())
        table(["", "measured", "limit"], [[what, value, LIMITS.get(what)] for what, value in found.items()])
    return int(any(found[what] > limit for what, limit in LIMITS.items()))


def measured(folder: Path, bundle: Path) -> dict[str, float]:
    """Install the runtime into a fresh environment and measure it there."""
    venv.create(folder / "venv", with_pip=True)
    before = megabytes(folder / "venv")
    python, edge = (folder / "venv" / "bin" / name for name in ("python", "mgdist-edge"))
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", EDGE)
    installed = megabytes(folder / "venv") - before
    documents = folder / "golden.jsonl"
    texts = [str(example.raws["input"]) for example in Bundle.open(bundle).golden.examples]
    documents.write_text("".join(json.dumps(text) + "\n" for text in texts))
    run(edge, "predict", bundle, "--text", texts[0])  # Python compiles its modules once, the disk is read once
    bench = json.loads(run(edge, "bench", bundle, "--file", documents, "--json"))
    nothing = timed(lambda: run(python, "-c", ""))
    return {
        "installed MB": installed,
        "empty Python, seconds": nothing,
        "mgdist-edge --help, seconds": timed(lambda: run(edge, "--help")),
        "import, seconds": timed(lambda: run(python, "-c", "import mgdist_edge.predictor, ai_edge_litert.interpreter"))
        - nothing,
        "first prediction, seconds": timed(lambda: run(edge, "predict", bundle, "--text", texts[0])),
        "of which after Python began, seconds": bench["cold_start_s"],
        "p50 of the golden examples, ms": bench["p50_ms"],
        "peak resident MB": bench["peak_bytes"] / 1e6,
        "bundle MB": bench["bundle_bytes"] / 1e6,
    }


def run(*command: object) -> str:
    """Return what a command says; anywhere else than in this checkout, so that the installed package answers."""
    return subprocess.run([*map(str, command)], cwd="/", check=True, text=True, stdout=subprocess.PIPE, env={}).stdout


def timed(work: Callable[[], object]) -> float:
    """Return the median seconds of a few runs."""
    seconds = []
    for _ in range(TIMES):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return median(seconds)


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
