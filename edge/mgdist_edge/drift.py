"""Drift: how far the answers of late are from those that are usual.

The population stability index (Lewis, "An Introduction to Credit Scoring", 1994) of two distributions is the sum of
(p - q) ln(p / q) over their classes. Those who use it call up to 0.1 usual, and more than 0.25 a shift. That of N
answers in K classes from the very same distribution is about (K - 1) / N: few answers in many classes tell nothing.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

from mgdist_edge.tasks import Answer, Task, labels_of
from mgdist_edge.usual import TENTHS, Usual, labels_and_confidences, shares, tenth

WINDOW, LEAST = 1000, 100
"""Answers that are looked back on at most, and that must be there for a number."""
_RAREST = 1e-4
"""A share that is smaller counts as this one."""


class Recent:
    """The last answers of one head.

    Args:
        task: of the head.
        usual: what it is compared with.
    """

    def __init__(self, task: Task, usual: Usual) -> None:
        self._labels, self._usual = labels_of(task), usual
        self._answers: deque[tuple[Sequence[str], Sequence[float]]] = deque(maxlen=WINDOW)

    def add(self, answer: Answer) -> None:
        """Remember one answer."""
        self._answers.append(labels_and_confidences(answer))

    def indices(self) -> Iterator[tuple[str, float]]:
        """Yield what was compared, and its population stability index; nothing where there are few answers yet."""
        if len(self._answers) < LEAST:
            return
        labels = Counter(label for given, _ in self._answers for label in given)
        tenths = Counter(tenth(each) for _, confidences in self._answers for each in confidences)
        counted = shares(labels[label] for label in self._labels)
        yield "trained", stability(counted, self._usual.trained)
        yield "answered", stability(counted, self._usual.answered)
        yield "confidence", stability(shares(tenths[place] for place in range(TENTHS)), self._usual.confidence)


def recent(tasks: Mapping[str, Task], usual: Mapping[str, Usual]) -> dict[str, Recent]:
    """Return an empty memory for each head that something is known of."""
    return {name: Recent(tasks[name], each) for name, each in usual.items()}


def stability(now: Sequence[float], usual: Sequence[float]) -> float:
    """Return the population stability index of two distributions over the same classes."""
    pairs = [(max(p, _RAREST), max(q, _RAREST)) for p, q in zip(now, usual, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in pairs)
