"""What a unit of each granularity covers; it imports nothing heavy, so that a job may be checked with it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """What a unit of one granularity covers.

    Attributes:
        length: samples of a unit along one axis, at most.
        scale: readings along an axis that are averaged into one sample of the raw input; None where the samples are
            the units of the finer level.
    """

    length: int
    scale: int | None
