"""Candidates: each format of the weights as a bundle, measured by the edge runtime; and the one that ships.

Legend: R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate, Layer, Parity
from mgdist.compress.needless import Skipped, beaten, too_large
from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.scores import Heads, as_json, from_json, named, quality, score
from mgdist.export.bundle import bundle
from mgdist.export.card import card
from mgdist.export.exits import EarlyExit, early_exit
from mgdist.export.litert_route import Converted
from mgdist.export.measure import (
    Measuring,
    Spread,
    Weighed,
    bundle_path,
    flatbuffer,
    golden_of,
    manifest_of,
    outputs_path,
)
from mgdist.export.measured import Measured
from mgdist.export.usual import usual
from mgdist.export.verify import answers, parity
from mgdist.job.compress import Method
from mgdist.job.device import DeviceSpec
from mgdist.job.export import Asked
from mgdist.runs import write
from mgdist_edge.manifest import Level

CANDIDATES, SKIPPED, SHIPPED = "candidates.json", "skipped.json", "shipped.json"
ALWAYS: tuple[Method, ...] = ("float32",)
"""Scored even where it cannot ship: it shows what the conversion changed, and all others are seen beside it."""


def candidates(
    job: Asked,
    dataset: Dataset,
    converted: Converted,
    trained: Outputs,
    created: str,
    folder: Path,
    measured: Path,
    tell: Callable[[Candidate], None],
    always: Collection[Method] = ALWAYS,
    step: int = 0,
    reference: float | None = None,
    aware: bool = False,
    spread: Spread | None = None,
) -> None:
    """Quantize a model to each format that the job allows, and measure on the validation split what could ship.

    All are quantized first, which tells their sizes; then the smallest comes first. What cannot ship any more is not
    scored, unless the job asks for every one; see :mod:`mgdist.compress.needless`. The smallest always is, so that
    it can be told what came nearest.

    Leaves ``METHOD.tflite`` (the flatbuffer), ``METHOD.bundle.tflite``, ``METHOD.npz`` (its outputs),
    ``skipped.json`` and ``candidates.json`` in the folder.

    Args:
        job: as it was trained.
        dataset: that it was trained on.
        converted: the network, float32.
        trained: the trained network's outputs on the validation split.
        created: when, in ISO 8601.
        folder: to write into.
        measured: folder of what was measured before, by content, to which this adds.
        tell: hears of each candidate as it is measured.
        always: formats that are scored even where they cannot ship.
        step: of pruning that the network is left from; 0 of the trained one.
        reference: quality that the budget is counted from; None for that of this very network.
        aware: whether the network was fine-tuned for the one method of the job.
        spread: lets those answer beside each other that are scored in any case; None: one after another.
    """
    if reference is None:
        reference = quality(score(dataset.tasks, trained, dataset.valid.targets))
    before = Measured.of(job, dataset, measured)
    measuring = Measuring(job, dataset, converted, trained, reference, created, folder, before, step, aware)
    made = sorted(map(measuring.weighed, job.methods), key=lambda each: each.packed.size)
    asked = job.methods if job.compress.every else (*always, made[0].made.method)
    if spread is not None:
        measuring.answer([each for each in made if each.made.method in asked], spread)
    found, skipped = list[Candidate](), list[Skipped]()
    for each in made:
        method = each.made.method
        if method not in asked and (why := _needless(measuring, each, found)):
            skipped.append(Skipped(method, each.packed.size, why, step))
        else:
            found.append(measuring.candidate(each))
            tell(found[-1])
    for tried in folder.glob("tried.*"):
        tried.unlink()
    found.sort(key=lambda candidate: job.methods.index(candidate.method))
    write(folder / SKIPPED, json.dumps([asdict(each) for each in skipped], indent=1))
    write(folder / CANDIDATES, json.dumps([asdict(candidate) for candidate in found], indent=1))


def _needless(measuring: Measuring, weighed: Weighed, found: Collection[Candidate]) -> str:
    """Return why a model need not be scored beside those found; nothing where it could ship."""
    size, budget = weighed.packed.size, _of_size(measuring.job, measuring.reference)
    if why := too_large(size, measuring.job.device.max_size):
        return why
    speed = measuring.speed(weighed)
    return beaten(size, speed.latency, speed.memory, [each for each in found if not budget.excess(each)])


def _of_size(job: Asked, reference: float) -> Budget:
    """Return what a candidate must keep on any host: the accuracy, and the limit on the size."""
    return Budget(reference, job.compress.max_accuracy_drop, DeviceSpec(max_size=job.device.max_size))


def asks_for_mixed(job: Asked, reference: float, measured: Collection[Candidate]) -> bool:
    """Tell whether mixed precision is tried too: where a job names no formats, and none of the usual is small and good.

    Args:
        job: as it was trained.
        reference: quality of the trained network on the validation split.
        measured: the usual candidates.
    """
    budget = _of_size(job, reference)  # mixed precision makes nothing faster
    return job.may_mix and all(budget.excess(each) for each in measured)


def open_candidates(folder: Path) -> tuple[Candidate, ...]:
    """Read what :func:`candidates` left."""
    found = json.loads((folder / CANDIDATES).read_text())
    return tuple(_candidate(fields) for fields in found)


def open_skipped(folder: Path) -> tuple[Skipped, ...]:
    """Read which candidates :func:`candidates` did not score."""
    return tuple(Skipped(**fields) for fields in json.loads((folder / SKIPPED).read_text()))


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
        parity: against the network that was converted, on the test split.
        step: of pruning that this network is left from; 0 of the trained one.
        aware: whether it was fine-tuned for the method.
        exit: what stopping early saves and costs; None where all is always read.
    """

    bundle: Path
    method: Method
    test: Heads
    parity: Parity
    step: int
    aware: bool = False
    exit: EarlyExit | None = None

    @classmethod
    def open(cls, folder: Path) -> "Shipped":
        """Read what :func:`ship` left."""
        fields = json.loads((folder / SHIPPED).read_text())
        test, compared = from_json(fields["test"]), Parity(**fields["parity"])
        exit = EarlyExit.from_json(fields["exit"]) if "exit" in fields else None
        return cls(folder / fields["bundle"], fields["method"], test, compared, fields["step"], fields["aware"], exit)


