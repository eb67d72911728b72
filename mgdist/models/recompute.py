"""Activation checkpointing: what a module computed is forgotten, and computed once more for the backward pass.

After Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mgdist.models.encoders.norms import BatchNorm


def call(module: nn.Module, *given: Any, again: bool) -> Any:
    """Call a module; with ``again``, in training, it keeps only what it was given. The numbers are the same.

    Args:
        module: to call.
        given: to it.
        again: compute it once more for the backward pass.
    """
    if not (again and module.training and torch.is_grad_enabled()):
        return module(*given)
    return checkpoint(module, *given, use_reentrant=False, context_fn=lambda: (nullcontext(), _counted(module)))


@contextmanager
def _counted(module: nn.Module) -> Iterator[None]:
    """Let the running statistics be as they are: they have seen the batch."""
    norms = [part for part in module.modules() if isinstance(part, BatchNorm)]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm in norms:
            norm.momentum = BatchNorm.MOMENTUM
