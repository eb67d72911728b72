"""What a trained network is worth on the device: the quality of what would ship of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from mgdist.compress.candidate import Candidate
from mgdist.compress.choose import choose
from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import quality, score
from mgdist.export.candidates import asks_for_mixed, candidates, open_candidates
from mgdist.export.litert_route import convert
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.search.fits import budget_of


def deployed(job: Job, dataset: Dataset, weights: Mapping[str, Tensor], measured: Path) -> Candidate:
    """Convert and compress a trained network, and return the candidate that would ship, by the rule of a whole job.

    Args:
        job: as the network was trained.
        dataset: that it was trained on.
        weights: of its best epoch.
        measured: folder of what was measured before, by content.

    Raises:
        BudgetError: none of its candidates keeps the accuracy budget and the device's limits.
        ConvertError: it does not convert.
    """
    network = build(job, dataset.inputs, dataset.tasks)
    network.load_state_dict(dict(weights))
    trained = answers(network, dataset.tasks, dataset.valid)
    reference = quality(score(dataset.tasks, trained, dataset.valid.targets))
    with TemporaryDirectory(prefix="mgdist-") as name:
        converted = convert(network, job, dataset.inputs, dataset.tasks, Path(name) / "float32.tflite")

        def compressed(job: Job) -> tuple[Candidate, ...]:
            folder = Path(name) / "compress"
            folder.mkdir(exist_ok=True)
            created = datetime.now(UTC).isoformat()
            candidates(job, dataset, converted, trained, created, folder, measured, lambda _: None, always=())
            return open_candidates(folder)

        found = compressed(job)
        if asks_for_mixed(job, reference, found):
            found += compressed(at_point(job, {"compress.methods": ["mixed"]}))
    return choose(found, budget_of(job, reference))
