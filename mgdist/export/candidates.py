"""Candidates: each format of the weights as a bundle, measured by the edge runtime; and the one that ships.

Legend: R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mgdist.compress.choose import Candidate, Parity
from mgdist.compress.quantize import quantize
from mgdist.data.dataset import Dataset, Shard
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.scores import Heads, as_json, consistent, from_json, named, quality, score
from mgdist.export.bundle import bundle
from mgdist.export.card import card
from mgdist.export.litert_route import device_levels
from mgdist.export.verify import answers, measure, parity
from mgdist.job.compress import Method
from mgdist.job.spec import Job
from mgdist.runs import job_digest, versions, write
from mgdist_edge.golden import Example, Golden
from mgdist_edge.manifest import Manifest
from mgdist_edge.raws import Raw, raw_json

CANDIDATES, SHIPPED = "candidates.json", "shipped.json"
GOLDEN_EXAMPLES, LONGEST_GOLDEN = 8, 20_000
TIMED = 300
"""Examples that a candidate is timed on."""


def candidates(
    job: Job,
    dataset: Dataset,
    model: Path,
    trained: Outputs,
    created: str,
    folder: Path,
    tell: Callable[[Candidate], None],
) -> None:
    """Quantize a model to each format that the job allows, and measure each on the validation split.

    Leaves ``METHOD.tflite`` (the flatbuffer), ``METHOD.bundle.tflite``, ``METHOD.npz`` (its outputs)
    and ``candidates.json`` in the folder.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        model: the converted network, float32.
        trained: the trained network's outputs on the validation split.
        created: when, in ISO 8601.
        folder: to write into.
        tell: hears of each candidate as it is measured.
    """
    timed = _timed(dataset.valid, folder / "timed.jsonl")
    found = []
    for method in job.methods:
        quantized = quantize(model, method, flatbuffer(folder, method))
        packed = bundle(
            quantized.path,
            _manifest(job, dataset, method, created),
            _golden(dataset.valid, trained),
            _bundle(folder, method),
        )
        device, speed = answers(packed.path, dataset.valid), measure(packed.path, timed)
        np.savez(_answers(folder, method), allow_pickle=False, **device)
        scores = score(dataset.tasks, device, dataset.valid.targets)
        candidate = Candidate(
            method=method,
            quality=quality(scores),
            size=packed.size,
            latency=speed.latency,
            memory=speed.memory,
            weights=quantized.weights.shares,
            parity=parity(dataset.tasks, device, trained),
            consistent=consistent(scores),
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
        test: the scores of each head on the test split, by the edge runtime.
        parity: against the trained network, on the test split.
    """

    bundle: Path
    method: Method
    test: Heads
    parity: Parity

    @classmethod
    def open(cls, folder: Path) -> "Shipped":
        """Read what :func:`ship` left."""
        fields = json.loads((folder / SHIPPED).read_text())
        test, compared = from_json(fields["test"]), Parity(**fields["parity"])
        return cls(folder / fields["bundle"], fields["method"], test, compared)


def ship(
    job: Job,
    dataset: Dataset,
    chosen: Candidate,
    source: Path,
    trained: Outputs,
    created: str,
    folder: Path,
) -> None:
    """Write the chosen candidate's final bundle, with its test scores, golden examples and card.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        chosen: the candidate that ships.
        source: folder of the candidates.
        trained: the trained network's outputs on the test split.
        created: when, in ISO 8601.
        folder: to write into.
    """
    packed = _bundle(source, chosen.method)
    device = answers(packed, dataset.test)
    test, compared = score(dataset.tasks, device, dataset.test.targets), parity(dataset.tasks, device, trained)
    metrics = {**named(test), "valid_quality": chosen.quality, "latency_seconds": chosen.latency}
    manifest = replace(
        _manifest(job, dataset, chosen.method, created),
        metrics=metrics,
        parity=asdict(compared),
    )
    golden = _golden(dataset.valid, dict(np.load(_answers(source, chosen.method))))
    name = f"{job.name}.tflite"
    bundle(flatbuffer(source, chosen.method), manifest, golden, folder / name, readme=card(manifest, job))
    told = {"bundle": name, "method": chosen.method, "test": as_json(test), "parity": asdict(compared)}
    write(folder / SHIPPED, json.dumps(told, indent=1))


def flatbuffer(folder: Path, method: Method) -> Path:
    """Return where a candidate's bare model lies."""
    return folder / f"{method}.tflite"


def _bundle(folder: Path, method: Method) -> Path:
    return folder / f"{method}.bundle.tflite"


def _answers(folder: Path, method: Method) -> Path:
    """Return where a candidate's outputs on the validation split lie; the golden examples are some of them."""
    return folder / f"{method}.npz"


def _manifest(job: Job, dataset: Dataset, method: Method, created: str) -> Manifest:
    return Manifest(
        name=job.name,
        created=created,
        license=job.run.license,
        tasks=dataset.tasks,
        inputs=dataset.inputs,
        levels=device_levels(job, dataset.inputs),
        method=method,
        job_digest=job_digest(job),
        data_digest=dataset.digest,
        versions=versions(),
        metrics={},
        parity={},
    )


def _golden(shard: Shard, outputs: Outputs) -> Golden:
    """Pick examples from short to long, with the outputs given."""
    sizes = [_size(shard.raw(row)) for row in range(len(shard))]
    ranked = sorted(range(len(shard)), key=sizes.__getitem__)
    ranked = [row for row in ranked if sizes[row] <= LONGEST_GOLDEN] or ranked[:1]
    places = np.linspace(0, len(ranked) - 1, min(GOLDEN_EXAMPLES, len(ranked))).astype(int)
    rows = [ranked[place] for place in dict.fromkeys(places.tolist())]
    return Golden(tuple(Example(shard.raw(row), _expected(shard, outputs, row)) for row in rows))


def _expected(shard: Shard, outputs: Outputs, row: int) -> dict[str, tuple[float, ...]]:
    """Return the outputs of one row; of labelled samples with four digits, since there are many."""
    found = {name: shard.outputs_of(name, values, np.array([row])) for name, values in outputs.items()}
    return {name: tuple((each if len(each) == 1 else each.round(4)).ravel().tolist()) for name, each in found.items()}


def _size(raws: Mapping[str, Raw]) -> int:
    """Return about how much of a file an example takes."""
    return sum(raw.nbytes if isinstance(raw, np.ndarray) else len(raw) for raw in raws.values())


def _timed(shard: Shard, path: Path) -> Path:
    """Write evenly chosen examples for timing."""
    step = max(1, len(shard) // TIMED)
    rows = range(0, len(shard), step)[:TIMED]
    lines = ({name: raw_json(raw) for name, raw in shard.raw(row).items()} for row in rows)
    write(path, "".join(json.dumps(line) + "\n" for line in lines))
    return path
