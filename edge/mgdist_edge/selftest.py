"""Replay the golden examples of a bundle: does this device answer as the trainer did?"""

from dataclasses import dataclass

from mgdist_edge.errors import SelftestError
from mgdist_edge.predictor import Predictor


@dataclass(frozen=True)
class Selftest:
    """What a replay found.

    Attributes:
        examples: how many were replayed.
        difference: the largest one between a probability here and the golden one.
        tolerance: what it may be.
        labels: examples with the golden label.
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
            f"the largest difference of a probability is {self.difference:.5f}, {self.tolerance} is allowed"
        )


def selftest(predictor: Predictor) -> Selftest:
    """Replay the golden examples."""
    golden = predictor.bundle.golden
    differences, labels = [], 0
    for example in golden.examples:
        found = list(predictor.predict(example.text).probabilities.values())
        pairs = list(zip(found, example.probabilities, strict=True))
        differences.append(max(abs(here - there) for here, there in pairs))
        labels += _agrees(pairs, golden.tolerance)
    return Selftest(len(golden.examples), max(differences), golden.tolerance, labels)


def _agrees(pairs: list[tuple[float, float]], tolerance: float) -> bool:
    """Say whether the label is the golden one; where two are as probable but for the tolerance, either is right."""
    here = max(range(len(pairs)), key=lambda place: pairs[place][0])
    return pairs[here][1] >= max(there for _, there in pairs) - tolerance


def require_passed(result: Selftest, predictor: Predictor) -> None:
    """Refuse a device that answers otherwise.

    Raises:
        SelftestError: an example has another label, or is too far off.
    """
    if not result.passed:
        advice = "run it with ai-edge-litert >= 2.1, and report the device"
        raise SelftestError(f"{predictor.bundle.path}: expected the golden answers; got: {result}; {advice}")
