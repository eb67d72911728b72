"""The numbers of an image input that are fitted to the training split: mean and deviation of each channel."""

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist.job.image import ImageSpec
from mgdist_edge.image import ImageInput
from mgdist_edge.windows import Window

CHUNK = 256
"""Images that are counted together, to bound the memory."""


def unfitted_image(spec: ImageSpec, levels: Mapping[str, Window]) -> ImageInput:
    """Return an input that reads images of a job as the fitted one does, but does not normalise them."""
    return ImageInput(levels, spec.size, (0.0,) * spec.channels, (1.0,) * spec.channels, spec.resize)


def fit_image(values: Iterable[object], spec: ImageSpec, levels: Mapping[str, Window]) -> ImageInput:
    """Fit an image input to the training split.

    Args:
        values: what ``ImageInput.read`` accepts; the rows of an array (R, H, W, C) of what it gave will do as well.
        spec: says size and channels.
        levels: granularity -> what a unit covers, finest first.

    Raises:
        DataError: there is no image, or a channel is the same everywhere.
        InputError: an image cannot be read.
    """
    reading = unfitted_image(spec, levels)
    counts = np.zeros((spec.channels, 256), np.int64)
    images = (reading.read(value) for value in values)
    while chunk := list(islice(images, CHUNK)):
        pixels = np.stack(chunk).reshape(-1, spec.channels)
        counts += [np.bincount(channel, minlength=256) for channel in pixels.T]
    mean, std = _moments(counts)
    return ImageInput(levels, spec.size, tuple(mean.tolist()), tuple(std.tolist()), spec.resize)


def _moments(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation of each channel, white being 1.

    Args:
        counts: (C, 256) how often each of its values stands in the images.
    """
    total = counts.sum(1)
    if not total.all():
        raise DataError("data.input: expected images to train on; got none")
    shades = np.arange(256) / 255
    mean = counts @ shades / total
    std = np.sqrt((counts * (shades - mean[:, None]) ** 2).sum(1) / total)
    for channel in np.flatnonzero(np.count_nonzero(counts, axis=1) == 1).tolist():
        value, of = int(counts[channel].argmax()), len(counts)
        raise DataError(
            f"data.input: channel {channel + 1} of {of} is {value} in every pixel of the training images; "
            + ("set data.input.channels: 1" if of > 1 else "look at the images")
        )
    return mean, std
