"""Latency against the length of a document: the bundle that ships, and the same weights as one padded graph.

    python -m tests.benchmarks length RUN

RUN is the folder of a finished run, such as runs/newsgroups/latest. The padded graph is converted by the same
converter and quantized to the same format, once with as many units as the job allows, and once with as many as hold
the share --cover of the test documents. Shipped and padded are timed in turn, 25 documents at a time, on one thread,
from a document's views to its probabilities; cutting the text is timed apart, since it is the same for both.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.bundle import Bundle
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.runtime import Runtime
from mgdist_edge.views import Views
from tests.benchmarks.padded import PaddedRuntime, Sizes, convert, sizes_of
from tests.benchmarks.setting import parser, table, told

T = TypeVar("T")
BLOCK = 25
"""Documents that one contestant is timed on before it is the next one's turn."""


@dataclass(frozen=True)
class Rival:
    """A padded graph.

    Attributes:
        name: as it is shown.
        runtime: quantized as the bundle is.
        difference: largest one of a probability, from the shipped network: in float32, and as quantized.
    """

    name: str
    runtime: PaddedRuntime
    difference: tuple[float, float]


def main(options: argparse.Namespace) -> None:
    from mgdist.data.dataset import Dataset

    run = options.run.resolve()
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-length-") as folder:
        dataset = Dataset.open(run / "data")
        bundle = Bundle.open(_bundle(run))
        documents = dataset.test.raws[ONLY_INPUT]
        documents = documents[:: max(1, len(documents) // options.documents)][: options.documents]
        cut, views = _timed_cuts(bundle, documents, options.repeats)
        shipped = Runtime(bundle)
        covers = {"the job's maximum": None, f"{options.cover:.0%} of the documents": options.cover}
        rivals = [
            _rival(f"{what}: {_units(sizes)}", sizes, run, dataset, shipped, views, Path(folder))
            for what, cover in covers.items()
            for sizes in [sizes_of(bundle.manifest.levels, views, cover)]
        ]
        times = timed(shipped, rivals, views, options.repeats)
        _tell(bundle, rivals, views, times, cut)
        print(f"One thread, blocks of {BLOCK} documents in turn, best of {options.repeats} turns on each document.")


def _bundle(run: Path) -> Path:
    (found,) = (run / "bundle").glob("*.tflite")
    return found


def _units(sizes: Sizes) -> str:
    return " x ".join(map(str, (*sizes.units[:-1], sizes.lengths[0]))) + " words"


def _timed_cuts(bundle: Bundle, documents: Sequence[str], repeats: int) -> tuple[NDArray[np.float64], list[Views]]:
    """Cut the documents; return the seconds of each, and the views."""
    cut = bundle.manifest.inputs[ONLY_INPUT].views
    seconds = [min(_seconds(cut, document) for _ in range(repeats)) for document in documents]
    return np.array(seconds), [cut(document) for document in documents]


def _rival(
    name: str, sizes: Sizes, run: Path, dataset: object, shipped: Runtime, views: Sequence[Views], folder: Path
) -> Rival:
    """Convert and quantize the run's weights as one padded graph, and compare its answers with the bundle's."""
    from mgdist.compress.quantize import quantize
    from mgdist.data.dataset import Dataset
    from mgdist.evaluate.network import restore
    from mgdist.job.load import load
    from mgdist.job.point import at_point
    from mgdist.search.results import Searched

    assert isinstance(dataset, Dataset)
    job = load(run / "job.yaml")
    job = at_point(job, Searched.open(run / "search").point) if job.search else job
    method = Bundle.open(_bundle(run)).manifest.method
    stem = "x".join(map(str, sizes.units))
    network = restore(job, dataset, run / "train" / "model.safetensors")
    exact = convert(network, sizes, folder / f"{stem}.float32.tflite")
    small = quantize(exact, method, folder / f"{stem}.{method}.tflite").path  # type: ignore[arg-type]
    fitting = [each for each in views if sizes.fit(each)][:200]
    runtime = PaddedRuntime(small, sizes)
    reference = run / "compress" / "float32.bundle.tflite"
    float32 = _difference(PaddedRuntime(exact, sizes), Runtime(Bundle.open(reference)), fitting)
    return Rival(name, runtime, (float32, _difference(runtime, shipped, fitting)))


def _difference(one: PaddedRuntime, other: Runtime, views: Sequence[Views]) -> float:
    answers = _answers(other)
    return max(float(np.abs(one.run(each) - answers(each)).max()) for each in views)


def _answers(runtime: Runtime) -> Callable[[Views], NDArray[np.float32]]:
    """Return what answers the views of a text by the runtime of a bundle with one input and one head."""
    return lambda views: runtime.run({ONLY_INPUT: views})[ONLY_HEAD]


def timed(shipped: Runtime, rivals: Sequence[Rival], views: Sequence[Views], repeats: int) -> NDArray[np.float64]:
    """Time all in turn on blocks of documents, and keep the best of a few turns, since other programs only add.

    In blocks, because a device runs one model, and not in turn with another one that empties its caches.

    Returns:
        (documents, 1 + rivals) seconds; NaN where a document does not fit.
    """
    contestants = [(_answers(shipped), lambda _: True), *((r.runtime.run, r.runtime.sizes.fit) for r in rivals)]
    times = np.full((len(views), len(contestants)), np.nan)
    for start in range(0, len(views), BLOCK):
        for _ in range(repeats):
            for column, (run, fits) in enumerate(contestants):
                for place, each in enumerate(views[start : start + BLOCK], start):
                    if fits(each):
                        times[place, column] = np.fmin(times[place, column], _seconds(run, each))
    return times


def _seconds(work: Callable[[T], object], given: T) -> float:
    begin = perf_counter()
    work(given)
    return perf_counter() - begin


def _tell(
    bundle: Bundle,
    rivals: Sequence[Rival],
    views: Sequence[Views],
    times: NDArray[np.float64],
    cut: NDArray[np.float64],
) -> None:
    rows: list[list[object]] = []
    for place, name in enumerate(["shipped: one signature a level", *(f"padded to {r.name}" for r in rivals)]):
        fits = ~np.isnan(times[:, place])
        own, ours, cuts = (1000 * values[fits] for values in (times[:, place], times[:, 0], cut))
        rows.append(
            [
                name, int(fits.sum()), *_percentiles(own), float(np.median(own) / np.median(ours)),
                *_percentiles(own + cuts), float(np.median(own + cuts) / np.median(ours + cuts)),
            ]
        )  # fmt: skip
    head = ["", "documents that fit", "median ms", "p95 ms", "times shipped's median"]
    table([*head, "with cutting: median ms", "p95 ms", "times shipped's"], rows)
    words = np.array([int(each.lengths[0].sum()) for each in views])
    edges = np.quantile(words, [0, 0.25, 0.5, 0.75, 1])
    quarters = np.clip(np.searchsorted(edges, words, side="right") - 1, 0, 3)
    table(
        ["documents", "words, median", "sentences, median", "shipped ms", "padded to the maximum ms", "ratio"],
        [_quarter(name, np.flatnonzero(quarters == q), words, views, times) for q, name in enumerate(NAMES)],
    )  # fmt: skip
    compared = "; ".join(f"to {r.name}: {r.difference[0]:.1e}, {r.difference[1]:.1e}" for r in rivals)
    print(
        f"\n{bundle.manifest.name}, {bundle.manifest.method}, {bundle.size / 1e6:.2f} MB; medians. Largest "
        f"difference of a probability between padded and shipped on up to 200 documents, float32 and as shipped: "
        f"{compared}."
    )


NAMES = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


def _quarter(
    name: str, rows: NDArray[np.intp], words: NDArray[np.int64], views: Sequence[Views], times: NDArray[np.float64]
) -> list[object]:
    shipped, padded = (float(np.median(times[rows, place])) * 1000 for place in (0, 1))
    sentences = median(len(views[row].lengths[0]) for row in rows)
    return [name, int(np.median(words[rows])), int(sentences), shipped, padded, padded / shipped]


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(np.median(values)), float(np.percentile(values, 95))


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("run", type=Path, metavar="RUN")
    options.add_argument("--documents", type=int, default=1000, help="of the test split, evenly chosen")
    options.add_argument("--repeats", type=int, default=3, help="turns for each document, of which the best counts")
    options.add_argument("--cover", type=float, default=0.95)
    main(options.parse_args())
