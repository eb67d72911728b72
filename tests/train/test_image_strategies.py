"""Strategies over raw views: a coarse look at an image is cut, batched and run alone."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.phases import phases
from mgdist.job.plan import plan
from mgdist.job.point import as_document, checked
from mgdist.job.spec import Job
from mgdist.train.phases import narrowed
from mgdist.train.prepare import prepare
from tests.train.corpus import moved

SIDE, ROWS = 8, 160
ENCODER = {"kind": "conv", "kernel": 3}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    """Return a job over noisy images that are brighter above or below, read as they are and at half the size."""
    folder = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(1)
    labels = np.arange(ROWS) % 2
    pixels = draw.integers(0, 160, (ROWS, SIDE, SIDE))
    for image, label in zip(pixels, labels, strict=True):
        image[: SIDE // 2] += 60 * label
        image[SIDE // 2 :] += 60 * (1 - label)
    table = {"image": [each.astype(np.uint8).tobytes() for each in pixels], "label": [f"c{each}" for each in labels]}
    parquet.write_table(pa.table(table), folder / "train.parquet")
    made, mistakes = checked({
        "name": "images",
        "task": {"kind": "classify", "label": "label"},
        "data": {
            "source": {"kind": "files", "train": str(folder / "train.parquet")},
            "input": {"kind": "image", "size": [SIDE, SIDE], "channels": 1},
        },
        "granularities": {
            "patch": {"length": 4, "scale": 1, "encoder": ENCODER, "pool": "mean"},
            "image": {"length": 4, "scale": 2, "encoder": ENCODER, "pool": "all"},
        },
        "model": {"width": 8},
        "train": {"epochs": 8, "batch_size": 16, "lr": 0.02, "strategy": {"kind": "staged", "order": "coarse_to_fine"}},
    })  # fmt: skip
    assert made is not None, mistakes
    return made, prepare_data(made, folder / "data")


def test_a_coarse_stage_cuts_its_own_raw_view_and_no_other(images: tuple[Job, Dataset]) -> None:
    job, data = images
    coarse, fine, whole = phases(job)
    assert [phase.levels for phase in (coarse, fine, whole)] == [("image",), ("patch",), ("patch", "image")]
    rows = np.arange(7)
    patch, image = batch(narrowed(job, whole, data.train), rows).levels
    for phase, expected in ((coarse, image), (fine, patch)):
        (only,) = batch(narrowed(job, phase, data.train), rows).levels
        assert only.samples is not None
        assert expected.samples is not None
        assert np.array_equal(only.samples, expected.samples)
        assert np.array_equal(only.owners, expected.owners)


def test_a_coarse_stage_is_cheap_and_the_whole_learns_after_it(images: tuple[Job, Dataset]) -> None:
    history = prepare(*images).run().history
    coarse, fine, whole = (history[place].flops - (history[place - 1].flops if place else 0) for place in range(3))
    assert coarse < fine / 2 < whole / 2
    assert history[-1].phase == "joint"
    assert max(epoch.quality for epoch in history if epoch.phase == "joint") > 0.85


def test_growing_reads_the_same_units_coarser_for_less(images: tuple[Job, Dataset]) -> None:
    steps = [{"epochs": 2, "scale": {"patch": 2}}]
    job, data = moved(images[0], train__strategy={"kind": "grow", "steps": steps}), images[1]
    coarse, whole = phases(job)
    rows = np.arange(7)
    (patch, image), (fine, same) = (batch(narrowed(job, phase, data.train), rows).levels for phase in (coarse, whole))
    assert patch.samples is not None
    assert fine.samples is not None
    squares = fine.samples.reshape(-1, 2, 2, 2, 2)  # of each unit, rows and columns by twos
    assert np.allclose(patch.samples[..., 0], squares.mean((2, 4)).reshape(len(squares), 4), atol=1e-6)
    assert np.array_equal(patch.owners, fine.owners)
    assert image.samples is not None
    assert np.array_equal(image.samples, same.samples)

    history = prepare(job, data).run().history
    cost = [each.flops - before for each, before in zip(history, [0, *(e.flops for e in history)], strict=False)]
    assert cost[0] < cost[-1] / 2
    assert [each.phase for each in history[:3]] == ["grow_1", "grow_1", "joint"]
    assert max(epoch.quality for epoch in history[2:]) > 0.85


@pytest.mark.parametrize(
    ("level", "scale", "expected"),
    [
        ({}, {"patch": 3}, "scale.patch: expected a divisor of its length 4; got 3"),
        ({}, {"image": 2}, "scale.image: its pool all gives as many numbers as there are samples; use mean, max or"),
        (
            {"encoder": {"kind": "transformer"}},
            {"patch": 2},
            "scale.patch: each place of its transformer has a vector of its own; use positions: none",
        ),
    ],
)
def test_what_cannot_run_along_fewer_samples_is_refused(
    images: tuple[Job, Dataset], level: dict[str, Any], scale: dict[str, int], expected: str
) -> None:
    document = as_document(images[0])
    document["granularities"]["patch"] |= level
    document["train"]["strategy"] = {"kind": "grow", "steps": [{"scale": scale}]}
    (mistake,) = checked(document)[1]
    assert f"{mistake.path}: {mistake.message}".startswith(f"train.strategy.steps.0.{expected}")


def test_a_plan_counts_what_a_coarse_phase_costs(images: tuple[Job, Dataset]) -> None:
    job = moved(images[0], train__strategy={"kind": "grow", "steps": [{"scale": {"patch": 2}}]})
    coarse, joint = plan(job).phases
    assert coarse.less == "patch at 1/2 of its size"
    assert coarse.operations < joint.operations / 2


def test_samples_of_images_are_mixed(images: tuple[Job, Dataset]) -> None:
    job, data = images
    progress = prepare(moved(job, train__mixup={"alpha": 0.3, "at": "samples"}), data).run()
    assert progress.best.quality > 0.8
