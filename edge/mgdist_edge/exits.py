"""Early exit: a text is read a few sentences at a time, and reading stops once the answer is sure.

After Graves, "Adaptive Computation Time for Recurrent Neural Networks", 2016, and Huang et al., "Multi-Scale Dense
Networks", ICLR 2018, in the plainest form: every level masks what is not there, so the network that reads a whole
document answers for its beginning as it is, and when it is sure is chosen where the bundle is made, on validation
examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.inputs import Input
from mgdist_edge.memory import Compute, Floats
from mgdist_edge.partial import Partial
from mgdist_edge.tasks import Classify, Ordinal, Task
from mgdist_edge.text import TextInput

if TYPE_CHECKING:
    from mgdist_edge.predictor import Predictor
    from mgdist_edge.raws import Handed

_MOST_CHECKS, _LONGEST = 64, 2**20


@dataclass(frozen=True)
class Exit:
    """When reading may stop.

    Attributes:
        units: of the finest level, after which the network is asked whether it is sure; rising.
        confidence: it is sure when the most probable label is at least so probable.
    """

    units: tuple[int, ...]
    confidence: float

    def as_json(self) -> dict[str, object]:
        """Return what a manifest holds."""
        return {"units": list(self.units), "confidence": self.confidence}


class Begun:
    """What the finest level gave for the units that were read; the levels above are computed anew each time.

    Args:
        finest: the key of that level.
    """

    def __init__(self, finest: str) -> None:
        self._finest = finest
        self._found: Floats | None = None

    def vectors(self, level: str, samples: NDArray[np.generic], lengths: NDArray[np.int32], compute: Compute) -> Floats:
        """Return the vectors of units, (N, W).

        Args:
            level: its key.
            samples: of the finest level those (T, C) of the units that are new; of another one those of all units.
            lengths: (N,) samples of each unit, of all that were read.
            compute: what gives the vectors of some units from their samples and lengths.
        """
        if level != self._finest:
            return compute(samples, lengths)
        if self._found is None:
            self._found = compute(samples, lengths)
        elif len(lengths) > len(self._found):
            self._found = np.concatenate([self._found, compute(samples, lengths[len(self._found) :])])
        return self._found


def answer_early(predictor: "Predictor", raw: "Handed", exit: Exit) -> tuple[dict[str, Floats], int | None]:
    """Return the outputs (K,) of the only head, and after how many units it was sure; None where all were read.

    Raises:
        InputError: the raw value cannot be read; what stands behind the end of the reading is not looked at.
    """
    ((name, fitted),) = predictor.bundle.manifest.inputs.items()
    assert isinstance(fitted, TextInput), "the manifest was checked"
    reading, begun = Partial(fitted, raw), Begun(predictor.bundle.manifest.levels[0].key)
    for units in exit.units:
        views = reading.read(units)
        outputs = predictor.runtime.recall({name: views}, begun)
        if reading.whole:
            return outputs, None
        (answer,) = outputs.values()
        if answer.max() >= exit.confidence:
            return outputs, units
    return predictor.runtime.recall({name: reading.read()}, begun), None


def read_exit(fields: Fields, tasks: Mapping[str, Task], inputs: Mapping[str, Input]) -> Exit:
    """Return when reading may stop, as a manifest says.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds; or the bundle cannot be read in part.
    """
    if why := unfit(tasks, inputs):
        raise BundleError(f"{fields.where}: expected {why}; got another bundle; make the bundle again")
    listed = fields.many("units", least=1, most=_MOST_CHECKS)
    units = tuple(listed.whole(place, least=1, most=_LONGEST) for place in listed)
    confidence = fields.number("confidence")
    if units != tuple(sorted(set(units))):
        raise BundleError(f"{listed.where}: expected rising numbers; got {list(units)}; make the bundle again")
    if not 0 < confidence <= 1:
        raise BundleError(
            f"{fields.where}.confidence: expected a number above 0, at most 1; got {confidence}; make the bundle again"
        )
    return Exit(units, confidence)


def unfit(tasks: Mapping[str, Task], inputs: Mapping[str, Input]) -> str:
    """Return what a bundle would have to be to be read in part; nothing where it is that."""
    read, answers = list(inputs.values()), list(tasks.values())
    if len(read) != 1 or not isinstance(read[0], TextInput) or len(read[0].levels) < 2:
        return "one input, a text that is read at two granularities or more"
    if len(answers) != 1 or not isinstance(answers[0], Classify | Ordinal):
        return "one head, which gives one label of several"
    return ""
