"""Masks over runs of frames and runs of bands, so that a network does not rely on any one of them.

After Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", Interspeech 2019,
without its time warping.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from mgdist.job.audio import SpecAugmentSpec


def masked(
    samples: Float[np.ndarray, "N S C"],
    mask: Bool[np.ndarray, "N S"],
    owners: Int[np.ndarray, " N"],
    generator: np.random.Generator,
    spec: SpecAugmentSpec,
) -> Float[np.ndarray, "N S C"]:
    """Return samples of a batch with runs of frames and bands at 0, the mean of the training split.

    The runs are drawn for each recording, and go through its units as if they were one.

    Args:
        samples: of all units, one recording after another; is not changed.
        mask: true where a unit has a sample.
        owners: the recording that each unit belongs to, rising from 0.
        generator: of the runs; the same seed masks the same.
        spec: how wide the runs are.
    """
    count = int(owners[-1]) + 1 if len(owners) else 0
    lengths = np.bincount(owners, mask.sum(1), count).astype(np.int64)
    place = _places(mask, owners, lengths)
    hidden = np.zeros(samples.shape, bool)
    bands = np.arange(samples.shape[2])
    for _ in range(spec.times):
        widest = np.minimum(spec.frames, np.floor(spec.share * lengths).astype(np.int64))
        start, stop = (edge[owners, None] for edge in _runs(widest, lengths, generator))
        hidden |= ((place >= start) & (place < stop))[:, :, None]
        all_bands = np.full(count, len(bands))
        start, stop = (edge[owners, None] for edge in _runs(np.minimum(spec.bands, all_bands), all_bands, generator))
        hidden |= ((bands >= start) & (bands < stop))[:, None, :]
    return np.where(hidden, samples.dtype.type(0), samples)


def _places(
    mask: Bool[np.ndarray, "N S"], owners: Int[np.ndarray, " N"], lengths: Int[np.ndarray, " B"]
) -> Int[np.ndarray, "N S"]:
    """Return the place of each sample in its recording, -1 where a unit is padded."""
    before = (np.cumsum(lengths) - lengths)[owners]
    running = np.cumsum(mask.reshape(-1)).reshape(mask.shape) - 1
    return np.where(mask, running - before[:, None], -1)


def _runs(
    widest: Int[np.ndarray, " B"], lengths: Int[np.ndarray, " B"], generator: np.random.Generator
) -> tuple[Int[np.ndarray, " B"], Int[np.ndarray, " B"]]:
    """Draw a run for each recording: a width from 0 to the widest, and where it starts, both ends included."""
    widths = generator.integers(0, widest + 1)
    starts = generator.integers(0, lengths - widths + 1)
    return starts, starts + widths
