"""The pixels of whatever a caller hands in: arrays, bytes, files.

Arrays of the right size need numpy only. Decoding a file, and bringing an image to size, needs Pillow, which is
imported with the first of them; training and the device should have the same version of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Resize = Literal["fit", "pad", "none"]
"""Another size is brought to size by: scaling until both sides reach and cropping the centre, or scaling until both
sides fit and a black border; or it is refused."""
RESIZES: tuple[Resize, ...] = ("fit", "pad", "none")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM")
"""Of image files; each further decoder is one more that damaged files can upset."""
LARGEST = 2**26
"""Pixels of an image file: more would fill the memory of a device."""

_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
"""What Pillow turns into 8 bits a channel without loss; 16 bits and fractions it would cut off."""
_ORIENTATION = 0x0112
_TURNS: Mapping[object, str] = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What stands an image upright, by its orientation tag: ``ImageOps.exif_transpose`` also writes the other tags anew,
and fails in many ways where they are damaged."""
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")


def pixels(raw: object, shape: tuple[int, int, int], resize: Resize) -> NDArray[np.uint8]:
    """Return the pixels of an image, (H, W, C).

    Transparent parts of a file are laid on white, its orientation tag is obeyed, and colours are turned into grey, or
    grey into colours, where the input has other channels. Arrays must have the right channels.

    Args:
        raw: what ``ImageInput.read`` accepts; a mapping with ``bytes`` or ``path``, as data sets hold image files, too.
        shape: (H, W, C) of the result.
        resize: what becomes of another size.

    Raises:
        InputError: it cannot be read, or has another size or other channels.
    """
    if isinstance(raw, Mapping):
        raw = raw.get("bytes") or raw.get("path")
    match raw:
        case bytes() | bytearray() | memoryview():
            data = bytes(raw)
            if len(data) == shape[0] * shape[1] * shape[2] and not is_file(data):
                return np.frombuffer(data, np.uint8).reshape(shape)
            return _sized(_decoded(data, shape[2]), shape, resize)
        case str() | Path():
            return _sized(_decoded(_contents(Path(raw)), shape[2]), shape, resize)
        case _ if type(raw).__module__.startswith("PIL."):
            with _refusing("an image of Pillow"):
                return _sized(_opened(raw, shape[2]), shape, resize)
        case _:
            return _sized(_shaped(_whole(raw), shape), shape, resize)


def is_file(data: bytes) -> bool:
    """Say whether bytes begin like an image file, so that they are not taken for the pixels themselves."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    bitmap = data[:2] == b"BM" and int.from_bytes(data[2:6], "little") == len(data)
    return data.startswith(_SIGNATURES) or webp or bitmap


def _whole(raw: object) -> NDArray[np.uint8]:
    """Return an array of whole numbers from 0 to 255 as bytes."""
    try:
        array = np.asarray(raw)
    except ValueError:
        raise InputError("expected rows of pixels of one length; got a ragged list") from None
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f":
        lowest, highest = (f"{bound:g}" for bound in (array.min(initial=0), array.max(initial=0)))
        got = f"{array.dtype} from {lowest} to {highest}"
        raise InputError(f"expected whole numbers from 0 to 255 (uint8); got {got}; scale and round them")
    if array.dtype.kind not in "iu":
        what = type(raw).__name__ if array.dtype.kind == "O" else f"{array.dtype} values"
        raise InputError(f"expected an array of pixels, image bytes or a path; got {what}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
        got = f"{array.min()} to {array.max()}"
        raise InputError(f"expected whole numbers from 0 to 255; got {got}; scale and round them")
    return array.astype(np.uint8)


def _shaped(array: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an array as (height, width, C), of any size."""
    height, width, channels = shape
    if array.ndim == 1 and array.size == height * width * channels:
        return array.reshape(shape)
    if array.ndim == 2 and channels == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] != channels or not array.size:
        forms = f"({height}, {width}, {channels})" + (f", ({height}, {width})" if channels == 1 else "")
        raise InputError(f"expected pixels of shape {forms} or flat; got {array.shape}")
    return array


def _sized(array: NDArray[np.uint8], shape: tuple[int, int, int], resize: Resize) -> NDArray[np.uint8]:
    """Return an image in the size that is asked for."""
    if array.shape == shape:
        return array
    height, width, channels = shape
    if resize == "none":
        got = f"{array.shape[0]} x {array.shape[1]}"
        raise InputError(f"expected an image of {height} x {width} pixels; got {got}; bring it to size")
    _need_pillow("an image of another size")
    from PIL import Image, ImageOps

    image = Image.fromarray(array[:, :, 0] if channels == 1 else array)
    change = ImageOps.fit if resize == "fit" else ImageOps.pad
    return np.asarray(change(image, (width, height), Image.Resampling.BILINEAR)).reshape(shape)


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: expected an image file; got: {reason}") from None


def _decoded(data: bytes, channels: int) -> NDArray[np.uint8]:
    """Return the pixels of an image file, (height, width, C)."""
    _need_pillow("an image file")
    from PIL import Image

    with _refusing(f"{len(data)} bytes"), Image.open(BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > LARGEST:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {LARGEST}")
        return _opened(image, channels)


@contextmanager
def _refusing(got: str) -> Iterator[None]:
    """Say of what Pillow cannot decode that it is no image file."""
    from PIL import Image, UnidentifiedImageError

    bombs = Image.DecompressionBombError, Image.DecompressionBombWarning
    try:
        yield
    except (OSError, ValueError, SyntaxError, EOFError, *bombs) as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = f"they are no {' or '.join(FORMATS)}" if unknown else str(error)
        raise InputError(f"expected an image file; got {got} that cannot be decoded: {reason}") from None


def _opened(raw: object, channels: int) -> NDArray[np.uint8]:
    from PIL import Image

    assert isinstance(raw, Image.Image), type(raw)
    if raw.mode not in _MODES:
        raise InputError(f"expected an image of 8 bits a channel; got mode {raw.mode}; save it with 8 bits")
    turn = _TURNS.get(raw.getexif().get(_ORIENTATION))
    upright = raw if turn is None else raw.transpose(Image.Transpose[turn])
    if upright.has_transparency_data:
        upright = _on_white(upright.convert("RGBA"))
    array = np.asarray(upright.convert("L" if channels == 1 else "RGB"))
    return array[:, :, None] if channels == 1 else array


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _need_pillow(what: str) -> None:
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise InputError(f"expected Pillow to be installed, to read {what}; it is not; pip install pillow") from None
