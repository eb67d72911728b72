"""Training images, varied each time they are seen. Legend: B images, H and W pixels, C channels."""

import numpy as np
from numpy.typing import NDArray

from mgdist.job.image import AugmentSpec

Images = NDArray[np.uint8]

AREA = (0.02, 0.4)
"""Smallest and largest share of an image that is erased."""
ASPECT = (0.3, 1 / 0.3)
"""Lowest and highest height of an erased rectangle, in widths."""


def augment(images: Images, rng: np.random.Generator, spec: AugmentSpec) -> Images:
    """Return a batch (B, H, W, C) cropped, flipped and erased at random, each image by itself; never in place.

    Args:
        images: (B, H, W, C).
        rng: where chance comes from; the same state gives the same images.
        spec: what is done, and how much.
    """
    if spec.crop:
        images = crop(images, rng, border=spec.crop)
    if spec.flip:
        images = flip(images, rng)
    return erase(images, rng, share=spec.erase) if spec.erase else images


def crop(images: Images, rng: np.random.Generator, *, border: int) -> Images:
    """Put a black border around each image and cut its size out again, at a random place."""
    batch, height, width, _ = images.shape
    framed = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))
    top, left = rng.integers(0, 2 * border + 1, (2, batch, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    cropped: Images = framed[np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cropped


def flip(images: Images, rng: np.random.Generator) -> Images:
    """Mirror each image with a probability of one half."""
    chosen = rng.random(len(images)) < 0.5
    return np.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def erase(images: Images, rng: np.random.Generator, *, share: float) -> Images:
    """Replace a random rectangle by noise in a share of the images.

    After Zhong et al., "Random Erasing Data Augmentation", 2017 (AAAI 2020), with its areas and aspects. Aspects with
    which an area would not fit are not drawn, where the paper draws both again.

    Args:
        images: (B, H, W, C).
        rng: where chance comes from.
        share: probability that an image is erased.
    """
    batch, height, width, channels = images.shape
    chosen: NDArray[np.bool_] = np.asarray(rng.random(batch) < share)
    area = rng.uniform(*AREA, batch) * height * width
    lowest = np.maximum(ASPECT[0], area / width**2)
    aspect = rng.uniform(lowest, np.maximum(lowest, np.minimum(ASPECT[1], height**2 / area)))
    rows = _span(np.sqrt(area * aspect), height, rng)
    columns = _span(np.sqrt(area / aspect), width, rng)
    inside = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    erased = images.copy()
    erased[inside] = rng.integers(0, 256, (int(inside.sum()), channels), np.uint8)
    return erased


def _span(sizes: NDArray[np.float64], side: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which of ``side`` pixels lie in a stretch of each size, put at a random place: (B, side)."""
    whole = np.clip(np.rint(sizes), 1, side).astype(np.int64)[:, None]
    start = rng.integers(0, side - whole + 1)
    place = np.arange(side)
    inside: NDArray[np.bool_] = (place >= start) & (place < start + whole)
    return inside
