"""What kind of failure ended a training."""

import json
from collections.abc import Sequence

import torch

from mgdist.errors import DivergedError, MgdistError, named_line
from mgdist.train.course import Failure

MEMORY = (MemoryError, torch.OutOfMemoryError)
NO_MEMORY = ("can't allocate memory", "out of memory", "OutOfMemory")
"""What errors say, or are called, that have no type of their own here; the last one is of Ray's watch over a node."""


def causes(error: Exception) -> list[BaseException]:
    """Return what the workers raised, out of the error of a failed training; a mistake of the job before all else."""
    failures = getattr(error, "worker_failures", None) or {0: getattr(error, "controller_failure", error)}
    found = [getattr(failure, "_base_exc", failure) for failure in failures.values()]
    return sorted(found, key=lambda cause: not isinstance(cause, MgdistError))


def failure_of(found: Sequence[BaseException], notes: Sequence[str]) -> tuple[Failure, str]:
    """Return what kind of failure it is, and what was said of it in one line.

    Args:
        found: what the workers raised.
        notes: lines of events that were written meanwhile, by those who watch the workers.

    Raises:
        MgdistError: a mistake of the job, which another try does not mend.
    """
    first, *_ = found
    if isinstance(first, MgdistError) and not isinstance(first, DivergedError):
        raise first from None
    said = {cause: named_line(cause) for cause in found}
    if isinstance(first, DivergedError):
        return "diverged", str(first)
    for cause in found:
        if isinstance(cause, MEMORY) or any(each in said[cause] for each in NO_MEMORY):
            return "memory", said[cause]
        if isinstance(cause, OSError) and not isinstance(cause, ConnectionError):
            return "storage", said[cause]
    killed = [line for line in notes if '"kind": "memory"' in line]
    return ("memory", json.loads(killed[-1])["text"]) if killed else ("lost", said[first])
