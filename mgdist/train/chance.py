"""What is drawn while a network learns: dropout, and all else that torch draws."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mgdist.train import group


def draw(state: Mapping[str, Tensor], seed: int, epoch: int, step: int) -> None:
    """Let torch draw what it would have drawn without an interruption.

    Args:
        state: of the generators at that step, by device; empty at the beginning of an epoch, which draws a seed of its
            own, and for a worker that was not there then.
        seed: of the job.
        epoch: from 0.
        step: of the epoch, from 0.
    """
    if not state:
        given = [seed, epoch, group.rank(), *([step] if step else [])]
        torch.manual_seed(int(np.random.SeedSequence(given).generate_state(1, np.uint64)[0]))
        return
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])


def drawn() -> dict[str, Tensor]:
    """Return the state of the generators, by device."""
    found = {"cpu": torch.get_rng_state()}
    return found | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})
