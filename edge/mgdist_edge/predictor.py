"""From raw text to a label."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import InputError
from mgdist_edge.runtime import Runtime


@dataclass(frozen=True)
class Prediction:
    """An answer.

    Attributes:
        label: the most probable one.
        probability: its probability.
        probabilities: of all labels, in the order of the manifest.
        milliseconds: from the raw text to this.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]
    milliseconds: float

    def top(self, count: int) -> dict[str, float]:
        """Return the ``count`` most probable labels, the most probable first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return dict(ranked[:count])


class Predictor:
    """A bundle, ready to answer."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        self.bundle = bundle
        self.runtime = Runtime(bundle, threads=threads)

    def predict(self, text: str) -> Prediction:
        """Answer for one text.

        Raises:
            InputError: there is no word in the text.
        """
        begin = perf_counter()
        manifest = self.bundle.manifest
        probabilities = self.runtime.run(manifest.input.views(text))
        best = int(probabilities.argmax())
        answers = dict(zip(manifest.labels, probabilities.tolist(), strict=True))
        return Prediction(manifest.labels[best], float(probabilities[best]), answers, 1000 * (perf_counter() - begin))

    def predict_many(self, texts: Iterable[str]) -> Iterator[Prediction]:
        """Answer for each text, one at a time, as they are asked for.

        Raises:
            InputError: there is no word in a text; says in which one.
        """
        for number, text in enumerate(texts, 1):
            try:
                yield self.predict(text)
            except InputError as error:
                raise InputError(f"text {number}: {error}") from None


def load(path: str | Path, *, threads: int = 1) -> Predictor:
    """Open a bundle, check it, and make it ready.

    Args:
        path: of the file.
        threads: of the interpreter; one is right for most devices.

    Raises:
        BundleError: the file is damaged, is not a bundle, or is newer than this runtime.
        EdgeError: no LiteRT is installed.
    """
    return Predictor(Bundle.open(path), threads=threads)
