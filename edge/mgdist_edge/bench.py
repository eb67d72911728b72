"""Measure a bundle on this device: latency from raw to answer, cold start, memory."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.documents import Document, naming, read_file
from mgdist_edge.predictor import Predictor, load


@dataclass(frozen=True)
class Bench:
    """What was measured; times in milliseconds unless the name says otherwise.

    Attributes:
        name: of the bundle.
        model_sha256: of the model in it, by which mgdist knows what was measured.
        documents: predictions timed.
        p50_ms: median time from raw to answer.
        p95_ms: 19 of 20 predictions are at most as slow.
        cut_p50_ms: median time of cutting the raw value into views.
        model_p50_ms: median time of the network.
        cold_start_s: seconds from the start of the program to the first answer: imports, checks, loading.
        first_ms: the first prediction, when LiteRT prepares its memory.
        peak_bytes: resident memory of the process at its peak.
        bundle_bytes: size of the file.
        threads: of the interpreter.
    """

    name: str
    model_sha256: str
    documents: int
    p50_ms: float
    p95_ms: float
    cut_p50_ms: float
    model_p50_ms: float
    cold_start_s: float
    first_ms: float
    peak_bytes: int
    bundle_bytes: int
    threads: int


def bench(path: Path, examples: Path, *, threads: int, started: float, require_signature: Path | None = None) -> Bench:
    """Load a bundle in this process and time it on examples, each once and from the start.

    Args:
        path: of the bundle.
        examples: a file of at least one; they are read one at a time, so that they do not count as memory.
        threads: of the interpreter.
        started: ``perf_counter()`` at the start of the program.
        require_signature: file of public keys, one of which must have signed the bundle.
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
    return Bench(
        name=predictor.bundle.manifest.name,
        model_sha256=predictor.bundle.manifest.parts["model"].sha256,
        documents=len(times),
        p50_ms=_percentile(cut + model, 50),
        p95_ms=_percentile(cut + model, 95),
        cut_p50_ms=_percentile(cut, 50),
        model_p50_ms=_percentile(model, 50),
        cold_start_s=round(cold, 4),
        first_ms=round(first, 4),
        peak_bytes=peak_bytes(),
        bundle_bytes=predictor.bundle.size,
        threads=threads,
    )


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
