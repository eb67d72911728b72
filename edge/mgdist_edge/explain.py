"""Which parts of an example mattered: each is left out by itself, and the network is run again.

After Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (occlusion), and Li, Monroe
and Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016. ``edge/web/js/explain.js`` does the
same on the page. What a part's absence does not change is not computed again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, cast

from mgdist_edge.answers import Values
from mgdist_edge.errors import InputError
from mgdist_edge.parts import parts_of
from mgdist_edge.places import Place
from mgdist_edge.raws import Handed
from mgdist_edge.runtime import Floats
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Forecast, Regress, labels_of

if TYPE_CHECKING:
    from mgdist_edge.predictor import Prediction, Predictor

STRONGEST = 6
"""Parts of a granularity that are told to people."""
FAINT = 0.0005
"""Weights below this are as good as none."""


@dataclass(frozen=True)
class Target:
    """What is explained: one output of the first head.

    Attributes:
        head: its name.
        output: place among the head's outputs.
        name: the label, or the name of the number.
    """

    head: str
    output: int
    name: str


@dataclass(frozen=True)
class Weighed:
    """A part that was left out.

    Attributes:
        input: that it is a part of.
        granularity: sentence, word; patch, square; moment; column.
        place: where it stands in the raw value.
        shown: names it to people: the text itself, or its place.
        weight: what the target's output lost, or below 0 gained, by its absence: a share of the probability, or of a
            number standard deviations of the training split.
    """

    input: str
    granularity: str
    place: Place
    shown: str
    weight: float

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        weight = float(f"{self.weight:.4g}")
        return {"input": self.input, "granularity": self.granularity, **self.place.as_json(), "weight": weight}


@dataclass(frozen=True)
class Explanation:
    """What mattered for one prediction.

    Attributes:
        prediction: that is explained.
        target: which of its outputs.
        parts: that were left out, each by itself; input after input, coarse ones first, in reading order.
        milliseconds: that it took, with the prediction.
    """

    prediction: "Prediction"
    target: Target
    parts: tuple[Weighed, ...]
    milliseconds: float

    def strongest(self, granularity: str, count: int = STRONGEST) -> list[Weighed]:
        """Return the parts of a granularity that changed the output most, the strongest first."""
        told = [part for part in self.parts if part.granularity == granularity and abs(part.weight) >= FAINT]
        return sorted(told, key=lambda part: -abs(part.weight))[:count]

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine: the prediction as it is told, and all parts."""
        parts = [part.as_json() for part in self.parts]
        told = {"head": self.target.head, "name": self.target.name, "parts": parts}
        return {**self.prediction.as_json(top), "explained": {**told, "milliseconds": round(self.milliseconds, 3)}}

    def lines(self) -> Iterator[str]:
        """Yield it for people: of each granularity the parts that mattered most."""
        seconds = self.milliseconds / 1000
        yield (
            f"{len(self.parts)} parts were left out one by one in {seconds:.2f} s: "
            f'how far "{self.target.name}" fell (-) or rose (+).'
        )
        for granularity in dict.fromkeys(part.granularity for part in self.parts):
            yield f"{granularity}:"
            ranked = self.strongest(granularity)
            yield from (f"  {self._change(part):>9}  {part.shown}" for part in ranked)
            if not ranked:
                yield "  No single part changes the answer."

    def _change(self, part: Weighed) -> str:
        """Return what became of the output without a part."""
        task = self.prediction.answers[self.target.head]
        return f"{-part.weight:+.2f} std" if isinstance(task, Values) else f"{-part.weight:+.1%}"


def explain(predictor: "Predictor", raw: Handed) -> Explanation:
    """Say which parts of an example mattered for the first head's answer; see :meth:`Predictor.explain`."""
    begin = perf_counter()
    stream = predictor.stream()
    outputs = stream.outputs(raw)
    target = _target(predictor, outputs)
    prediction = predictor.told(outputs, begin=begin)
    inputs = predictor.bundle.manifest.inputs
    raws = raw if isinstance(raw, Mapping) and len(inputs) > 1 else dict.fromkeys(inputs, raw)
    found = []
    for name, fitted in inputs.items():
        for part in parts_of(fitted, raws[name]):
            rest = {**raws, name: part.without()}
            left = stream.outputs(cast(Handed, rest if len(inputs) > 1 else rest[name]))
            weight = float(outputs[target.head][target.output] - left[target.head][target.output])
            found.append(Weighed(name, part.granularity, part.place, part.shown, weight))
    if not found:
        raise InputError("expected an example of several parts, each of which can be left out; got one without such")
    return Explanation(prediction, target, tuple(found), 1000 * (perf_counter() - begin))


def _target(predictor: "Predictor", outputs: Mapping[str, Floats]) -> Target:
    """Return the most probable label of the first head, or its first number."""
    head, task = next(iter(predictor.bundle.manifest.tasks.items()))
    if isinstance(task, Forecast | Tag):
        what = "forecasts" if isinstance(task, Forecast) else "labels of single samples"
        raise InputError(f"expected a bundle that answers with labels or numbers; this one gives {what}; use predict")
    output = 0 if isinstance(task, Regress) else int(outputs[head].argmax())
    return Target(head, output, labels_of(task)[output])
