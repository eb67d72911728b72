"""What answers usually look like: counted where the bundle is made, for the device to compare its own with.

Legend: R rows of a split, K outputs of a head.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Answer, Classify, Forecast, MultiLabel, Ordinal, Regress, Task, labels_of
from mgdist_edge.usual import TENTHS, Usual, labels_and_confidences, shares, tenth


def usual(
    tasks: Mapping[str, Task], targets: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[np.float32]]
) -> dict[str, Usual]:
    """Return it for each head that gives labels.

    Args:
        tasks: what the heads answer.
        targets: of the training split.
        outputs: (R, K) of the bundle on the validation split; of labelled samples (T, K), of all rows.
    """
    return {
        name: _usual(task, targets[name], outputs[name])
        for name, task in tasks.items()
        if not isinstance(task, Regress | Forecast)
    }


def _usual(task: Task, targets: NDArray[Any], outputs: NDArray[np.float32]) -> Usual:
    labels, tenths = Counter[str](), Counter[int]()
    answers: Iterable[Answer] = [task.answer(outputs)] if isinstance(task, Tag) else map(task.answer, outputs)
    for answer in answers:
        given, confidences = labels_and_confidences(answer)
        labels.update(given)
        tenths.update(map(tenth, confidences))
    answered = shares(labels[name] for name in labels_of(task))
    return Usual(shares(_counts(task, targets).tolist()), answered, shares(tenths[place] for place in range(TENTHS)))


def _counts(task: Task, targets: NDArray[Any]) -> NDArray[Any]:
    """Return how often each label is there, (K,)."""
    match task:
        case Classify() | Ordinal() | Tag():
            return np.bincount(targets, minlength=task.outputs)
        case MultiLabel():
            return np.asarray(targets.sum(0, dtype=float))
        case Regress() | Forecast():
            raise AssertionError("numbers have no labels")
        case _ as never:
            assert_never(never)
