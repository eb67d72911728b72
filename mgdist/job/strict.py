"""What every spec has in common, and the quantities that people write with a unit."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}


class Spec(BaseModel):
    """One part of a job, as asked: frozen, strict about types, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def quantity(value: Any, units: dict[str, float] | dict[str, int], example: str) -> Any:
    """Turn ``"2 MB"`` into a plain number; numbers pass as they are.

    Raises:
        ValueError: a text that is not a number followed by one of ``units``.
    """
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]+)\s*", value)
    if match is None or match[2] not in units:
        raise ValueError(f"expected a number and a unit of {', '.join(units)}, such as {example!r}; got {value!r}")
    return float(match[1]) * units[match[2]]


def as_tuple(value: Any) -> Any:
    """Let a YAML list, or one value alone, stand for a tuple."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


Bytes = Annotated[int, BeforeValidator(lambda v: round(q) if isinstance(q := quantity(v, BYTES, "2 MB"), float) else q)]
Seconds = Annotated[float, BeforeValidator(lambda v: quantity(v, SECONDS, "20 ms"))]
Folder = Annotated[str, Field(min_length=1), AfterValidator(lambda path: str(Path(path).expanduser().absolute()))]
"""Written out from where the job is loaded, since Ray's workers stand in another folder."""
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
