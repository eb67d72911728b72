"""Golden examples: raw inputs with the expected outputs, to prove a device right."""

from dataclasses import dataclass

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, parse


@dataclass(frozen=True)
class Example:
    """A text, and the probability of each class in the order of the labels."""

    text: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Golden:
    """Examples, and how far a device's probabilities may be from theirs.

    int8 arithmetic differs between processors by up to 0.4 % of the range, so the examples are compared with a
    tolerance and equal labels, never bit by bit.
    """

    examples: tuple[Example, ...]
    tolerance: float = 0.02

    def as_json(self) -> dict[str, object]:
        """Return what golden.json holds."""
        return {"tolerance": self.tolerance, "examples": [vars(example) for example in self.examples]}


def read_golden(raw: bytes, classes: int) -> Golden:
    """Return the examples in golden.json.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds.
    """
    fields = Fields.of(parse(raw, "golden.json"), "golden.json")
    tolerance = fields.number("tolerance")
    if not 0 < tolerance < 1:
        raise BundleError(f"golden.json: tolerance: expected a number between 0 and 1; got {tolerance}; make it again")
    examples = fields.many("examples", least=1, most=1000)
    return Golden(tuple(_read_example(examples.inner(each), classes) for each in examples), tolerance)


def _read_example(fields: Fields, classes: int) -> Example:
    values = fields.many("probabilities", least=classes, most=classes)
    probabilities = tuple(values.number(place) for place in values)
    if min(probabilities) < 0 or abs(sum(probabilities) - 1) > 0.01:
        expected = "numbers from 0 to 1 that sum to 1"
        raise BundleError(f"{values.where}: expected {expected}; got others; make the bundle again")
    return Example(fields.text("text"), probabilities)
