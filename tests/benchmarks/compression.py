"""What compression costs and saves: float32 beside what ships, of finished runs.

    python -m tests.benchmarks compression RUN [RUN ...] --turns 5 --parts

Each turn times all models of a run once, one after the other, in a process of its own each, on the same examples of
the validation split; the medians of the turns are told. All are scored on the test split, by the edge runtime. With
``--parts`` what was only pruned and what was only quantized stand beside what ships, with their numbers and operators;
a run needs ``compress.every`` for that.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mgdist.compress.candidate import Candidate
from mgdist.compress.flatbuffer import read
from mgdist.data.dataset import Dataset
from mgdist.evaluate.scores import metric_name, quality, score
from mgdist.export.candidates import open_candidates
from mgdist.export.measure import bundle_path, flatbuffer
from mgdist.export.verify import Speed, answers, measure
from mgdist.job.compress import Method
from tests.benchmarks.setting import parser, table, told

HEAD = ["job", "model", "test", "MB", "p50 ms", "peak MB", "times smaller", "times faster", "numbers", "operators"]


@dataclass(frozen=True)
class Model:
    """A candidate of a run: its folder, and that of the data that it reads."""

    candidate: Candidate
    folder: Path
    data: Path

    @property
    def bundle(self) -> Path:
        return bundle_path(self.folder, self.candidate.method)

    @property
    def operators(self) -> int:
        """Operators of all signatures."""
        model = read(flatbuffer(self.folder, self.candidate.method).read_bytes())
        return sum(len(graph.operators) for graph in model.subgraphs)


def main(options: argparse.Namespace) -> None:
    with told():
        table(HEAD, [row for run in options.runs for row in rows(run.resolve(), options.turns, options.parts)])


def model(run: Path, method: Method, step: int, *, aware: bool = False) -> Model:
    """Return a candidate of a run."""
    folder = run / ("compress_aware" if aware else f"compress_{step}" if step else "compress")
    kept = {each.method: each for each in open_candidates(folder)}
    if method not in kept:
        raise SystemExit(f"{folder}: expected {method} among the scored candidates; submit with compress.every=true")
    return Model(kept[method], folder, run / (f"prune_{step}/data" if step else "data"))


def rows(run: Path, turns: int, parts: bool) -> list[list[object]]:
    """Return the row of float32 and that of what ships; with parts those between them, too."""
    shipped = json.loads((run / "bundle" / "shipped.json").read_text())
    ships: tuple[Method, int] = (shipped["method"], shipped["step"])
    between: list[tuple[Method, int]] = [(ships[0], 0), ("float32", ships[1])] if parts else []
    others = [each for each in dict.fromkeys([("float32", 0), *between]) if shipped["aware"] or each != ships]
    models = [*(model(run, *each) for each in others), model(run, *ships, aware=shipped["aware"])]
    speeds: dict[str, list[Speed]] = {each.candidate.name: [] for each in models}
    for _ in range(turns):
        for each in models:
            speeds[each.candidate.name].append(measure(each.bundle, run / "compress" / "timed.jsonl"))
    latency = {name: median(each.latency for each in found) for name, found in speeds.items()}
    whole, found = models[0].candidate, list[list[object]]()
    for each in models:
        dataset, name = Dataset.open(each.data), each.candidate.name
        scores = score(dataset.tasks, answers(each.bundle, dataset.test), dataset.test.targets)
        found.append([
            run.parent.name, f"{name}, {metric_name(scores)}", f"{quality(scores):.4f}", each.candidate.size / 1e6,
            latency[name] * 1e3, median(one.memory for one in speeds[name]) / 1e6,
            whole.size / each.candidate.size, latency["float32"] / latency[name],
            f"{sum(layer.numbers for layer in each.candidate.layers):,}", each.operators,
        ])  # fmt: skip
    return found


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--parts", action="store_true", help="what was only pruned and only quantized, too")
    main(options.parse_args())
