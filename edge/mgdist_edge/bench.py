"""Measure a bundle on this device: latency from raw to answer, by level, cold start, memory; what the board tells."""

import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.documents import Document, naming, read_file
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.runtime import HEAD, Runtime
from mgdist_edge.sensors import Board, Energy

BOARD = Board()
_SOME, _WHILE = 200, 2.0
"""Examples that levels and energy are measured on; seconds that energy is."""


@dataclass(frozen=True)
class Bench:
    """What was measured; times in milliseconds unless the name says otherwise.

    Attributes:
        name: of the bundle.
        model_sha256: of the model in it, by which mgdist knows what was measured.
        documents: predictions timed.
        p50_ms: median time from raw to answer.
        p95_ms: 19 of 20 predictions are at most as slow.
        p99_ms: 99 of 100.
        cut_p50_ms: median time of cutting the raw value into views.
        model_p50_ms: median time of the network.
        cold_start_s: seconds from the start of the program to the first answer: imports, checks, loading.
        first_ms: the first prediction, when LiteRT prepares its memory.
        peak_bytes: resident memory of the process at its peak.
        bundle_bytes: size of the file.
        threads: of the interpreter.
        levels_ms: median time of each level and of the head in an example, the work around its calls included.
        energy_mj: millijoules of a prediction, by the board's sensor of the whole chip; None where it has none.
        watts: meanwhile.
        energy_source: RAPL, pmic_read_adc or hwmon.
        temperature_c: of the hottest zone after all this; None where it is not told, as are those below.
        megahertz: clock of the fastest core then.
        throttled: bits of a Raspberry Pi's firmware; 0x0 is nothing.
    """

    name: str
    model_sha256: str
    documents: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cut_p50_ms: float
    model_p50_ms: float
    cold_start_s: float
    first_ms: float
    peak_bytes: int
    bundle_bytes: int
    threads: int
    levels_ms: Mapping[str, float]
    energy_mj: float | None = None
    watts: float | None = None
    energy_source: str | None = None
    temperature_c: float | None = None
    megahertz: float | None = None
    throttled: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return what was measured; what the board does not tell is left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


def bench(
    path: Path,
    examples: Path,
    *,
    threads: int,
    started: float,
    require_signature: Path | None = None,
    board: Board | None = BOARD,
) -> Bench:
    """Load a bundle in this process and time it on examples, each once and from the start.

    Args:
        path: of the bundle.
        examples: a file of at least one; they are read one at a time, so that they do not count as memory.
        threads: of the interpreter.
        started: ``perf_counter()`` at the start of the program.
        require_signature: file of public keys, one of which must have signed the bundle.
        board: whose sensors are read; None: only latency, cold start and memory are measured.
    """
    # Without the golden examples: of those the first prediction must not be the second.
    predictor = load(path, threads=threads, require_signature=require_signature, replay=False)
    first, cold = 0.0, 0.0
    times: list[tuple[float, float]] = []
    for document in read_file(examples, predictor.bundle.manifest.inputs):
        with naming(document):
            if not times:
                first = predictor.predict(document.raw).milliseconds
                cold = perf_counter() - started
            times.append(_timed(predictor, document))
    cut, model = np.array(times).T * 1000
    peak = peak_bytes()  # before anything is loaded a second time
    energy, count = (None, 0) if board is None else _energy(predictor, examples, board)
    return Bench(
        name=predictor.bundle.manifest.name,
        model_sha256=predictor.bundle.manifest.parts["model"].sha256,
        documents=len(times),
        p50_ms=_percentile(cut + model, 50),
        p95_ms=_percentile(cut + model, 95),
        p99_ms=_percentile(cut + model, 99),
        cut_p50_ms=_percentile(cut, 50),
        model_p50_ms=_percentile(model, 50),
        cold_start_s=round(cold, 4),
        first_ms=round(first, 4),
        peak_bytes=peak,
        bundle_bytes=predictor.bundle.size,
        threads=threads,
        levels_ms={} if board is None else _levels(predictor, examples, threads),
        energy_mj=_rounded(None if energy is None else 1000 * energy.joules / count),
        watts=_rounded(None if energy is None else energy.joules / energy.seconds),
        energy_source=None if energy is None else energy.source,
        temperature_c=_rounded(None if board is None else board.temperature),
        megahertz=_rounded(None if board is None else board.megahertz),
        throttled=None if board is None else board.throttled,
    )


def _energy(predictor: Predictor, examples: Path, board: Board) -> tuple[Energy | None, int]:
    """Predict the first examples again and again for a while; return what that took, and how many there were."""
    some = [document.raw for document in islice(read_file(examples, predictor.bundle.manifest.inputs), _SOME)]
    done = 0

    def work() -> None:
        nonlocal done
        end = perf_counter() + _WHILE
        while perf_counter() < end:
            for raw in some:
                predictor.predict(raw)
                done += 1

    return board.spent(work), done


def _levels(predictor: Predictor, examples: Path, threads: int) -> dict[str, float]:
    """Return the median milliseconds of each level, and of the head, in the first examples."""
    heard: list[tuple[str, float]] = []
    runtime = Runtime(
        predictor.bundle, threads=threads, hear=lambda signature, _: heard.append((signature, perf_counter()))
    )
    keys = [level.key for level in predictor.bundle.manifest.levels]
    found: dict[str, list[float]] = {key: [] for key in (*keys, HEAD)}
    for document in islice(read_file(examples, predictor.bundle.manifest.inputs), _SOME):
        heard.clear()
        runtime.run(predictor.views(document.raw))
        times = dict.fromkeys(found, 0.0)
        for (signature, begin), (_, end) in pairwise([*heard, ("", perf_counter())]):
            times[next(key for key in found if signature == key or signature.startswith(f"{key}_"))] += end - begin
        for key, seconds in times.items():
            found[key].append(seconds)
    return {key: _percentile(1000 * np.array(seconds), 50) for key, seconds in found.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _timed(predictor: Predictor, document: Document) -> tuple[float, float]:
    """Return the seconds of cutting an example into views, and of the network."""
    begin = perf_counter()
    views = predictor.views(document.raw)
    cut = perf_counter()
    predictor.outputs(views)
    return cut - begin, perf_counter() - cut


def _percentile(values: NDArray[np.float64], percent: int) -> float:
    return round(float(np.percentile(values, percent)), 4)


def peak_bytes() -> int:
    """Return the resident memory of this process at its peak."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        # Elsewhere than on Linux. There it would be wrong: a child inherits the peak of the program that started it.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
