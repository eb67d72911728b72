"""Whether a point is worth training: its untrained network is converted, and must keep the device's limits.

What a network weighs, and how long it takes, follows from its shape and not from its weights.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Costs
from mgdist.compress.layers import layers_of
from mgdist.compress.mixed import lowest
from mgdist.data.dataset import Dataset
from mgdist.errors import JobError, MgdistError, first_line
from mgdist.evaluate.network import answers
from mgdist.export.litert_route import convert
from mgdist.export.measure import Measuring, Weighed
from mgdist.export.measured import Measured
from mgdist.export.verify import measure
from mgdist.job.compress import Method
from mgdist.job.point import Point, at_point, network_values
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.runs import digest, write

SHAPES = "shapes"
TIMES = 3
"""That a network is timed before it is said to be too slow: what else this host does makes it slower, never faster."""
UNKNOWN = 100.0
"""How far from the limits a point is held to be whose network cannot be converted at all."""


@dataclass(frozen=True)
class Verdict:
    """Whether a point may be trained.

    Attributes:
        excess: by what factor above 1 the limits are broken, minus 1, summed, in the format that comes nearest.
        why: what is broken, in words; empty where nothing is.
    """

    excess: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Gate:
    """Looks at the points of a search before they are trained, each shape of a network once.

    Attributes:
        job: with a search.
        dataset: folder of the prepared data set.
        folder: of the search; verdicts are kept below it.
    """

    job: Job
    dataset: Path
    folder: Path

    def verdict(self, where: Point) -> Verdict:
        """Tell whether a point keeps the limits in at least one format.

        Where there is no job at the point, or its network does not convert, the verdict tells that.
        """
        try:
            job = at_point(self.job, where)
        except JobError as error:
            return Verdict(UNKNOWN, first_line(error))
        path = self.folder / SHAPES / f"{digest(network_values(job), _asked(job))}.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, json.dumps(asdict(self._looked(job))))
        return Verdict(**json.loads(path.read_text()))

    def _looked(self, job: Job) -> Verdict:
        with TemporaryDirectory(prefix="mgdist-") as name:
            try:
                found: list[Verdict] = []
                for method, costs in _costs(job, Dataset.open(self.dataset), Path(name)):
                    found.append(_judged(job, method, costs))
                    if not found[-1].why:
                        break
            except MgdistError as error:
                return Verdict(UNKNOWN, first_line(error))
        return min(found, key=lambda verdict: verdict.excess)


def budget_of(job: Job, reference: float) -> Budget:
    """Return what a candidate of a trial must keep. The speed of the device is estimated: it measured another model."""
    return Budget(reference, job.compress.max_accuracy_drop, job.device, job.device.estimate)


def _asked(job: Job) -> list[object]:
    """Return what a network is asked to keep, as plain values."""
    return [budget_of(job, 0.0).limits, job.device.estimate, job.methods, job.may_mix, job.compress.calibrate]


def _judged(job: Job, method: Method, costs: Costs) -> Verdict:
    budget = budget_of(job, 0.0)
    broken = budget.broken(costs)
    why = ", ".join(f"as {method} its {budget.phrase(name, costs)}" for name in broken)
    return Verdict(sum(broken.values(), 0.0), why)


def _costs(job: Job, dataset: Dataset, folder: Path) -> Iterator[tuple[Method, Costs]]:
    """Yield what the untrained network of a job costs in each format, those first that promise to be small."""
    torch.manual_seed(job.seed)
    network = build(job, dataset.inputs, dataset.tasks).eval()
    converted = convert(network, job, dataset.inputs, dataset.tasks, folder / "float32.tflite")
    before = Measured.of(job, dataset, folder / "measured")
    created, given = datetime.now(UTC).isoformat(), answers(network, dataset.tasks, dataset.valid)
    measuring = Measuring(job, dataset, converted, given, 0.0, created, folder, before)
    methods = (*job.methods[::-1], *(("mixed",) if job.may_mix else ()))  # as a rule the smaller ones stand behind
    for method in dict.fromkeys(methods):
        weighed = measuring.weighed(method, lowest(layers_of(converted.path)) if method == "mixed" else None)
        yield method, _timed(job, measuring, weighed)


def _timed(job: Job, measuring: Measuring, weighed: Weighed) -> Costs:
    """Return what a bundle costs; one that is too large, or that may be as slow as it is, is not timed."""
    budget, costs = budget_of(job, 0.0), Costs(weighed.packed.size, 0.0, 0)
    if budget.broken(costs) or set(budget.limits) <= {"size"}:
        return costs
    for _ in range(TIMES):
        speed = measure(weighed.packed.path, measuring.timed)
        latency = min(speed.latency, costs.latency or speed.latency)
        costs = replace(costs, latency=latency, memory=speed.memory)
        if not budget.broken(costs):
            break
    return costs
