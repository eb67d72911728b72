"""From an image to normalised pixels in nested tiles.

The same code runs in training and on the device. Legend: B examples, H and W pixels, C channels, U units, S samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.grid import divide
from mgdist_edge.levels import Chain, chains, levels_json, read_levels
from mgdist_edge.pixels import RESIZES, Resize, pixels
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

_LARGEST = 8192


@dataclass(frozen=True)
class ImageInput:
    """The fitted numbers that turn an image into normalised pixels.

    Attributes:
        levels: granularity -> what a unit covers, finest first; a unit has length x length samples.
        size: height and width in pixels.
        mean: of each channel over the training images, where black is 0 and white is 1; one channel is grey, three are
            red, green and blue.
        std: the same, standard deviation; above 0.
        resize: how an image of another size is brought to size.
    """

    levels: Mapping[str, Window]
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: Resize = "fit"
    kind = "image"
    axes = 2

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of what is read."""
        return (*self.size, len(self.mean))

    @cached_property
    def channels(self) -> Mapping[str, int]:
        """Numbers of a sample, by level that reads a raw view."""
        raw = zip(self.levels, self._chains, strict=True)
        return {name: len(self.mean) for name, chain in raw if chain is not None}

    def read(self, raw: object) -> NDArray[np.uint8]:
        """Return the pixels of what a caller hands in, (H, W, C) from 0 to 255.

        Whole numbers from 0 to 255 as an array or nested list (H, W), (H, W, C) or flat; the H * W * C bytes of the
        pixels; the bytes of an image file; the path of one; an image of Pillow. Fractions are refused, since nothing
        tells whether white is 1 or 255.

        Raises:
            InputError: it is none of these, cannot be decoded, or has another size, which ``resize`` refuses.
        """
        return pixels(raw, self.shape, self.resize)

    def cut(self, raws: NDArray[np.uint8]) -> tuple[NDArray[np.float32] | None, ...]:
        """Cut a batch of images into tiles.

        Tiles are nested: those that form one unit of the next level are consecutive, in rows from left to right. So
        are the pixels of a tile.

        Args:
            raws: (B, H, W, C), each as ``read`` gives it.

        Returns:
            for each level (B, U, S, C), ``(x / 255 - mean) / std`` of the pixels or of the averages of scale x scale
            pixels; None where the level builds on the one before it.
        """
        return tuple(
            None if chain is None else self._normalised(tiles(_summed(raws, chain.scale), chain.lengths), chain.scale)
            for chain in self._chains
        )

    def lengths(self, raws: NDArray[np.uint8]) -> tuple[NDArray[np.int32], ...]:
        """Return for each level the samples of each unit, (U,), of every image of a batch (B, H, W, C).

        All units are full, since the levels divide an image without a rest.
        """
        assert raws.shape[1:] == self.shape, raws.shape
        return self._lengths

    def views(self, raw: object) -> Views:
        """Read and cut one image.

        Raises:
            InputError: the image cannot be read.
        """
        cut = self.cut(self.read(raw)[None])
        return Views(tuple(None if each is None else each.reshape(-1, each.shape[3]) for each in cut), self._lengths)

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {
            "kind": self.kind,
            "levels": levels_json(self.levels),
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "resize": self.resize,
        }

    @cached_property
    def _lengths(self) -> tuple[NDArray[np.int32], ...]:
        grids, faults = divide(self.size, self.levels)
        assert not faults, faults
        units = (grids[name].rows * grids[name].columns for name in self.levels)
        return tuple(
            np.full(count, window.length**2, np.int32)
            for count, window in zip(units, self.levels.values(), strict=True)
        )

    @cached_property
    def _chains(self) -> tuple[Chain | None, ...]:
        return chains(self.levels.values())

    @cached_property
    def _factors(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The factor and the shift of each channel, so that one multiplication and one addition normalise."""
        mean, std = np.array(self.mean), np.array(self.std)
        return 1 / (255 * std), (-mean / std).astype(np.float32)

    def _normalised(self, sums: NDArray[np.generic], scale: int) -> NDArray[np.float32]:
        factor, shift = self._factors
        out: NDArray[np.float32] = np.multiply(sums, (factor / scale**2).astype(np.float32), dtype=np.float32)
        out += shift
        return out


def tiles(images: NDArray[np.generic], lengths: tuple[int, ...]) -> NDArray[np.generic]:
    """Lay images into nested tiles.

    Args:
        images: (B, H, W, C), whose sides the product of all lengths divides.
        lengths: samples along a side of each level's units, finest first.

    Returns:
        (B, U, S, C) with S = lengths[0] ** 2.
    """
    batch, height, width, channels = images.shape
    sides, reach, count = lengths[::-1], int(np.prod(lengths)), len(lengths) + 1
    laid = images.reshape(batch, height // reach, *sides, width // reach, *sides, channels)
    nested = [axis for level in range(count) for axis in (1 + level, 1 + level + count)]
    return laid.transpose(0, *nested, 2 * count + 1).reshape(batch, -1, lengths[0] ** 2, channels)


def _summed(images: NDArray[np.uint8], scale: int) -> NDArray[np.generic]:
    """Return the sums of scale x scale pixels: whole numbers, so that the order of adding cannot matter."""
    if scale == 1:
        return images
    batch, height, width, channels = images.shape
    rows = images.reshape(batch, height // scale, scale, width, channels).sum(2, dtype=np.uint32)
    sums: NDArray[np.uint32] = rows.reshape(batch, height // scale, width // scale, scale, channels).sum(3)
    return sums


def read_image(fields: Fields) -> ImageInput:
    """Return the input that a manifest describes.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or the levels do not divide the image.
    """
    sides = fields.many("size", least=2, most=2)
    height, width = (sides.whole(place, least=1, most=_LARGEST) for place in sides)
    levels = read_levels(fields.inner("levels"))
    for field, fault in divide((height, width), levels)[1]:
        raise BundleError(f"{fields.where}.levels.{field}: {fault}")
    means, stds = fields.many("mean", least=1, most=3), fields.many("std", least=1, most=3)
    mean, std = (tuple(given.number(place) for place in given) for given in (means, stds))
    for name, given, least in (("mean", mean, 0.0), ("std", std, 1e-6)):
        if len(given) != len(mean) or len(mean) == 2 or not all(least <= each <= 1 for each in given):
            expected = f"1 or 3 numbers from {least:g} to 1, as many as mean has"
            raise BundleError(f"{fields.where}.{name}: expected {expected}; got {list(given)}; make the bundle again")
    return ImageInput(levels, (height, width), mean, std, _read_resize(fields))


def _read_resize(fields: Fields) -> Resize:
    for known in RESIZES:
        if fields.line("resize") == known:
            return known
    expected = ", ".join(RESIZES)
    raise BundleError(f"{fields.where}.resize: expected {expected}; got {fields.line('resize')!r}; upgrade mgdist-edge")
