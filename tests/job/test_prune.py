from typing import Any

import pytest

from mgdist.errors import JobError
from mgdist.job.point import as_document, at_point, checked
from tests.networks import job_of, level

LATER = "compress.prune.steps.1: expected shares as large as those of the step before, or larger"
NOTHING = "compress.prune.steps.0: takes nothing out; give rows, channels, width or layers, or leave the step out"


def mistakes(prune: dict[str, Any] | None, aware: dict[str, Any] | None = None, **train: Any) -> list[str]:
    document = as_document(job_of({"word": level("conv")}))
    document["compress"] |= {"prune": prune, "aware": aware}
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
        ({"steps": [{"width": 0.5}, {"rows": 0.4, "width": 0.4}]}, LATER),
        ({"steps": []}, "compress.prune.steps"),
        (
            {"steps": [{"layers": 0.5}]},
            "compress.prune.steps: layers: blocks of transformers and pre-trained encoders; there is none; leave",
        ),
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


def test_a_search_on_what_ships_knows_nothing_of_pruning() -> None:
    space = {"train.lr": {"choice": [0.01]}}
    point = {"search": {"objective": "deployed", "space": space}, "compress.prune": {"steps": [{"rows": 0.5}]}}
    with pytest.raises(JobError) as error:
        at_point(job_of({"word": level("conv")}), point)
    assert str(error.value).endswith(
        "search.objective: deployed tells what ships of a network as it was trained, and compress.prune makes it "
        "smaller afterwards; leave compress.prune out, or compare what was trained"
    )


def test_what_is_fine_tuned_for_is_a_format_that_is_tried() -> None:
    assert not mistakes(None, {"method": "int4"})
    assert mistakes(None, {"method": "int2"}) == [
        "compress.aware.method: expected a format that is tried: float32, float16, int8_weight, int8_dynamic, int4; "
        "got int2; add it to compress.methods"
    ]
    (found,) = mistakes(None, {"method": "float16"})
    assert found.startswith("compress.aware.method: ")


def test_sharded_weights_and_a_search_on_what_ships_know_nothing_of_formats() -> None:
    (found,) = mistakes(None, {"method": "int4"}, engine={"kind": "deepspeed", "stage": 3})
    assert found.startswith("compress.aware: ZeRO stage 3 shards the weights that are rounded")
    space = {"train.lr": {"choice": [0.01]}}
    point = {"search": {"objective": "deployed", "space": space}, "compress.aware": {"method": "int4"}}
    with pytest.raises(JobError) as error:
        at_point(job_of({"word": level("conv")}), point)
    assert "compress.aware trains it further; leave compress.aware out" in str(error.value)


def test_a_teacher_of_what_is_fine_tuned_for_a_format_is_looked_at_too() -> None:
    (found,) = mistakes(None, {"method": "int4", "distil": {"weight": 1.0}}, label_smoothing=0.1)
    assert found.startswith("compress.aware.distil.weight: 1 leaves nothing of the targets' own loss")
