"""Candidates: each format of the weights as a bundle, measured by the edge runtime; and the one that ships.

Legend: R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mgdist.compress.candidate import Candidate, Layer, Parity
from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.scores import Heads, as_json, from_json, named, quality, score
from mgdist.export.bundle import bundle
from mgdist.export.card import card
from mgdist.export.litert_route import Converted
from mgdist.export.measure import Measuring, bundle_path, flatbuffer, golden_of, manifest_of, outputs_path
from mgdist.export.verify import answers, parity
from mgdist.job.compress import Method
from mgdist.job.spec import Job
from mgdist.runs import write
from mgdist_edge.manifest import Level

CANDIDATES, SHIPPED = "candidates.json", "shipped.json"


def candidates(
    job: Job,
    dataset: Dataset,
    converted: Converted,
    trained: Outputs,
    created: str,
    folder: Path,
    tell: Callable[[Candidate], None],
    step: int = 0,
) -> None:
    """Quantize a model to each format that the job allows, and measure each on the validation split.

    Leaves ``METHOD.tflite`` (the flatbuffer), ``METHOD.bundle.tflite``, ``METHOD.npz`` (its outputs)
    and ``candidates.json`` in the folder.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        converted: the network, float32.
        trained: the trained network's outputs on the validation split.
        created: when, in ISO 8601.
        folder: to write into.
        tell: hears of each candidate as it is measured.
        step: of pruning that the network is left from; 0 of the trained one.
    """
    reference = quality(score(dataset.tasks, trained, dataset.valid.targets))
    measuring = Measuring(job, dataset, converted, trained, reference, created, folder, step)
    found = []
    for method in job.methods:
        found.append(measuring.candidate(method))
        tell(found[-1])
    for tried in folder.glob("tried.*"):
        tried.unlink()
    write(folder / CANDIDATES, json.dumps([asdict(candidate) for candidate in found], indent=1))


def open_candidates(folder: Path) -> tuple[Candidate, ...]:
    """Read what :func:`candidates` left."""
    found = json.loads((folder / CANDIDATES).read_text())
    return tuple(_candidate(fields) for fields in found)


def _candidate(fields: dict[str, Any]) -> Candidate:
    layers = tuple(Layer(**(each | {"scopes": tuple(each["scopes"])})) for each in fields["layers"])
    return Candidate(**(fields | {"parity": Parity(**fields["parity"]), "layers": layers}))


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
    levels: tuple[Level, ...],
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
        levels: of the device model.
        chosen: the candidate that ships.
        source: folder of the candidates.
        trained: the trained network's outputs on the test split.
        created: when, in ISO 8601.
        folder: to write into.
    """
    packed = bundle_path(source, chosen.method)
    device = answers(packed, dataset.test)
    test, compared = score(dataset.tasks, device, dataset.test.targets), parity(dataset.tasks, device, trained)
    metrics = {**named(test), "valid_quality": chosen.quality, "latency_seconds": chosen.latency}
    manifest = replace(
        manifest_of(job, dataset, levels, chosen.method, created),
        metrics=metrics,
        parity=asdict(compared),
    )
    golden = golden_of(dataset.valid, dict(np.load(outputs_path(source, chosen.method))))
    name = f"{job.name}.tflite"
    bundle(flatbuffer(source, chosen.method), manifest, golden, folder / name, readme=card(manifest, job))
    told = {"bundle": name, "method": chosen.method, "test": as_json(test), "parity": asdict(compared)}
    write(folder / SHIPPED, json.dumps(told, indent=1))
