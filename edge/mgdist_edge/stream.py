"""Live input: a text while it is typed, readings as they arrive.

What is handed in is the whole raw value so far. The paragraphs and sentences of a text that were read before are not
read again, and no level computes a unit again whose content it has seen.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from mgdist_edge.memory import Memory
from mgdist_edge.raws import Handed, cut
from mgdist_edge.reader import Reader
from mgdist_edge.runtime import Floats
from mgdist_edge.text import TextInput

if TYPE_CHECKING:
    from mgdist_edge.predictor import Prediction, Predictor

MOST = 4096
"""Units of each level, and sentences of each text, that a stream remembers at least."""


class Stream:
    """Answers for one raw value after another that have much in common.

    What it says is what the predictor says, but for the last digits: the model computes other units beside each other.
    Not for several threads at a time.

    Args:
        predictor: whose bundle answers.
        most: units of each level, and sentences of each text, that are remembered at least; at most twice as many.

    Attributes:
        memory: the units' vectors.
    """

    def __init__(self, predictor: "Predictor", most: int = MOST) -> None:
        self._predictor = predictor
        self.memory = Memory(most)
        inputs = predictor.bundle.manifest.inputs
        self._cuts = {
            name: Reader(fitted, most).views if isinstance(fitted, TextInput) else fitted.views
            for name, fitted in inputs.items()
        }

    def predict(self, raw: Handed) -> "Prediction":
        """Answer for the raw value as it is now.

        Args:
            raw: all of it, as :meth:`Predictor.predict` reads it.

        Raises:
            InputError: it cannot be read, such as a text without a word; the next one may be.
        """
        begin = perf_counter()
        return self._predictor.told(self.outputs(raw), begin=begin)

    def outputs(self, raw: Handed) -> Mapping[str, Floats]:
        """Return the outputs of each head, (K,); see :meth:`predict`."""
        return self._predictor.runtime.recall(cut(raw, self._cuts), self.memory)
