"""Arrays that a model reads as they are: no granularity, no fitted numbers.

A model that was not trained by mgdist reads such. Legend: B examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.pixels import pixels
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

Numbers = Literal["float32", "int32"]
_MOST_AXES, _LARGEST = 4, 2**26
_NO_LEVELS: Mapping[str, Window] = MappingProxyType({})
_NO_CHANNELS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class ArrayInput:
    """An array of fixed shape that goes to the head as it is.

    Attributes:
        shape: of one example.
        dtype: of what the model reads; ids are int32.
        divide: what numbers are divided by, such as 255 for pixels; ids by nothing.
    """

    shape: tuple[int, ...]
    dtype: Numbers
    divide: float = 1.0
    kind = "array"
    axes = 0

    @property
    def levels(self) -> Mapping[str, Window]:
        """None: it is not cut."""
        return _NO_LEVELS

    @property
    def channels(self) -> Mapping[str, int]:
        """None: it has no levels."""
        return _NO_CHANNELS

    def read(self, raw: object) -> NDArray[np.generic]:
        """Return the array that a caller hands in.

        Numbers as an array or nested list of the shape, where axes of 1 may be left out, or flat; of an image of one
        or three channels its path or bytes too. Pixels stay bytes, other numbers become float32, ids int32.

        Raises:
            InputError: it is none of these, has another shape, or a number is not finite or, of ids, not whole.
        """
        found = self._pixels(raw) if isinstance(raw, bytes | bytearray | str | Path) else _numbers(raw)
        if found.size != prod(self.shape) or (found.ndim > 1 and _long(found.shape) != _long(self.shape)):
            raise InputError(f"expected an array of shape {self.shape}; got {found.shape}")
        found = found.reshape(self.shape)
        if self.dtype == "int32":
            return _whole(found)
        if found.dtype == np.uint8:
            return found
        with np.errstate(over="ignore"):
            floats = found.astype(np.float32)
        if not np.isfinite(floats).all():
            raise InputError("expected finite numbers; got NaN or infinity; fill them in first")
        return floats

    def cut(self, raws: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Return a batch as the model reads it, (B, ...), each as ``read`` gives it."""
        if self.dtype == "int32":
            return (raws.astype(np.int32),)
        return (raws.astype(np.float32) / np.float32(self.divide),)

    def views(self, raw: object) -> Views:
        """Read one example.

        Raises:
            InputError: it cannot be read.
        """
        return self.viewed(self.read(raw))

    def viewed(self, raw: NDArray[Any]) -> Views:
        """Return what the model reads of one example, as ``read`` gives it: the array, and no units."""
        return Views((self.cut(raw[None])[0][0],), ())

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {"kind": self.kind, "shape": list(self.shape), "dtype": self.dtype, "divide": self.divide}

    def _pixels(self, raw: object) -> NDArray[np.generic]:
        """Return the pixels of an image file, in the order of axes that the model has."""
        shape = self.shape if len(self.shape) == 3 else (*self.shape, 1)
        if len(shape) == 3 and shape[2] in (1, 3):
            return pixels(raw, (shape[0], shape[1], shape[2]), "none")
        if len(shape) == 3 and shape[0] in (1, 3):
            return np.moveaxis(pixels(raw, (shape[1], shape[2], shape[0]), "none"), 2, 0)
        raise InputError(f"expected an array of shape {self.shape}; got {type(raw).__name__}, and it is no image")


def _numbers(raw: object) -> NDArray[np.generic]:
    try:
        found = np.asarray(raw)
    except ValueError:
        raise InputError("expected lists of one length; got a ragged list") from None
    if found.dtype.kind not in "iufb":
        raise InputError(f"expected an array of numbers; got {type(raw).__name__}")
    return found


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without its axes of 1."""
    return tuple(size for size in shape if size != 1)


def _whole(found: NDArray[Any]) -> NDArray[np.int32]:
    ids = found.astype(np.int64) if np.isfinite(found).all() else np.full(found.shape, -(2**40))
    if not np.array_equal(ids, found) or ids.min(initial=0) < -(2**31) or ids.max(initial=0) >= 2**31:
        raise InputError("expected whole numbers of 32 bits; got others")
    return ids.astype(np.int32)


def read_array(fields: Fields) -> ArrayInput:
    """Return the input that a manifest describes.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds.
    """
    listed = fields.many("shape", least=1, most=_MOST_AXES)
    shape = tuple(listed.whole(place, least=1, most=_LARGEST) for place in listed)
    dtype, divide = fields.line("dtype"), fields.number("divide")
    if prod(shape) > _LARGEST or not 1e-30 < divide < 1e30:
        expected = f"at most {_LARGEST} numbers, divided by one above 0"
        raise BundleError(f"{fields.where}: expected {expected}; got {shape}, {divide:g}; make the bundle again")
    for known in ("float32", "int32"):
        if dtype == known:
            return ArrayInput(shape, known, divide)
    raise BundleError(f"{fields.where}.dtype: expected float32 or int32; got {dtype!r}; upgrade mgdist-edge")
