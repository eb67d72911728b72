"""Early exit: when reading may stop is chosen on the validation split, by the edge runtime and the file that ships.

Legend: R rows of a split, C checks, K outputs of the head.
"""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset, Shard
from mgdist_edge.bundle import Bundle
from mgdist_edge.exits import Exit, answer_early
from mgdist_edge.partial import beginning
from mgdist_edge.predictor import Predictor

CHECKS = (1, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Units of the finest level that reading may first stop after: such that calls of 1, 4 and 16 units are full."""
GROWTHS = (0, 2, 3, 4)
"""How many times more units are read before the next check; 0: there is no other one."""
CHEAPEST, DEAREST = 1 / 16, 64
"""Units that a check is thought to take as long as, at least and at most."""
SURE = 1.645
"""Standard errors that the drop is thought larger than was seen: one-sided 95 %, for the test split has other rows."""
TIMED, BLOCK = 300, 25
"""Documents that both ways of reading are timed on, and those of one turn."""


@dataclass(frozen=True)
class EarlyExit:
    """What stopping early saves and costs, on the test split by the edge runtime.

    Attributes:
        units: of the finest level, after which it is asked whether the answer is sure.
        confidence: it is, when the most probable label is at least so probable.
        granularity: what those units are called.
        valid_drop: accuracy lost on the validation split, and SURE standard errors on top.
        accuracy: on the test split, stopping early.
        whole: the same, reading all.
        stopped: share of the documents that are not read to the end.
        read: share of all units that are read.
        milliseconds: mean processor time from text to label, stopping early.
        whole_milliseconds: the same, reading all; both in turn on the same documents, one thread of this host.
    """

    units: tuple[int, ...]
    confidence: float
    granularity: str
    valid_drop: float
    accuracy: float
    whole: float
    stopped: float
    read: float
    milliseconds: float
    whole_milliseconds: float

    @property
    def exit(self) -> Exit:
        """What the bundle carries."""
        return Exit(self.units, self.confidence)

    @property
    def metrics(self) -> dict[str, float]:
        """What the bundle tells of it beside its other scores."""
        shown = ("accuracy", "stopped", "read", "milliseconds", "whole_milliseconds")
        return {f"exit_{name}": getattr(self, name) for name in shown}

    def __str__(self) -> str:
        """Tell it in one line."""
        after = f"{' or '.join(map(str, self.units))} {self.granularity}{'' if self.units == (1,) else 's'}"
        return (
            f"Early exit: reading stops after {after} once a label has {self.confidence:.1%}, "
            f"chosen on the validation split: accuracy {self.accuracy:.4f} on the test split, {self.whole:.4f} where "
            f"all is read; {self.stopped:.0%} of the documents stop early, {self.read:.0%} of the {self.granularity}s "
            f"are read; mean {self.milliseconds:.3f} ms, {self.whole_milliseconds:.3f} where all is read "
            f"({self.whole_milliseconds / self.milliseconds:.2f} times less)."
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "EarlyExit":
        """Return what ``as_json`` was made of."""
        return cls(**(fields | {"units": tuple(fields["units"])}))


@dataclass(frozen=True)
class Readings:
    """What a network answers for the beginnings of documents.

    Attributes:
        checks: units after which it was asked, (C,).
        outputs: after each, and where all was read, (R, C + 1, K); that of the whole where a document is shorter.
        units: of each document, (R,).
        targets: the right labels, (R,).
        check: units that take as long as a check; see :func:`check_cost`.
    """

    checks: tuple[int, ...]
    outputs: Float[np.ndarray, "R _ K"]
    units: Int[np.ndarray, " R"]
    targets: Int[np.ndarray, " R"]
    check: float

    def stops(self, exit: Exit) -> Int[np.ndarray, " R"]:
        """Return the check after which each document stops, by its place; C where all of it is read."""
        found = np.full(len(self.units), len(self.checks))
        for units in reversed(exit.units):
            place = self.checks.index(units)
            found[(self.units > units) & (self.outputs[:, place].max(1) >= exit.confidence)] = place
        return found

    def drops(self, stops: Int[np.ndarray, " R"]) -> Float[np.ndarray, " R"]:
        """Return for each document 1 where stopping makes a right answer wrong, -1 where a wrong one right, else 0."""
        found: NDArray[np.float64] = self._right(np.full_like(stops, len(self.checks))) - self._right(stops)
        return found

    def work(self, exit: Exit, stops: Int[np.ndarray, " R"]) -> float:
        """Return the mean number of units of a document that take as long as it does."""
        read = np.minimum(self.units, np.array([*self.checks, self.units.max()])[stops])
        asked = sum((read >= units) & (self.units > units) for units in exit.units)
        return float((read + self.check * asked).mean())

    def answers(self, stops: Int[np.ndarray, " R"]) -> Float[np.ndarray, "R K"]:
        """Return the outputs where each document stops."""
        found: NDArray[np.float32] = self.outputs[np.arange(len(stops)), stops]
        return found

    def _right(self, stops: Int[np.ndarray, " R"]) -> Float[np.ndarray, " R"]:
        found: NDArray[np.float64] = np.equal(self.answers(stops).argmax(1), self.targets).astype(np.float64)
        return found


def read_in_parts(bundle: Bundle, shard: Shard) -> Readings:
    """Let the edge runtime answer for the beginnings of all documents of a split."""
    predictor = Predictor(bundle)
    (head,) = bundle.manifest.tasks
    views = [shard.views(row) for row in range(len(shard))]
    units = np.array([len(next(iter(each.values())).lengths[0]) for each in views])
    checks = tuple(check for check in CHECKS if check < units.max())
    outputs, seconds = [], np.zeros((len(views), len(checks) + 1))
    for row, each in enumerate(views):
        ((name, whole),) = each.items()
        parts = [beginning(whole, check) for check in checks if check < units[row]]
        told = []
        for place, part in enumerate([*parts, whole]):
            begin = thread_time()
            told.append(predictor.outputs({name: part})[head])
            seconds[row, place] = thread_time() - begin
        outputs.append(told + [told[-1]] * (len(checks) + 1 - len(told)))
    cost = check_cost(checks, units, seconds) if checks else 0.0
    return Readings(checks, np.array(outputs), units, np.asarray(shard.targets[head], np.int64), cost)


def check_cost(checks: Sequence[int], units: Int[np.ndarray, " R"], seconds: Float[np.ndarray, "R _"]) -> float:
    """Return how many units of the finest level take as long as a check: the levels above and the head.

    In a small network they cost as much as many units, in a large one nearly nothing. To a power of two, so that it
    hardly depends on what else the machine does.

    Args:
        checks: units after which a document was asked.
        units: of each document.
        seconds: of processor time, after each check before its end, and then where all of it was read.
    """
    first = checks[0]
    longer = units > first
    last = (units[longer, None] > np.array(checks)).sum(1)
    each = (seconds[longer, last] - seconds[longer, 0]) / (units[longer] - first)
    unit = max(float(np.median(each)), 1e-9)
    fixed = float(np.median(seconds[longer, 0])) - first * unit
    return float(2.0 ** round(np.log2(min(max(fixed / unit, CHEAPEST), DEAREST))))


def choose_exit(readings: Readings, budget: float) -> tuple[Exit, float] | None:
    """Return with which exit documents cost least, of those that keep the accuracy budget, and the drop it may cost.

    Args:
        readings: of the validation split.
        budget: accuracy that may be lost, with SURE standard errors on top of what is seen.

    Returns:
        None where none keeps it, or none saves anything.
    """
    best, least = None, float(readings.units.mean())
    for units in schedules(readings.checks):
        for confidence in confidences(readings, units):
            exit = Exit(units, confidence)
            stops = readings.stops(exit)
            work = readings.work(exit, stops)
            if work >= least:
                continue
            drops = readings.drops(stops)
            drop = float(drops.mean() + SURE * drops.std() / len(drops) ** 0.5)
            if drop <= budget:
                best, least = (exit, drop), work
    return best


def schedules(checks: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield after how many units it may be asked: at first, and then each time some times more have been read."""
    for first in checks:
        for growth in GROWTHS:
            units = [first]
            while growth and units[-1] * growth in checks:
                units.append(units[-1] * growth)
            if growth == 0 or len(units) > 1:
                yield tuple(units)


def confidences(readings: Readings, units: Sequence[int]) -> list[float]:
    """Return thresholds to try: evenly spread over the documents that are asked."""
    asked = readings.outputs[:, [readings.checks.index(each) for each in units]].max(2)
    return sorted({round(float(each), 4) for each in np.quantile(asked, np.linspace(0, 0.995, 80)) if each > 0})


def early_exit(
    packed: Path, dataset: Dataset, budget: float
) -> tuple[EarlyExit, dict[str, NDArray[np.float32]]] | None:
    """Choose when reading may stop on the validation split, and measure on the test split what that saves and costs.

    Args:
        packed: the bundle that ships, still without an exit.
        dataset: that it was trained on.
        budget: accuracy that may be lost.

    Returns:
        it, and the outputs (R, K) of the validation split with it; None where there is none within the budget.
    """
    bundle = Bundle.open(packed)
    readings = read_in_parts(bundle, dataset.valid)
    chosen = choose_exit(readings, budget)
    if chosen is None:
        return None
    exit, drop = chosen
    (head,) = bundle.manifest.tasks
    found = measure_exit(Predictor(bundle), dataset.test, exit, drop)
    return found, {head: readings.answers(readings.stops(exit))}


def measure_exit(predictor: Predictor, test: Shard, exit: Exit, drop: float) -> EarlyExit:
    """Answer for all documents of the test split both ways, from their texts, and time some of them."""
    (head,) = predictor.bundle.manifest.tasks
    right = np.zeros(2)
    units = np.zeros(2)
    stopped = 0
    for row, target in enumerate(test.targets[head]):
        ((name, text),) = test.raw(row).items()
        views = test.views(row)
        outputs, after = answer_early(predictor, text, exit)
        whole = len(views[name].lengths[0])
        right += [outputs[head].argmax() == target, predictor.outputs(views)[head].argmax() == target]
        units += [whole if after is None else after, whole]
        stopped += after is not None
    early, full = timed_exit(predictor, test, exit)
    return EarlyExit(
        units=exit.units,
        confidence=exit.confidence,
        granularity=predictor.bundle.manifest.levels[1].name,
        valid_drop=drop,
        accuracy=float(right[0] / len(test)),
        whole=float(right[1] / len(test)),
        stopped=stopped / len(test),
        read=float(units[0] / units[1]),
        milliseconds=early,
        whole_milliseconds=full,
    )


def timed_exit(predictor: Predictor, shard: Shard, exit: Exit) -> tuple[float, float]:
    """Return the mean milliseconds of a document, stopping early and reading all, in turn.

    Of the processor's time in this thread, so that other programs do not count.
    """
    rows = range(0, len(shard), max(1, len(shard) // TIMED))[:TIMED]
    texts = [next(iter(shard.raw(row).values())) for row in rows]
    # Each with an input of its own, or the second of them would find the words that the first has looked up.
    early, full = (Predictor(Bundle.open(predictor.bundle.path), exit=False) for _ in range(2))
    early.exit, seconds = exit, [0.0, 0.0]
    for each in (early, full):
        for text in texts[:BLOCK]:
            each.predict(text)
    gc.disable()  # a trainer's heap is large, and a device's is not
    for start in range(0, len(texts), BLOCK):
        for which, each in enumerate((early, full)):
            begin = thread_time()
            for text in texts[start : start + BLOCK]:
                each.predict(text)
            seconds[which] += thread_time() - begin
    gc.enable()
    return 1000 * seconds[0] / len(texts), 1000 * seconds[1] / len(texts)
