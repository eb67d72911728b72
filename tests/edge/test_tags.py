"""Labels of samples on the device: what they say, and which coarser sample covers which."""

import numpy as np
import pytest

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.levels import spans
from mgdist_edge.tags import Stretch, Tag, Tags
from mgdist_edge.tasks import is_possible, read_task, task_json
from mgdist_edge.views import covering
from mgdist_edge.windows import Window

TASK = Tag(("sit", "walk"), "moment")
OUTPUTS = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.6, 0.4]], np.float32)


def test_each_sample_has_its_likeliest_label_and_neighbours_of_one_label_are_a_stretch() -> None:
    found = TASK.answer(OUTPUTS)
    assert found.labels == ("sit", "sit", "walk", "sit")
    assert found.probabilities["walk"] == pytest.approx((0.1, 0.3, 0.8, 0.4))
    assert [run[:3] for run in found.runs] == [(0, 1, "sit"), (2, 2, "walk"), (3, 3, "sit")]
    assert [run.probability for run in found.runs] == pytest.approx([0.8, 0.8, 0.6])


def test_people_read_stretches_and_machines_the_labels_too() -> None:
    found = TASK.answer(OUTPUTS)
    assert list(found.lines(1)) == ["0-1  sit  80%", "2-2  walk  80%", "3-3  sit  60%"]
    told = found.as_json()
    assert told["labels"] == ["sit", "sit", "walk", "sit"]
    runs = told["runs"]
    assert isinstance(runs, list)
    assert runs[2] == {"first": 3, "last": 3, "label": "sit", "probability": 0.6}


def test_one_sample_alone_is_a_stretch() -> None:
    assert Tags(("a",), {"a": (1.0,)}).runs == (Stretch(0, 0, "a", 1.0),)


def test_a_manifest_holds_the_task() -> None:
    assert read_task(Fields(task_json(TASK), "manifest.json")) == TASK
    line = "manifest.json.kind: expected classify, ordinal, multi_label, regress, forecast or tag; got 'tags'"
    with pytest.raises(BundleError, match=f"^{line}; upgrade mgdist-edge$"):
        read_task(Fields({"kind": "tags"}, "manifest.json"))


@pytest.mark.parametrize(
    ("outputs", "possible"),
    [
        ((0.5, 0.5), True),
        ((0.5, 0.5, 1.0, 0.0), True),
        ((0.5, 0.5, 1.0), False),
        ((0.5, 0.5, 0.9, 0.2), False),
        ((1.5, -0.5), False),
        ((), False),
    ],
)
def test_outputs_are_probabilities_of_each_sample(outputs: tuple[float, ...], possible: bool) -> None:
    assert is_possible(TASK, outputs) is possible


def test_a_sample_covers_the_readings_of_all_levels_below_it() -> None:
    levels = [Window(8, 1), Window(4, None), Window(2, None), Window(16, 4), Window(3, None)]
    assert spans(levels) == (1, 8, 32, 4, 64)


def test_a_coarser_sample_covers_those_within_it_also_where_the_last_one_is_short() -> None:
    assert covering(np.array([7]), 1, np.array([3]), 3).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert covering(np.array([5, 3]), 1, np.array([2, 1]), 3).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_a_sample_is_its_own_cover() -> None:
    assert covering(np.array([3, 2]), 4, np.array([3, 2]), 4).tolist() == [0, 1, 2, 3, 4]


def test_a_longer_sample_is_covered_at_its_middle() -> None:
    # Three samples of 10 readings; another level of 4 readings each: 5 // 4, 15 // 4, and 25 // 4.
    assert covering(np.array([3]), 10, np.array([8]), 4).tolist() == [1, 3, 6]
    assert covering(np.array([3]), 10, np.array([6]), 4).tolist() == [1, 3, 5]  # the last one there is
