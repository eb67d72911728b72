"""Golden examples: raw inputs with the expected outputs, to prove a device right."""

from collections.abc import Mapping
from dataclasses import dataclass

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, parse
from mgdist_edge.raws import Raw, raw_json, read_raw
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Task, is_possible

MOST_TAGS = 2**24
"""Outputs of an example at most whose samples are labelled."""


@dataclass(frozen=True)
class Example:
    """A raw value for each input, and the outputs of each head in the order of the manifest.

    Where T samples are labelled, these are the outputs of one sample after those of another.
    """

    raws: Mapping[str, Raw]
    outputs: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Golden:
    """Examples, and how far a device's outputs may be from theirs.

    int8 arithmetic differs between processors by up to 0.4 % of the range, so the examples are compared with a
    tolerance and equal labels, never bit by bit.
    """

    examples: tuple[Example, ...]
    tolerance: float = 0.02

    def as_json(self) -> dict[str, object]:
        """Return what golden.json holds."""
        examples = [
            {
                "raws": {name: raw_json(raw) for name, raw in example.raws.items()},
                "outputs": {name: list(values) for name, values in example.outputs.items()},
            }
            for example in self.examples
        ]
        return {"tolerance": self.tolerance, "examples": examples}


def read_golden(raw: bytes, inputs: tuple[str, ...], tasks: Mapping[str, Task]) -> Golden:
    """Return the examples in golden.json.

    Args:
        raw: the file.
        inputs: names that each example has a raw value for.
        tasks: what each example has outputs for.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds.
    """
    fields = Fields.of(parse(raw, "golden.json"), "golden.json")
    tolerance = fields.number("tolerance")
    if not 0 < tolerance < 1:
        raise BundleError(f"golden.json: tolerance: expected a number between 0 and 1; got {tolerance}; make it again")
    examples = fields.many("examples", least=1, most=1000)
    return Golden(tuple(_read_example(examples.inner(each), inputs, tasks) for each in examples), tolerance)


def _read_example(fields: Fields, inputs: tuple[str, ...], tasks: Mapping[str, Task]) -> Example:
    raws, heads = fields.inner("raws"), fields.inner("outputs")
    return Example(
        {name: read_raw(raws, name) for name in inputs},
        {name: _read_outputs(heads, name, task) for name, task in tasks.items()},
    )


def _read_outputs(heads: Fields, name: str, task: Task) -> tuple[float, ...]:
    most = MOST_TAGS if isinstance(task, Tag) else task.outputs
    values = heads.many(name, least=task.outputs, most=most)
    outputs = tuple(values.number(place) for place in values)
    if not is_possible(task, outputs):
        raise BundleError(f"{values.where}: expected outputs of {task.kind}; got others; make the bundle again")
    return outputs
