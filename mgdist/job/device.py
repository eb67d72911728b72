"""What the device allows."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Bytes, Seconds, Spec, as_tuple


class DeviceSpec(Spec):
    """Limits of the bundle on the device, measured on this host with the edge runtime."""

    max_size: Annotated[Bytes | None, Field(gt=0)] = None
    """bytes of the bundle, such as 2 MB; null: no limit"""
    max_latency: Annotated[Seconds | None, Field(gt=0)] = None
    """median time of a prediction from raw input on one thread, such as 20 ms; null: no limit"""
    max_memory: Annotated[Bytes | None, Field(gt=0)] = None
    """resident memory at its peak, such as 120 MB; null: no limit"""
    unit_counts: Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=6)] = (1, 4, 16)
    """units that one call of a level takes: one signature each; they share their weights"""


def size_line(count: int | float) -> str:
    """Return a number of bytes as people read it."""
    for unit, bytes_ in (("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_ / 10:
            return f"{count / bytes_:.2f} {unit}"
    return f"{count:.0f} B"
