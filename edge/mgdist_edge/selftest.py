"""Replay the golden examples of a bundle: does this device answer as the trainer did?"""

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from mgdist_edge.errors import SelftestError
from mgdist_edge.predictor import Predictor
from mgdist_edge.runtime import Floats
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task


@dataclass(frozen=True)
class Selftest:
    """What a replay found.

    Attributes:
        examples: how many were replayed.
        difference: the largest one between an output here and the golden one: of probabilities, or of standardised
            values.
        tolerance: what it may be.
        labels: examples whose every label is the golden one, of every sample where samples are labelled.
    """

    examples: int
    difference: float
    tolerance: float
    labels: int

    @property
    def passed(self) -> bool:
        """Whether every label is the golden one, and every probability close enough."""
        return self.labels == self.examples and self.difference <= self.tolerance

    def __str__(self) -> str:
        """Return the finding in one line."""
        return (
            f"{self.labels} of {self.examples} golden examples have the expected label; "
            f"the largest difference of an output is {self.difference:.5f}, {self.tolerance} is allowed"
        )


def selftest(predictor: Predictor) -> Selftest:
    """Replay the golden examples."""
    manifest, golden = predictor.bundle.manifest, predictor.bundle.golden
    differences, labels = [], 0
    for example in golden.examples:
        (raw, *others) = example.raws.values()
        found = predictor.outputs(predictor.views(example.raws if others else raw))
        agrees = True
        for name, task in manifest.tasks.items():
            here, there = found[name], np.array(example.outputs[name], np.float32)
            if here.size != there.size:
                raise _unfit(predictor, here.size, there.size)
            there = there.reshape(here.shape)
            differences.append(float(np.abs(here - there).max()))
            agrees &= _agrees(task, here, there, golden.tolerance)
        labels += agrees
    return Selftest(len(golden.examples), max(differences), golden.tolerance, labels)


def _agrees(task: Task, here: Floats, there: Floats, tolerance: float) -> bool:
    """Say whether the labels are the golden ones; where two are as probable but for the tolerance, either is right."""
    match task:
        case Classify():
            return bool(there[here.argmax()] >= there.max() - tolerance)
        case Tag():
            named = np.take_along_axis(there, here.argmax(1, keepdims=True), 1)
            return bool((named >= there.max(1, keepdims=True) - tolerance).all())
        case Ordinal() | MultiLabel() | Regress() | Forecast():
            return bool(np.abs(here - there).max() <= tolerance)
        case _ as never:
            assert_never(never)


def _unfit(predictor: Predictor, here: int, there: int) -> SelftestError:
    path = predictor.bundle.path
    return SelftestError(
        f"{path}: expected {there} outputs, as a golden example has; got {here}; make the bundle again"
    )


def require_passed(result: Selftest, predictor: Predictor) -> None:
    """Refuse a device that answers otherwise.

    Raises:
        SelftestError: an example has another label, or is too far off.
    """
    if not result.passed:
        advice = "run it with ai-edge-litert >= 2.1, and report the device"
        raise SelftestError(f"{predictor.bundle.path}: expected the golden answers; got: {result}; {advice}")
