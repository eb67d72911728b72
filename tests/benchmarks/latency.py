"""From text to label, beside ONNX Runtime and torch eager on the model alone: the same weights, one thread, in turn.

    python -m tests.benchmarks latency RUN

RUN is the folder of a finished run of a job that reads one text, such as runs/newsgroups/latest. ``predict`` is timed
with the bundle that ships, from the raw text to the label, and cutting the text once more by itself. The others run the
network that the bundle was made of in float32, and are given ready ids: torch eager and the exported ONNX graph with
the units and words that a document has, and the graph as a plain exporter writes it, padded to the job's largest
document. Each document is timed once by each contestant, in blocks of 25 that take turns, after a warm-up on
documents of the validation split, so that nothing has been seen before.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import restore
from mgdist.job.load import load as load_job
from mgdist.job.point import at_point
from mgdist.models.network import Network
from mgdist.search.results import Searched
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.views import Views
from tests.benchmarks.padded import Padded, Sizes, laid_out, sizes_of
from tests.benchmarks.setting import parser, table, told

BLOCK, WARM = 25, 100
"""Documents of a contestant's turn, and those that everything is warmed up on."""
Given = dict[str, NDArray[np.int32]]


@dataclass(frozen=True)
class Contestant:
    """What is timed.

    Attributes:
        name: as it is shown.
        given: what it is given of a document, made before the clock starts.
        run: returns the probabilities (K,), or nothing.
    """

    name: str
    given: Callable[[str], object]
    run: Callable[..., NDArray[np.float32] | None]


