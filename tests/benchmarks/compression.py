"""What compression costs and saves: float32 beside what ships, of finished runs.

    python -m tests.benchmarks compression RUN [RUN ...] --turns 5

Each turn times float32 and what ships once, one after the other, in a process of its own each, on the same examples of
the validation split; the medians of the turns are told. Both are scored on the test split, by the edge runtime.
"""

import argparse
import json
from pathlib import Path
from statistics import median

from mgdist.data.dataset import Dataset
from mgdist.evaluate.scores import metric_name, quality, score
from mgdist.export.candidates import open_candidates
from mgdist.export.measure import bundle_path
from mgdist.export.verify import Speed, answers, measure
from mgdist.job.compress import Method
from tests.benchmarks.setting import parser, table, told

HEAD = ["job", "model", "test", "MB", "p50 ms", "peak MB", "times smaller", "times faster"]


def main(options: argparse.Namespace) -> None:
    with told():
        table(HEAD, [row for run in options.runs for row in rows(run.resolve(), options.turns)])


def rows(run: Path, turns: int) -> list[list[object]]:
    """Return the row of float32 and that of what ships."""
    dataset, folder = Dataset.open(run / "data"), run / "compress"
    ships: Method = json.loads((run / "bundle" / "shipped.json").read_text())["method"]
    kept = {each.method: each for each in open_candidates(folder) if each.method in ("float32", ships)}
    if "float32" not in kept:
        raise SystemExit(f"{run}: expected a run with float32 among compress.methods; it has none")
    speeds: dict[Method, list[Speed]] = {method: [] for method in kept}
    for _ in range(turns):
        for method in kept:
            speeds[method].append(measure(bundle_path(folder, method), folder / "timed.jsonl"))
    latency = {method: median(each.latency for each in found) for method, found in speeds.items()}
    found: list[list[object]] = []
    for method, candidate in kept.items():
        scores = score(dataset.tasks, answers(bundle_path(folder, method), dataset.test), dataset.test.targets)
        found.append([
            run.parent.name, f"{method}, {metric_name(scores)}", f"{quality(scores):.4f}", candidate.size / 1e6,
            latency[method] * 1e3, median(each.memory for each in speeds[method]) / 1e6,
            kept["float32"].size / candidate.size, latency["float32"] / latency[method],
        ])  # fmt: skip
    return found


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    options.add_argument("--turns", type=int, default=5)
    main(options.parse_args())
