"""Recordings in the forms that callers have: arrays, PCM bytes, WAV, FLAC; all become readings from -1 to 1.

WAV is read here and not with the standard library's ``wave``, which before Python 3.12 refuses the extensible header
that many programs write for 24 bits, and in any version numbers with a point.
"""

import io
import struct
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import InputError

LARGEST = 2**28
"""Bytes of a file that are read at most."""
LOUDEST = 1.5
"""Readings with a point are at most this large: resampling leaves some beyond 1, but integers are far beyond."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNTIL_END = 0xFFFFFFFF
Recording = str | Path | bytes | NDArray[np.generic]


def decode(raw: object, rate: int) -> NDArray[np.float32]:
    """Return the readings of a recording, (T,), the mean of its channels.

    Args:
        raw: the path or the bytes of a WAV or FLAC file; or, at the rate expected, bytes of little-endian int16, an
            int16 array, or an array of numbers from -1 to 1.
        rate: readings a second that are expected.

    Raises:
        InputError: it cannot be read, is empty, has another rate, or holds NaN.
    """
    if isinstance(raw, str | Path):
        raw = _read_file(Path(raw))
    match raw:
        case bytes() if raw[:4] == b"RIFF":
            readings = _wav(raw, rate)
        case bytes() if raw[:4] == b"fLaC":
            readings = _flac(raw, rate)
        case bytes():
            if len(raw) % 2:
                raise InputError(f"expected bytes of int16, WAV or FLAC; got {len(raw)} bytes, an odd number")
            readings = _whole(np.frombuffer(raw, "<i2"), 16)
        case np.ndarray():
            readings = _array(raw)
        case _:
            raise InputError(f"expected a recording as an array, bytes or the path of a file; got {type(raw).__name__}")
    if not len(readings):
        raise InputError("expected a recording with at least one reading; got an empty one")
    return readings


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a file that can be read; got: {error}") from None
    if len(raw) > LARGEST:
        raise InputError(f"{path}: expected at most {LARGEST} bytes; got more; cut the recording")
    if raw[:4] not in (b"RIFF", b"fLaC"):
        raise InputError(f"{path}: expected a WAV or FLAC file; got another; convert it, for instance with ffmpeg")
    return raw


def _array(raw: NDArray[np.generic]) -> NDArray[np.float32]:
    if raw.ndim != 1:
        raise InputError(f"expected readings along one axis; got shape {raw.shape}; take the mean of the channels")
    if raw.dtype == np.int16:
        return _whole(cast(NDArray[np.int16], raw), 16)
    if raw.dtype.kind != "f":
        raise InputError(f"expected readings of int16, or of float from -1 to 1; got {raw.dtype.name}")
    return _checked(raw.astype(np.float32))


def _checked(readings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Refuse readings that are no numbers, or no readings from -1 to 1."""
    largest = float(np.abs(readings).max(initial=0))
    if not np.isfinite(largest):
        raise InputError("expected finite readings; got NaN or infinity")
    if largest > LOUDEST:
        raise InputError(f"expected readings from -1 to 1; got {largest:g}; divide int16 values by 32768")
    return readings


def _whole(readings: NDArray[np.signedinteger], bits: int) -> NDArray[np.float32]:
    return (readings / 2.0 ** (bits - 1)).astype(np.float32)


def _require_rate(got: int, rate: int) -> None:
    if got != rate:
        raise InputError(f"expected {rate} readings a second; got {got}; resample it, for instance ffmpeg -ar {rate}")


def _wav(raw: bytes, rate: int) -> NDArray[np.float32]:
    """Read a WAV file of 8, 16, 24 or 32 bits, whole numbers or numbers with a point."""
    if raw[8:12] != b"WAVE":
        raise InputError("expected a WAV file; got another RIFF file")
    chunks = _chunks(raw)
    if b"fmt " not in chunks or b"data" not in chunks or len(chunks[b"fmt "]) < 16:
        raise InputError("expected a WAV file with a format and data; got one without; it is damaged")
    header, data = chunks[b"fmt "], chunks[b"data"]
    code, channels, got, _, _, bits = struct.unpack("<HHIIHH", header[:16])
    if code == _EXTENSIBLE and len(header) >= 26:
        code = int.from_bytes(header[24:26], "little")
    if (code, bits) not in {*((_PCM, bits) for bits in (8, 16, 24, 32)), (_FLOAT, 32)} or not channels:
        raise InputError(f"expected WAV of 8, 16, 24 or 32 bits without compression; got code {code} of {bits} bits")
    _require_rate(got, rate)
    if len(data) % (channels * bits // 8):
        raise InputError("expected a WAV file with whole readings; its data ends in the midst of one; it is damaged")
    return _mixed(_samples(data, code, bits), channels)


def _chunks(raw: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a WAV file up to its data."""
    found: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(raw) and b"data" not in found:
        name, size = struct.unpack_from("<4sI", raw, place)
        place += 8
        if place + size > len(raw) and not (name == b"data" and size == _UNTIL_END):
            raise InputError(f"expected a whole WAV file; it was cut off {place + size - len(raw)} bytes early")
        found[name] = raw[place : place + size]
        place += size + size % 2
    return found


def _samples(data: bytes, code: int, bits: int) -> NDArray[np.float32]:
    if code == _FLOAT:
        return _checked(np.frombuffer(data, "<f4").astype(np.float32))
    if bits == 8:
        return ((np.frombuffer(data, np.uint8) - 128.0) / 128).astype(np.float32)
    if bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return _whole(wide.view("<i4")[:, 0], 32)
    return _whole(np.frombuffer(data, f"<i{bits // 8}"), bits)


def _mixed(readings: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    if channels == 1 or not len(readings):
        return readings
    return cast(NDArray[np.float32], readings.reshape(-1, channels).mean(1, dtype=np.float32))


def _flac(raw: bytes, rate: int) -> NDArray[np.float32]:
    try:
        import soundfile
    except ImportError:
        raise InputError("FLAC needs the package soundfile; pip install soundfile, or hand in WAV") from None
    try:
        readings, got = soundfile.read(io.BytesIO(raw), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"expected a FLAC file; {error}; it is damaged") from None
    _require_rate(got, rate)
    return _mixed(_checked(readings.reshape(-1)), readings.shape[1])
