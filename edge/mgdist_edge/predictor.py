"""From raw to an answer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from mgdist_edge.answers import Label
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import InputError
from mgdist_edge.exits import answer_early
from mgdist_edge.raws import Handed, cut
from mgdist_edge.runtime import Floats, Runtime
from mgdist_edge.stream import MOST, Stream
from mgdist_edge.tasks import Answer
from mgdist_edge.views import Views

if TYPE_CHECKING:
    from mgdist_edge.explain import Explanation


@dataclass(frozen=True)
class Prediction:
    """What a bundle says of one example.

    Attributes:
        answers: of each head, by name.
        milliseconds: from the raw value to this.
        stopped_after: units of the finest level, such as sentences, after which the answer was sure and reading
            stopped; None where all was read.
    """

    answers: Mapping[str, Answer]
    milliseconds: float
    stopped_after: int | None = None

    @property
    def answer(self) -> Answer:
        """The answer of the first head, which is the only one of most bundles."""
        return next(iter(self.answers.values()))

    @property
    def label(self) -> str:
        """The most probable label, of a bundle that classifies."""
        return self._label().label

    @property
    def probability(self) -> float:
        """The probability of that label."""
        return self._label().probability

    @property
    def probabilities(self) -> Mapping[str, float]:
        """The probability of every label, in the order of the manifest."""
        return self._label().probabilities

    def as_json(self, top: int | None = None) -> dict[str, object]:
        """Return it for a machine; with the ``top`` most probable labels only, where a number is given."""
        said = {name: answer.as_json(top) for name, answer in self.answers.items()}
        answer = next(iter(said.values())) if len(said) == 1 else said
        early = {} if self.stopped_after is None else {"stopped_after": self.stopped_after}
        return {**answer, **early, "milliseconds": round(self.milliseconds, 3)}

    def _label(self) -> Label:
        if not isinstance(self.answer, Label):
            raise AttributeError(f"expected a bundle that classifies; got {type(self.answer).__name__}; read .answer")
        return self.answer


class Predictor:
    """A bundle, ready to answer.

    Args:
        bundle: opened, so proved whole.
        threads: of the interpreter.
        exit: stop reading when sure, where the bundle says when that is; else all is always read.

    Attributes:
        exit: when reading stops; None where all is read.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, exit: bool = True) -> None:
        self.bundle = bundle
        self.exit = bundle.manifest.exit if exit else None
        self.runtime = Runtime(bundle, threads=threads)

    def predict(self, raw: Handed) -> Prediction:
        """Answer for one example.

        Args:
            raw: what the bundle's input reads; of a bundle with several inputs, one by name for each.

        Raises:
            InputError: it cannot be read, such as a text without a word.
        """
        begin = perf_counter()
        if self.exit is None:
            return self.told(self.runtime.recall(self.views(raw), None), begin=begin)
        return self.told(*answer_early(self, raw, self.exit), begin=begin)

    def stream(self, most: int = MOST) -> Stream:
        """Return what answers for live input: a text while it is typed, readings as they arrive.

        Args:
            most: units of each level that are remembered at least.
        """
        return Stream(self, most)

    def predict_many(self, raws: Iterable[Handed]) -> Iterator[Prediction]:
        """Answer for each example, one at a time, as they are asked for.

        Raises:
            InputError: one cannot be read; says which one.
        """
        for number, raw in enumerate(raws, 1):
            try:
                yield self.predict(raw)
            except InputError as error:
                raise InputError(f"example {number}: {error}") from None

    def explain(self, raw: Handed) -> "Explanation":
        """Say which parts of an example mattered: each is left out by itself, and the network is run again.

        What is explained is the first head's most probable label, or its first number.

        Raises:
            InputError: it cannot be read, has no parts, or the bundle gives forecasts or labels of single samples.
        """
        from mgdist_edge.explain import explain  # which few need

        return explain(self, raw)

    def views(self, raw: Handed) -> dict[str, Views]:
        """Cut one example into the views of each input; see :meth:`predict`."""
        return cut(raw, {name: fitted.views for name, fitted in self.bundle.manifest.inputs.items()})

    def outputs(self, views: Mapping[str, Views]) -> dict[str, Floats]:
        """Return the outputs of each head, (K,), as golden examples hold them."""
        return self.runtime.run(views)

    def told(self, outputs: Mapping[str, Floats], stopped_after: int | None = None, *, begin: float) -> Prediction:
        """Return what some outputs say.

        Args:
            outputs: of each head, (K,).
            stopped_after: units after which reading stopped; None where all was read.
            begin: when it began, by ``perf_counter``.
        """
        answers = {name: task.answer(outputs[name]) for name, task in self.bundle.manifest.tasks.items()}
        return Prediction(answers, 1000 * (perf_counter() - begin), stopped_after)


def load(
    path: str | Path,
    *,
    threads: int = 1,
    require_signature: str | Path | None = None,
    replay: bool = True,
    exit: bool = True,
) -> Predictor:
    """Open a bundle, check it, and make it ready.

    Args:
        path: of the file.
        threads: of the interpreter; one is right for most devices.
        require_signature: file of public keys, one of which must have signed the bundle; None: none need have.
        replay: replay the golden examples when the file is loaded for the first time on this machine.
        exit: stop reading a text when sure, where the bundle says when that is; else all is always read.

    Raises:
        BundleError: the file is damaged, is not a bundle, is newer than this runtime, or is not signed as required.
        SelftestError: the golden examples give other results on this device.
        EdgeError: no LiteRT is installed, or the keys cannot be read.
    """
    predictor = Predictor(Bundle.open(path, require_signature), threads=threads, exit=exit)
    if replay:
        from mgdist_edge.replay import require_replayed  # which reads this module

        require_replayed(predictor)
    return predictor
