"""The workers of one training, as torch.distributed sees them; one alone where it was not started."""

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor


def rank() -> int:
    """Return this worker's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Return how many workers there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def mean(values: Tensor) -> Tensor:
    """Return the mean of the workers' values, element by element."""
    if size() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / size()


def gathered(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of all workers, one worker after another, on every worker.

    Args:
        rows: (R, C); R may differ from worker to worker, and be 0.
    """
    if size() == 1:
        return rows
    parts: list[NDArray[np.float32] | None] = [None] * size()
    dist.all_gather_object(parts, rows)
    return np.concatenate([part for part in parts if part is not None])


def of_first(value: float) -> float:
    """Return the first worker's number, on every worker."""
    if size() == 1:
        return value
    told = torch.tensor(value, dtype=torch.float64, device=device())
    dist.broadcast(told, 0)
    return float(told)


def of_first_worker(names: list[str]) -> list[str]:
    """Return the first worker's names, on every worker."""
    if size() > 1:
        told: list[list[str] | None] = [names]
        dist.broadcast_object_list(told, 0)
        names = told[0] or []
    return names


def said(line: str) -> list[str]:
    """Return what all workers have to say, one line each; a worker with nothing to say has no part in it."""
    if size() == 1:
        return [line] if line else []
    lines: list[str | None] = [None] * size()
    dist.all_gather_object(lines, line)
    return [each for each in lines if each]


def wait() -> None:
    """Return when all workers are here."""
    if size() > 1:
        dist.barrier()


def device() -> torch.device:
    """Return what this worker computes on."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
