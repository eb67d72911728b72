"""Proving what ships: the bundle's answers, size and speed, by the runtime that ships.

Legend: R rows of a split, K classes.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.compress.choose import Parity
from mgdist.data.dataset import Shard
from mgdist.errors import ConvertError
from mgdist_edge.bundle import Bundle
from mgdist_edge.runtime import Runtime
from mgdist_edge.views import Views


@dataclass(frozen=True)
class Speed:
    """What a bundle costs, measured in a process of its own on one thread.

    Attributes:
        latency: median seconds from raw text to label.
        memory: resident bytes of the process at the peak.
    """

    latency: float
    memory: int


def answers(bundle: Path, shard: Shard) -> NDArray[np.float32]:
    """Return the probabilities (R, K) that the edge runtime gives for the rows of a split."""
    runtime = Runtime(Bundle.open(bundle))
    return np.stack([runtime.run(_views(shard, row)) for row in range(len(shard))])


def _views(shard: Shard, row: int) -> Views:
    samples, *levels = (slice(first[row], first[row + 1]) for first in shard.first)
    lengths = tuple(np.asarray(level[span]) for level, span in zip(shard.lengths, levels, strict=True))
    return Views(np.asarray(shard.samples[samples]), lengths)


def parity(device: Float[np.ndarray, "R K"], trained: Float[np.ndarray, "R K"]) -> Parity:
    """Compare the device model's probabilities with the trained network's."""
    return Parity(
        difference=float(np.abs(device - trained).max()),
        equal=float((device.argmax(1) == trained.argmax(1)).mean()),
        examples=len(device),
    )


def measure(bundle: Path, documents: Path) -> Speed:
    """Time a bundle on documents (JSONL) with the edge package's own bench, in a process of its own.

    Raises:
        ConvertError: the edge runtime refuses the bundle; says why.
    """
    command = [sys.executable, "-m", "mgdist_edge", "bench", str(bundle), "--file", str(documents), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"]
        raise ConvertError(f"{bundle}: the edge runtime refuses it: {said[-1].removeprefix('mgdist-edge: ')}")
    told = json.loads(done.stdout)
    return Speed(latency=told["p50_ms"] / 1e3, memory=told["peak_bytes"])
