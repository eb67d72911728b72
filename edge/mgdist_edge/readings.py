"""The readings of whatever a caller hands in: one checked array.

Legend: L readings, C channels. Readings are counted from 0 in messages.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import InputError

Missing = Literal["fail", "previous"]
"""What becomes of a missing reading (NaN or null): refused, or the reading before it stands in."""
MISSING: tuple[Missing, ...] = ("fail", "previous")


def readings(raw: object, columns: Sequence[str], missing: Missing) -> NDArray[np.float32]:
    """Return the readings of one example, or of one long table, (L, C).

    Args:
        raw: a mapping with the readings of each column; or an array or nested list (L, C), one row a reading, or (L,)
            of the only channel.
        columns: name of each channel.
        missing: what becomes of a missing reading.

    Raises:
        InputError: it is neither, a column lacks, columns differ in length, there is no reading, or one that is
            missing and not filled, infinite or no number.
    """
    values = _columns(raw, columns) if isinstance(raw, Mapping) else _rows(raw, columns)
    if not len(values):
        raise InputError(f"expected at least one reading of {', '.join(columns)}; got none")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
        found = values.astype(np.float32)
    if np.isfinite(found).all():
        return found
    if missing == "previous":
        found = _filled(found)
    if not np.isfinite(found).all():
        raise InputError(_first_wrong(found, columns, missing))
    return found


def _columns(raw: Mapping[str, object], columns: Sequence[str]) -> NDArray[np.generic]:
    """Return the columns of a mapping side by side."""
    lacking = [name for name in columns if name not in raw]
    if lacking:
        raise InputError(f"expected columns {', '.join(columns)}; got none called {', '.join(lacking)}")
    found = [_numbers(raw[name], f"channel {name}") for name in columns]
    for name, each in zip(columns, found, strict=True):
        if each.ndim != 1:
            raise InputError(f"channel {name}: expected a list of numbers; got an array of shape {each.shape}")
    if len({len(each) for each in found}) > 1:
        lengths = ", ".join(f"{name} {len(each)}" for name, each in zip(columns, found, strict=True))
        raise InputError(f"expected as many readings of each channel; got {lengths}")
    return np.stack(found, axis=1)


def _rows(raw: object, columns: Sequence[str]) -> NDArray[np.generic]:
    """Return rows of readings, (L, C)."""
    found = _numbers(raw, "series")
    if found.ndim == 1 and len(columns) == 1:
        found = found[:, None]
    if found.ndim != 2 or (found.shape[1] != len(columns) and found.size):
        named = f"{len(columns)} ({', '.join(columns)})"
        raise InputError(f"expected an array (readings, channels) with {named} channels; got shape {found.shape}")
    return found


def _numbers(raw: object, what: str) -> NDArray[np.generic]:
    """Return an array of numbers; null in a list is NaN."""
    try:
        array = np.asarray(raw)
        if array.dtype.kind == "O" and array.ndim and all(map(_is_number, array.flat)):
            array = array.astype(np.float64)
    except OverflowError:
        raise InputError(f"{what}: expected finite numbers; got one of more than 300 digits") from None
    except ValueError:
        raise InputError(f"{what}: expected lists of one length; got a ragged list") from None
    if array.dtype.kind not in "biuf":
        wrong = [each for each in array.reshape(-1).tolist() if not _is_number(each)] if array.ndim else []
        got = f"{type(wrong[0]).__name__} {wrong[0]!r:.40}" if wrong else type(raw).__name__
        raise InputError(f"{what}: expected numbers; got {got}")
    return array


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float | np.integer | np.floating)


def _filled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the last reading that is there in the place of each NaN; one before the first reading stays."""
    there = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    latest = np.maximum.accumulate(there, axis=0)
    return np.take_along_axis(values, latest, axis=0)


def _first_wrong(values: NDArray[np.float32], columns: Sequence[str], missing: Missing) -> str:
    place, channel = (int(index) for index in np.argwhere(~np.isfinite(values))[0])
    where = f"at reading {place} of channel {columns[channel]}"
    if not np.isnan(values[place, channel]):
        return f"expected finite numbers; got infinity {where}; leave it out, or mend it"
    if missing == "previous":
        return f"expected a reading to fill from; got NaN {where}, and none before it; begin the series later"
    return f"expected numbers; got NaN {where}; mend it, or train with data.input.missing: previous"
