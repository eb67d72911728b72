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


def wait() -> None:
    """Return when all workers are here."""
    if size() > 1:
        dist.barrier()


def device() -> torch.device:
    """Return what this worker computes on."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
