"""Mixup: learning from examples between two examples. Legend: B examples, N units of all of them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mgdist.data.batches import Batch, Mix, Packed
from mgdist.job.train import MixupSpec


def mixed(batch: Batch, spec: MixupSpec, rng: np.random.Generator) -> Batch:
    """Return a batch that tells with what each of its examples is mixed, and whose samples are mixed where asked for.

    After Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018; of the fused vector after Verma et al.,
    "Manifold Mixup", ICML 2019, of whose layers that is the last one. Readings are cut and normalised in a straight
    line, so that mixing what was cut is mixing the raw examples.

    Args:
        batch: to be mixed with itself.
        spec: how much, and where.
        rng: where chance comes from.
    """
    share, partners = float(rng.beta(spec.alpha, spec.alpha)), torch.from_numpy(rng.permutation(len(batch)))
    mix = Mix(share, partners, fused=spec.at == "fused")
    if mix.fused:
        return replace(batch, mix=mix)
    return replace(batch, levels=tuple(_samples(level, mix) for level in batch.levels), mix=mix)


def _samples(level: Packed, mix: Mix) -> Packed:
    """Mix the samples of a level that has as many units in each example."""
    if level.samples is None:
        return level
    examples: Tensor = level.samples.reshape(len(mix.partners), -1)
    return replace(level, samples=mix.of(examples).view_as(level.samples))