def ship(
    job: Asked,
    dataset: Dataset,
    levels: tuple[Level, ...],
    way: Sequence[Candidate],
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
        way: the candidates from the converted network in float32 to the one that ships, which is the last.
        source: folder of the candidates.
        trained: the trained network's outputs on the test split.
        created: when, in ISO 8601.
        folder: to write into.
    """
    chosen = way[-1]
    packed = bundle_path(source, chosen.method)
    device = answers(packed, dataset.test)
    test, compared = score(dataset.tasks, device, dataset.test.targets), parity(dataset.tasks, device, trained)
    metrics = {**named(test), "valid_quality": chosen.quality, "latency_seconds": chosen.latency}
    outputs = dict(np.load(outputs_path(source, chosen.method)))
    spec = job.compress.exit
    early = None if spec is None else early_exit(packed, dataset, spec.max_accuracy_drop)
    exit, answered = (None, outputs) if early is None else early
    manifest = replace(
        manifest_of(job, dataset, levels, chosen.method, created),
        metrics=metrics | (exit.metrics if exit else {}),
        parity=asdict(compared),
        usual=usual(dataset.tasks, dataset.train.targets, answered),
        exit=exit.exit if exit else None,
    )
    golden = golden_of(dataset.valid, outputs)
    name = f"{job.name}.tflite"
    bundle(flatbuffer(source, chosen.method), manifest, golden, folder / name, readme=card(manifest, job, way, exit))
    told = {"bundle": name, "method": chosen.method, "step": chosen.step, "aware": chosen.aware}
    told |= {"test": as_json(test), "parity": asdict(compared)} | ({"exit": exit.as_json()} if exit else {})
    write(folder / SHIPPED, json.dumps(told, indent=1))
