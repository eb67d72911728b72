"""Variants of what a run shipped, for clients that cannot read a bundle."""

from pathlib import Path

from mgdist.data.dataset import Dataset
from mgdist.errors import DataError
from mgdist.job.compress import Method
from mgdist.runs import RECEIPT
from mgdist.search.teacher import open_run

WHERE = "mgdist bundle"


def bundle_for_mediapipe(
    place: Path, destination: Path | None, *, method: Method | None, budget: float | None, words: int | None
) -> str:
    """Write a variant for MediaPipe of what a run shipped; return what people are told of it.

    Args:
        place: folder of the run, or the bundle in it.
        destination: of the file; None: ``NAME.mediapipe.tflite`` in the run's folder.
        method: format of the weights; None: that which shipped.
        budget: share of the validation rows whose label may be another one; None: the job's accuracy budget.
        words: that are read of a text; None: as many as the bundle reads.

    Raises:
        DataError: there is no finished run.
        JobError: MediaPipe cannot do what the network needs.
        ConvertError: it does not convert, or answers too often otherwise than the bundle.
    """
    run = open_run(place.parent if place.is_file() else place, WHERE)
    folder = run.folder / "bundle"
    if not (folder / RECEIPT).is_file():
        raise DataError(f"{WHERE}: {run.folder}: expected a run that shipped; its stage bundle is not done; submit it")
    from mgdist.evaluate.network import restore
    from mgdist.export.candidates import Shipped
    from mgdist.export.mediapipe import mediapipe, require_expressible

    try:
        shipped = Shipped.open(folder)
    except (ValueError, KeyError):
        raise DataError(f"{WHERE}: {folder}: expected what this mgdist writes; got others; submit it again") from None
    pruned = run.folder / f"prune_{shipped.step}" / "data"
    dataset = Dataset.open(pruned if shipped.step else run.data)
    require_expressible(dataset.inputs, dataset.tasks)
    tuned = run.folder / ("tune_aware" if shipped.aware else f"tune_{shipped.step}") / run.weights.name
    variant = mediapipe(
        restore(run.job, dataset, tuned if shipped.step or shipped.aware else run.weights),
        dataset,
        shipped.bundle,
        destination or run.folder / f"{run.job.name}.mediapipe.tflite",
        method=method or shipped.method,
        budget=run.job.compress.max_accuracy_drop if budget is None else budget,
        words=words,
        aware=shipped.aware and method in (None, shipped.method),
    )
    return str(variant)
