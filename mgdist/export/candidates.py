"""Candidates: each format of the weights as a bundle, measured by the edge runtime; and the one that ships.

Legend: R rows of a split, K classes.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.compress.choose import Candidate, Parity
from mgdist.compress.quantize import quantize
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.metrics import Scores, score
from mgdist.export.bundle import bundle
from mgdist.export.card import card
from mgdist.export.litert_route import device_levels
from mgdist.export.verify import answers, measure, parity
from mgdist.job.compress import Method
from mgdist.job.spec import Job
from mgdist.runs import job_digest, versions, write
from mgdist_edge.golden import Example, Golden
from mgdist_edge.manifest import Manifest

CANDIDATES, SHIPPED = "candidates.json", "shipped.json"
GOLDEN_EXAMPLES, LONGEST_GOLDEN = 8, 20_000
TIMED = 300
"""Documents that a candidate is timed on."""


def candidates(
    job: Job,
    dataset: Dataset,
    model: Path,
    trained: Float[np.ndarray, "R K"],
    created: str,
    folder: Path,
    tell: Callable[[Candidate], None],
) -> None:
    """Quantize a model to each format that the job allows, and measure each on the validation split.

    Leaves ``METHOD.tflite`` (the flatbuffer), ``METHOD.bundle.tflite``, ``METHOD.npy`` (its probabilities)
    and ``candidates.json`` in the folder.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        model: the converted network, float32.
        trained: the trained network's probabilities on the validation split.
        created: when, in ISO 8601.
        folder: to write into.
        tell: hears of each candidate as it is measured.
    """
    documents = _documents(dataset.valid, folder / "timed.jsonl")
    found = []
    for method in job.compress.methods:
        quantized = quantize(model, method, flatbuffer(folder, method))
        packed = bundle(
            quantized.path,
            _manifest(job, dataset, method, created),
            _golden(dataset.valid, trained),
            _bundle(folder, method),
        )
        device, speed = answers(packed.path, dataset.valid), measure(packed.path, documents)
        np.save(_answers(folder, method), device)
        candidate = Candidate(
            method=method,
            accuracy=score(device, dataset.valid.targets).accuracy,
            size=packed.size,
            latency=speed.latency,
            memory=speed.memory,
            weights=quantized.weights.shares,
            parity=parity(device, trained),
        )
        tell(candidate)
        found.append(candidate)
    write(folder / CANDIDATES, json.dumps([asdict(candidate) for candidate in found], indent=1))


def open_candidates(folder: Path) -> tuple[Candidate, ...]:
    """Read what :func:`candidates` left."""
    found = json.loads((folder / CANDIDATES).read_text())
    return tuple(Candidate(**(fields | {"parity": Parity(**fields["parity"])})) for fields in found)


@dataclass(frozen=True)
class Shipped:
    """What ships.

    Attributes:
        bundle: the file for the device.
        method: format of its weights.
        test: its scores on the test split, by the edge runtime.
        parity: against the trained network, on the test split.
    """

    bundle: Path
    method: Method
    test: Scores
    parity: Parity

    @classmethod
    def open(cls, folder: Path) -> "Shipped":
        """Read what :func:`ship` left."""
        fields = json.loads((folder / SHIPPED).read_text())
        test, compared = Scores.from_json(fields["test"]), Parity(**fields["parity"])
        return cls(folder / fields["bundle"], fields["method"], test, compared)


def ship(
    job: Job,
    dataset: Dataset,
    chosen: Candidate,
    source: Path,
    trained: Float[np.ndarray, "R K"],
    created: str,
    folder: Path,
) -> None:
    """Write the chosen candidate's final bundle, with its test scores, golden examples and card.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        chosen: the candidate that ships.
        source: folder of the candidates.
        trained: the trained network's probabilities on the test split.
        created: when, in ISO 8601.
        folder: to write into.
    """
    packed = _bundle(source, chosen.method)
    device = answers(packed, dataset.test)
    test, compared = score(device, dataset.test.targets), parity(device, trained)
    metrics = {
        "accuracy": test.accuracy,
        "macro_f1": test.macro_f1,
        "ece": test.ece,
        "valid_accuracy": chosen.accuracy,
        "latency_seconds": chosen.latency,
    }
    manifest = replace(
        _manifest(job, dataset, chosen.method, created),
        metrics=metrics,
        parity=asdict(compared),
    )
    golden = _golden(dataset.valid, np.load(_answers(source, chosen.method)))
    name = f"{job.name}.tflite"
    bundle(flatbuffer(source, chosen.method), manifest, golden, folder / name, readme=card(manifest, job))
    told = {"bundle": name, "method": chosen.method, "test": test.as_json(), "parity": asdict(compared)}
    write(folder / SHIPPED, json.dumps(told, indent=1))


def flatbuffer(folder: Path, method: Method) -> Path:
    """Return where a candidate's bare model lies."""
    return folder / f"{method}.tflite"


def _bundle(folder: Path, method: Method) -> Path:
    return folder / f"{method}.bundle.tflite"


def _answers(folder: Path, method: Method) -> Path:
    """Return where a candidate's probabilities on the validation split lie; the golden examples are some of them."""
    return folder / f"{method}.npy"


def _manifest(job: Job, dataset: Dataset, method: Method, created: str) -> Manifest:
    return Manifest(
        name=job.name,
        created=created,
        license=job.run.license,
        task=job.task.kind,
        labels=dataset.labels,
        input=dataset.input,
        levels=device_levels(job, dataset.input.order),
        method=method,
        job_digest=job_digest(job),
        data_digest=dataset.digest,
        versions=versions(),
        metrics={},
        parity={},
    )


def _golden(shard: Shard, probabilities: NDArray[np.float32]) -> Golden:
    """Pick documents from short to long, with the answers given."""
    texts = shard.texts()
    ranked = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    ranked = [row for row in ranked if len(texts[row]) <= LONGEST_GOLDEN] or ranked[:1]
    places = np.linspace(0, len(ranked) - 1, min(GOLDEN_EXAMPLES, len(ranked))).astype(int)
    rows = [ranked[place] for place in dict.fromkeys(places.tolist())]
    return Golden(tuple(Example(texts[row], tuple(probabilities[row].tolist())) for row in rows))


def _documents(shard: Shard, path: Path) -> Path:
    """Write evenly chosen documents for timing."""
    texts = shard.texts()
    step = max(1, len(texts) // TIMED)
    write(path, "".join(json.dumps({"text": text}) + "\n" for text in texts[::step][:TIMED]))
    return path
