"""Proving what ships: the bundle's answers, size and speed, by the runtime that ships.

Legend: R rows of a split, K outputs of a head.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.compress.candidate import Parity
from mgdist.data.dataset import Shard
from mgdist.errors import ConvertError
from mgdist_edge.bundle import Bundle
from mgdist_edge.runtime import Runtime
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

CLOSE = 0.02
"""Standard deviations that two numbers may differ by and still be called the same answer."""


@dataclass(frozen=True)
class Speed:
    """What a bundle costs, measured in a process of its own on one thread.

    Attributes:
        latency: median seconds from raw to answer.
        memory: resident bytes of the process at the peak.
    """

    latency: float
    memory: int


def answers(bundle: Path, shard: Shard, rows: Sequence[int] | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the outputs (R, K) of each head that the edge runtime gives for rows of a split; for all without ``rows``.

    Of labelled samples they are (T, K), those of one row after those of another.
    """
    runtime = Runtime(Bundle.open(bundle))
    found = [runtime.run(shard.views(row)) for row in (range(len(shard)) if rows is None else rows)]
    return {name: np.concatenate([np.atleast_2d(outputs[name]) for outputs in found]) for name in found[0]}


def parity(
    tasks: Mapping[str, Task],
    device: Mapping[str, Float[np.ndarray, "_ _"]],
    trained: Mapping[str, Float[np.ndarray, "_ _"]],
) -> Parity:
    """Compare the outputs of the device model with the trained network's, over all heads.

    Where some heads answer for examples and others label samples, the share of equal answers is the smaller one.
    """
    alike: dict[bool, list[NDArray[np.bool_]]] = {}
    for name, task in tasks.items():
        alike.setdefault(isinstance(task, Tag), []).append(_equal(task, device[name], trained[name]))
    return Parity(
        difference=max(float(np.abs(device[name] - trained[name]).max()) for name in tasks),
        equal=min(float(np.logical_and.reduce(equal).mean()) for equal in alike.values()),
        examples=len(next(iter(alike.values()))[0]),
    )


def _equal(task: Task, device: NDArray[np.float32], trained: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which examples have the same answer, (R,)."""
    match task:
        case Classify() | Ordinal() | Tag():
            return np.asarray(device.argmax(1) == trained.argmax(1))
        case MultiLabel():
            return np.asarray(((device >= 0.5) == (trained >= 0.5)).all(1))
        case Regress() | Forecast():
            return np.asarray((np.abs(device - trained) <= CLOSE).all(1))
        case _ as never:
            assert_never(never)


def measure(bundle: Path, documents: Path) -> Speed:
    """Time a bundle on documents (JSONL) with the edge package's own bench, in a process of its own.

    Raises:
        ConvertError: the edge runtime refuses the bundle; says why.
    """
    command = [sys.executable, "-m", "mgdist_edge", "bench", str(bundle), "--file", str(documents), "--brief", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"]
        raise ConvertError(f"{bundle}: the edge runtime refuses it: {said[-1].removeprefix('mgdist-edge: ')}")
    told = json.loads(done.stdout)
    return Speed(latency=told["p50_ms"] / 1e3, memory=told["peak_bytes"])
