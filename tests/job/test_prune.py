from typing import Any

import pytest

from mgdist.job.point import as_document, checked
from tests.networks import job_of, level

LATER = "compress.prune.steps.1: expected shares as large as those of the step before, or larger"
NOTHING = "compress.prune.steps.0: takes nothing out; give rows or channels, or leave the step out"


def mistakes(prune: dict[str, Any], **train: Any) -> list[str]:
    document = as_document(job_of({"word": level("conv")}))
    document["compress"]["prune"] = prune
    document["train"] |= train
    return [f"{each.path}: {each.message}" for each in checked(document)[1]]


def test_steps_that_rise_make_a_job() -> None:
    assert not mistakes({"steps": [{"rows": 0.5}, {"rows": 0.5, "channels": 0.2}, {"rows": 0.9, "channels": 0.2}]})


@pytest.mark.parametrize(
    ("prune", "line"),
    [
        ({"steps": [{"epochs": 2}]}, NOTHING),
        ({"steps": [{"rows": 0.5}, {"rows": 0.4}]}, LATER),
        ({"steps": [{"rows": 0.5}, {"channels": 0.4}]}, LATER),
        ({"steps": []}, "compress.prune.steps"),
        ({"steps": [{"rows": 1.0}]}, "compress.prune.steps.0.rows"),
        ({"steps": [{"row": 0.5}]}, "compress.prune.steps.0.row"),
    ],
)
def test_steps_that_cannot_be_are_refused(prune: dict[str, Any], line: str) -> None:
    (found,) = mistakes(prune)
    assert found.startswith(line)


def test_a_teacher_alone_leaves_nothing_for_label_smoothing() -> None:
    asked = {"steps": [{"rows": 0.5}], "distil": {"weight": 1.0}}
    assert not mistakes(asked)
    (found,) = mistakes(asked, label_smoothing=0.1)
    assert found.startswith("compress.prune.distil.weight: 1 leaves nothing of the targets' own loss")
