"""What the answers of a head usually look like, by which a device can tell that its inputs are no longer usual.

Legend: K labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mgdist_edge.answers import Label, Labels
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.tags import Tags
from mgdist_edge.tasks import Answer, Task, labels_of

TENTHS = 10


@dataclass(frozen=True)
class Usual:
    """Shares, each row of which sums to 1.

    Attributes:
        trained: of each label in the training split, (K,).
        answered: of each label among the bundle's answers for the validation split, (K,).
        confidence: of these answers by the tenth that their probability is in, (10,).
    """

    trained: tuple[float, ...]
    answered: tuple[float, ...]
    confidence: tuple[float, ...]


def labels_and_confidences(answer: Answer) -> tuple[Sequence[str], Sequence[float]]:
    """Return the labels that an answer gives, and how probable it says they are; none where it gives numbers.

    Where any number of labels may be given, the most probable one speaks for the answer.
    """
    match answer:
        case Label(label, probability):
            return (label,), (probability,)
        case Labels(labels, probabilities):
            return labels, (max(probabilities.values()),)
        case Tags(labels, probabilities):
            return labels, tuple(probabilities[label][place] for place, label in enumerate(labels))
        case _:
            return (), ()


def tenth(confidence: float) -> int:
    """Return which tenth a probability is in, 0 to 9."""
    return min(TENTHS - 1, max(0, int(TENTHS * confidence)))


def shares(counts: Iterable[float | int]) -> tuple[float, ...]:
    """Return counts as shares of their sum, with six digits; as equal shares where nothing was counted."""
    found = list(counts)
    total = sum(found)
    return tuple(round(each / total if total else 1 / len(found), 6) for each in found)


def usual_json(usual: Mapping[str, Usual]) -> dict[str, object]:
    """Return what a manifest holds of it, by head."""
    return {name: {field: list(values) for field, values in vars(each).items()} for name, each in usual.items()}


def read_usual(fields: Fields, tasks: Mapping[str, Task]) -> dict[str, Usual]:
    """Return what a manifest says, by head.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds; or a head is not among the tasks.
    """
    found = {}
    for name in fields:
        if name not in tasks:
            raise BundleError(f"{fields.where}: expected heads of tasks; got {name}; make the bundle again")
        inner, labels = fields.inner(name), len(labels_of(tasks[name]))
        found[name] = Usual(
            _shares(inner, "trained", labels), _shares(inner, "answered", labels), _shares(inner, "confidence", TENTHS)
        )
    return found


def _shares(fields: Fields, name: str, count: int) -> tuple[float, ...]:
    listed = fields.many(name, least=count, most=count)
    values = tuple(listed.number(place) for place in listed)
    if min(values) < 0 or abs(sum(values) - 1) > 0.01 + 1e-6 * count:
        raise BundleError(f"{listed.where}: expected shares that sum to 1; got others; make the bundle again")
    return values
