"""Raw values, as a caller hands them in, and as JSON holds them."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.views import Views

Cell = str | float | int | bool | None
Raw = str | NDArray[np.generic] | Mapping[str, Cell]
"""A text, an array of readings or pixels, or the row of a table by column."""
Handed = Raw | bytes | Path | Mapping[str, Raw | bytes | Path]
"""What a caller may hand in: a raw value, or a file or its bytes where an input knows such files; of a bundle with
several inputs, one by name for each."""

_TYPES = ("uint8", "int16", "int32", "float32")
_LARGEST = 2**26
"""Numbers of an array at most."""


def cut(raw: Handed, cuts: Mapping[str, Callable[[object], Views]]) -> dict[str, Views]:
    """Cut one example into the views of each input.

    Args:
        raw: what the only input reads; of several inputs, one by name for each.
        cuts: what cuts the raw value of each input.

    Raises:
        InputError: it cannot be read, or is not one for each input.
    """
    if len(cuts) == 1:
        return {name: views(raw) for name, views in cuts.items()}
    if not isinstance(raw, Mapping) or set(raw) != set(cuts):
        got = ", ".join(map(str, raw)) if isinstance(raw, Mapping) else type(raw).__name__
        raise InputError(f"expected a value for each of {', '.join(cuts)}; got {got or 'none'}")
    return {name: _named(name, views, raw[name]) for name, views in cuts.items()}


def _named(name: str, cut: Callable[[object], Views], raw: object) -> Views:
    try:
        return cut(raw)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def raw_json(raw: Raw) -> object:
    """Return a raw value as JSON: a text as it is, a row as an object, an array with its bytes in base64."""
    if not isinstance(raw, np.ndarray):
        return raw
    data = base64.b64encode(np.ascontiguousarray(raw).astype(raw.dtype.newbyteorder("<")).tobytes()).decode()
    return {"array": {"dtype": raw.dtype.name, "shape": list(raw.shape), "base64": data}}


def read_raw(fields: Fields, name: str) -> Raw:
    """Return the raw value that JSON holds.

    Raises:
        BundleError: it is missing, or none that this runtime knows.
    """
    value = fields.values.get(name)
    if isinstance(value, str):
        return fields.text(name)
    inner = fields.inner(name)
    if not isinstance(inner.values.get("array"), dict):  # the cell of a row is never an object
        return _read_row(inner)
    inner = inner.inner("array")
    if (dtype := inner.line("dtype")) not in _TYPES:
        raise BundleError(f"{inner.where}.dtype: expected one of {', '.join(_TYPES)}; got {dtype!r}")
    listed = inner.many("shape", least=1, most=4)
    shape = tuple(listed.whole(place, least=1, most=_LARGEST) for place in listed)
    try:
        data = base64.b64decode(inner.text("base64"), validate=True)
    except ValueError:
        data = b""
    if len(data) != np.prod(shape, dtype=float) * np.dtype(dtype).itemsize:
        raise BundleError(f"{inner.where}: expected {shape} of {dtype} in base64; got {len(data)} bytes; make it again")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)


def _read_row(fields: Fields) -> Mapping[str, Cell]:
    for name in fields:
        if isinstance(fields.values[name], list | dict):
            raise BundleError(f"{fields.where}.{name}: expected one value; got several; make the bundle again")
    return cast(Mapping[str, Cell], dict(fields.values))
