import json

import pytest

from mgdist_edge.above import Above, require_finer
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.tasks import Classify, read_task, task_json

COARSE = Classify(("animal", "plant"), Above("fine", (0, 1, 0)))


def read(**changed: object) -> object:
    document = {**task_json(COARSE), **changed}
    return read_task(Fields(json.loads(json.dumps(document)), "manifest.json: tasks.coarse"))


def test_what_a_head_stands_above_travels_with_it() -> None:
    assert read() == COARSE
    assert task_json(Classify(("a", "b"))) == {"kind": "classify", "labels": ["a", "b"]}


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ([], ": expected an object; got []"),
        ({"head": "fine", "parents": [0, 2]}, ".parents.1: expected a whole number from 0 to 1; got 2"),
        ({"head": "fine", "parents": []}, ".parents: expected a list of 1 to 100000 values; got []"),
        ({"head": 3, "parents": [0]}, ".head: expected a line of text; got 3"),
    ],
)
def test_a_wrong_one_is_refused(above: object, said: str) -> None:
    with pytest.raises(BundleError) as refused:
        read(above=above)
    assert str(refused.value) == f"manifest.json: tasks.coarse.above{said}; make the bundle again"


@pytest.mark.parametrize("outputs", [{"fine": 4}, {"finer": 3}])
def test_the_finer_head_must_be_there_with_a_parent_for_each_label(outputs: dict[str, int]) -> None:
    assert COARSE.above is not None
    require_finer(COARSE.above, {"fine": 3}, "manifest.json: tasks.coarse")
    with pytest.raises(BundleError, match=r"tasks\.coarse\.above: expected a parent for each label of a head 'fine'; "):
        require_finer(COARSE.above, outputs, "manifest.json: tasks.coarse")
