"""What a sentence costs that is appended to a document: a stream beside a full prediction.

    python -m tests.benchmarks stream BUNDLE [BUNDLE ...] [--file DOCUMENTS]

Documents are made of the sentences of real ones, in their order: those of DOCUMENTS, a .jsonl or .parquet with a column
"text", or the golden examples in the bundle. For each, a new stream has read the first --sentences of them; then
the same document with one sentence more is answered by the stream and by the full prediction in turn; which
begins alternates. Documents are left out whose last sentence the bundle's levels do not hold, or that have it
already. Times are from the text to the answer, on one thread.
"""

import argparse
import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mgdist_edge.chunks import WORDS
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.predictor import Prediction, Predictor, load
from mgdist_edge.text import SENTENCES, TextInput
from tests.benchmarks.setting import parser, table, told


@dataclass(frozen=True)
class Pair:
    """What both took for one document.

    Attributes:
        full: seconds of the full prediction.
        appended: seconds of the stream.
        calls: of these, seconds in LiteRT's calls: what no other cutting and remembering could save.
        difference: the largest one of a probability between them.
    """

    full: float
    appended: float
    calls: float
    difference: float


class Clock:
    """Adds up the seconds in what it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return what calls it and counts the seconds."""

        def timed(inputs: Any) -> Any:
            begin = perf_counter()
            found = call(inputs)
            self.seconds += perf_counter() - begin
            return found

        return timed


def main(options: argparse.Namespace) -> None:
    rows = []
    with told():
        for path in options.bundles:
            predictor = load(path, exit=False)
            texts = read(options.file) if options.file else golden(predictor)
            pairs = list(timed(predictor, list(documents(predictor, texts, options.sentences, options.documents))))
            rows.append(row(predictor, pairs))
        head = [
            "bundle",
            "documents",
            "full ms",
            "p95",
            "appended ms",
            "p95",
            "share",
            "in LiteRT",
            "largest difference",
        ]
        table(head, rows)
        print("\nfull, appended: medians; share, in LiteRT: medians over the documents of")
        print("appended / full, and of the same with the time in LiteRT's calls alone.")


def _fitted(predictor: Predictor) -> TextInput:
    (fitted,) = predictor.bundle.manifest.inputs.values()
    assert isinstance(fitted, TextInput), "the bundle reads one text"
    return fitted


def golden(predictor: Predictor) -> list[str]:
    """Return the texts of the golden examples."""
    return [str(example.raws[ONLY_INPUT]) for example in predictor.bundle.golden.examples]


def read(path: Path) -> list[str]:
    """Return the texts of a file."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_table(path, columns=["text"])["text"].to_pylist())
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def documents(predictor: Predictor, texts: list[str], sentences: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield documents of so many sentences, and the same with one sentence more, which the levels still hold."""
    pieces = [piece for text in texts for piece in SENTENCES.split(text) if len(WORDS.findall(piece)) > 2]
    closed = [piece if piece[-1] in ".!?" else f"{piece}." for piece in pieces]
    for place in range(0, 7 * count, 7):
        chosen = [closed[(place + each) % len(closed)] for each in range(sentences + 1)]
        before, after = " ".join(chosen[:-1]), " ".join(chosen)
        new = sum(_fitted(predictor).units(chosen[-1])[1])
        if chosen[-1] not in chosen[:-1] and _read(predictor, after) - _read(predictor, before) == new:
            yield before, after


def _read(predictor: Predictor, text: str) -> int:
    """Return the words of a text that reach the network."""
    return int(predictor.views(text)[ONLY_INPUT].lengths[0].sum())


def timed(predictor: Predictor, read: list[tuple[str, str]]) -> Iterator[Pair]:
    """Time both on each document, in turn."""
    gc.disable()
    clock, calls = Clock(), predictor.runtime._calls
    predictor.runtime._calls = {name: clock.around(call) for name, call in calls.items()}  # type: ignore[misc]
    for place, (before, after) in enumerate(read):
        stream = predictor.stream()
        stream.predict(before)
        predictor.predict(before)
        contestants: list[Callable[[str], Prediction]] = [predictor.predict, stream.predict]
        seconds, answers, inside = [0.0, 0.0], [{}, {}], [0.0, 0.0]
        for which in (0, 1) if place % 2 else (1, 0):
            clock.seconds, begin = 0.0, perf_counter()
            found = contestants[which](after)
            seconds[which], answers[which] = perf_counter() - begin, found.probabilities
            inside[which] = clock.seconds
        yield Pair(*seconds, inside[1], max(abs(value - answers[1][label]) for label, value in answers[0].items()))
    gc.enable()


def row(predictor: Predictor, pairs: list[Pair]) -> list[object]:
    names = ("full", "appended", "calls")
    full, appended, calls = (1000 * np.array([getattr(pair, name) for pair in pairs]) for name in names)
    name = f"{predictor.bundle.manifest.name}, {predictor.bundle.manifest.method}"
    middle = [f(values) for values in (full, appended) for f in (np.median, lambda x: np.percentile(x, 95))]
    shares = [f"{np.median(each / full):.1%}" for each in (appended, calls)]
    return [name, len(pairs), *map(float, middle), *shares, f"{max(pair.difference for pair in pairs):.1e}"]


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    options.add_argument("--file", type=Path, help="documents, in place of the golden examples")
    options.add_argument("--sentences", type=int, default=20, help="before the one that is appended; default 20")
    options.add_argument("--documents", type=int, default=400)
    main(options.parse_args())