class Predict:
    """Answers as ``Predictor.predict`` does, and tells the seconds of cutting in ``cuts``."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.cuts: list[float] = []

    def __call__(self, text: str) -> None:
        begin = perf_counter()
        views = self._predictor.views(text)
        self.cuts.append(perf_counter() - begin)
        self._predictor.told(self._predictor.runtime.recall(views, None), begin=begin)


def main(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    run = options.run.resolve()
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-latency-") as folder:
        (path,) = (run / "bundle").glob("*.tflite")
        predictor, data = load(path, exit=False), Dataset.open(run / "data")
        documents = spread(data.test.raws[ONLY_INPUT], options.documents)
        warm = spread(data.valid.raws[ONLY_INPUT], WARM)
        predict = Predict(predictor)
        contestants = contestants_of(run, path, predictor, predict, documents, Path(folder))
        for contestant in contestants:
            timed([contestant], warm)
        predict.cuts.clear()
        seconds = timed(contestants, documents)
        tell(predictor, contestants, documents, 1000 * seconds, 1000 * np.array(predict.cuts))


def spread(documents: Sequence[str], count: int) -> list[str]:
    """Return evenly chosen documents."""
    return list(documents[:: max(1, len(documents) // count)][:count])


def contestants_of(
    run: Path, path: Path, predictor: Predictor, predict: Predict, documents: list[str], folder: Path
) -> list[Contestant]:
    """Return the bundle, and the network on other engines."""

    def cut(text: str) -> Views:
        return predictor.views(text)[ONLY_INPUT]

    def real(text: str) -> Given:
        views = cut(text)
        return laid_out(views, Sizes(tuple(map(len, views.lengths)), tuple(int(x.max()) for x in views.lengths), 0))

    levels = predictor.bundle.manifest.levels
    network, whole = Padded(shipped_network(run)).eval(), sizes_of(levels, [], None)
    padded = Sizes(whole.units, whole.lengths, levels[0].channels)
    example, largest = real(max(documents[:50], key=len)), laid_out(cut(documents[0]), padded)
    dynamic = export(network, example, folder / "dynamic.onnx", dynamic=True)
    fixed = export(network, largest, folder / "padded.onnx", dynamic=False)
    shape = " x ".join(map(str, (*padded.units[:-1], padded.lengths[0])))
    early = [Contestant("mgdist-edge predict, stopping when sure", str, load(path).predict)] if exits(predictor) else []
    return [
        Contestant("mgdist-edge predict, all read", str, predict),
        *early,
        Contestant("ONNX Runtime, model alone, real units", real, dynamic),
        Contestant(
            f"ONNX Runtime, model alone, padded to {shape} words", lambda text: laid_out(cut(text), padded), fixed
        ),
        Contestant("torch eager, model alone, real units", real, eager(network)),
    ]


def exits(predictor: Predictor) -> bool:
    """Say whether the bundle may stop reading early."""
    return predictor.bundle.manifest.exit is not None


def shipped_network(run: Path) -> Network:
    """Return the network that the bundle of a run was made of, before it was quantized."""
    job = load_job(run / "job.yaml")
    job = at_point(job, Searched.open(run / "search").point) if job.search else job
    step = json.loads((run / "bundle" / "shipped.json").read_text())["step"]
    data, weights = (run / f"prune_{step}" / "data", run / f"tune_{step}") if step else (run / "data", run / "train")
    return restore(job, Dataset.open(data), weights / "model.safetensors").float().requires_grad_(False)


def eager(network: Padded) -> Callable[[Given], NDArray[np.float32]]:
    """Return what runs the network in torch."""

    def run(given: Given) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = network(**{name: torch.from_numpy(each) for name, each in given.items()})
        probabilities: NDArray[np.float32] = found[ONLY_HEAD][0].numpy()
        return probabilities

    return run


def export(network: Padded, example: Given, path: Path, *, dynamic: bool) -> Callable[[Given], NDArray[np.float32]]:
    """Return what runs the exported network in ONNX Runtime, on one thread.

    Args:
        network: all levels in one graph.
        example: what it is traced with.
        path: of the file to write.
        dynamic: of any number of units and words; else of those of the example.
    """
    import onnxruntime

    tensors = tuple(torch.from_numpy(each) for each in example.values())
    module = _Positional(network, list(example))
    dimension = torch.export.Dim.DYNAMIC
    shapes = tuple(
        {axis: dimension for axis in range(each.dim()) if each.shape[axis] > 1 and axis < 2} for each in tensors
    )
    torch.onnx.export(
        module, tensors, str(path), input_names=list(example), output_names=["probabilities"], dynamo=True,
        dynamic_shapes=(shapes,) if dynamic else None, verbose=False,
    )  # fmt: skip
    asked = onnxruntime.SessionOptions()
    asked.intra_op_num_threads = asked.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), asked, providers=["CPUExecutionProvider"])
    return lambda given: session.run(None, given)[0][0]


class _Positional(torch.nn.Module):
    """The network with its inputs in a row, as exporters ask for them."""

    def __init__(self, network: Padded, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        """Return the probabilities, (1, K)."""
        found: torch.Tensor = self.network(**dict(zip(self.names, given, strict=True)))[ONLY_HEAD]
        return found


def timed(contestants: Sequence[Contestant], documents: Sequence[str]) -> NDArray[np.float64]:
    """Return the seconds of each contestant on each document, (documents, contestants)."""
    seconds = np.zeros((len(documents), len(contestants)))
    for start in range(0, len(documents), BLOCK):
        block = documents[start : start + BLOCK]
        for column, contestant in enumerate(contestants):
            for place, given in enumerate(list(map(contestant.given, block)), start):
                begin = perf_counter()
                contestant.run(given)
                seconds[place, column] = perf_counter() - begin
    return seconds


def tell(
    predictor: Predictor,
    contestants: Sequence[Contestant],
    documents: list[str],
    ms: NDArray[np.float64],
    cuts: NDArray[np.float64],
) -> None:
    words = np.array([int(predictor.views(text)[ONLY_INPUT].lengths[0].sum()) for text in documents])
    near = np.argsort(words)[int(0.45 * len(words)) : int(0.55 * len(words)) + 1]
    ours = ms[:, 0]
    rows = [
        [
            contestant.name, *map(float, (np.median(each), np.percentile(each, 95), each.mean())),
            float(np.median(each[near])), f"{np.median(ours[near]) / np.median(each[near]):.2f}",
        ]
        for contestant, each in zip(contestants, ms.T, strict=True)
    ]  # fmt: skip
    table(["", "median ms", "p95", "mean", "median document ms", "predict / this"], rows)
    manifest = predictor.bundle.manifest
    print(
        f"\n{manifest.name}, {manifest.method}; {len(documents)} documents of the test split, of "
        f"{np.median(words):.0f} words at the median; the median document: the {len(near)} documents around it by "
        f"words, {words[near].min()} to {words[near].max()}."
    )
    share = float(np.median(cuts[near] / ours[near]))
    print(f"Cutting the text: {np.median(cuts[near]):.4f} ms of the median document, {share:.1%} of predict.")
    for contestant in contestants[2 if exits(predictor) else 1 :]:
        apart = difference(predictor, contestant, documents)
        print(f"Largest difference of a probability from the bundle's: {apart:.1e}, {contestant.name}.")


def difference(predictor: Predictor, contestant: Contestant, documents: Sequence[str]) -> float:
    """Return how far a contestant's probabilities are from the bundle's on 100 documents."""
    found = 0.0
    for text in documents[:100]:
        told, ours = contestant.run(contestant.given(text)), predictor.outputs(predictor.views(text))[ONLY_HEAD]
        assert told is not None, "the contestant answers"
        found = max(found, float(np.abs(told - ours).max()))
    return found


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("run", type=Path, metavar="RUN")
    options.add_argument("--documents", type=int, default=1000, help="of the test split, evenly chosen")
    main(options.parse_args())
