"""Frames of training recordings, varied each time they are heard: bands moved, runs of frames and of bands masked.

The masks are those of Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition",
Interspeech 2019, without its time warping.

Legend: N units, S samples, C mel bands, B recordings.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from mgdist.job.audio import AudioAugmentSpec


def varied_frames(
    samples: Float[np.ndarray, "N S C"],
    mask: Bool[np.ndarray, "N S"],
    owners: Int[np.ndarray, " N"],
    generator: np.random.Generator,
    spec: AudioAugmentSpec,
) -> Float[np.ndarray, "N S C"]:
    """Return samples of a batch with bands moved, then runs of frames and of bands masked; see :func:`masked`."""
    moved = warped(samples, owners, generator, spec.warp) if spec.warp else samples
    return masked(moved, mask, owners, generator, spec) if spec.frames or spec.bands else moved


def warped(
    samples: Float[np.ndarray, "N S C"], owners: Int[np.ndarray, " N"], generator: np.random.Generator, most: float
) -> Float[np.ndarray, "N S C"]:
    """Return samples whose bands are stretched or squeezed, as another speaker's vocal tract does.

    After Jaitly and Hinton, "Vocal Tract Length Perturbation (VTLP) Improves Speech Recognition", ICML workshop 2013.
    They move the edges of the filters; here a band becomes what lies between two bands, since frames are cut once.

    Args:
        samples: of all units, one recording after another; is not changed.
        owners: the recording that each unit belongs to, rising from 0.
        generator: of the factor of each recording, within 1 +- ``most``.
        most: 0 to 0.5.
    """
    bands = samples.shape[2]
    factors = generator.uniform(1 - most, 1 + most, int(owners[-1]) + 1 if len(owners) else 0)
    places = np.minimum(np.arange(bands) * factors[:, None], bands - 1)[owners]
    below = np.floor(places).astype(np.int64)
    share = (places - below).astype(samples.dtype)[:, None, :]
    low = np.take_along_axis(samples, below[:, None, :], 2)
    high = np.take_along_axis(samples, np.minimum(below + 1, bands - 1)[:, None, :], 2)
    moved: Float[np.ndarray, "N S C"] = low + share * (high - low)
    return moved


def masked(
    samples: Float[np.ndarray, "N S C"],
    mask: Bool[np.ndarray, "N S"],
    owners: Int[np.ndarray, " N"],
    generator: np.random.Generator,
    spec: AudioAugmentSpec,
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
