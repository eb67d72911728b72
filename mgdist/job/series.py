"""Series inputs: which channels, how long, and how they are scaled."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mgdist.job.strict import Names, Spec
from mgdist_edge.levels import chains
from mgdist_edge.windows import Window

GRANULARITIES = ("moment", "minute", "day")
"""Customary names of levels, finest first; any others will do."""


class SeriesSpec(Spec):
    """Readings over time, of one channel or several; any names of granularities, such as moment, minute, day."""

    kind: Literal["series"]
    columns: Annotated[Names, Field(min_length=1, max_length=4096)]
    """columns of the channels"""
    layout: Literal["lists", "long"] = "lists"
    """lists: a row is an example, and each cell the list of a channel's readings; long: a row is one reading"""
    id: str | None = None
    """long: column that says which example a row belongs to; null: the table is one long series, for forecasts"""
    time: str | None = None
    """long: column that puts the rows of an example in order, a number or a time; null: they are in order"""
    length: int | None = Field(None, ge=1)
    """readings of every example, for forecasts of each look-back; null: they differ, and none is longer than one unit
    of the coarsest level; a longer one is refused"""
    scaling: Literal["standard", "minmax", "none"] = "standard"
    """how each channel is scaled, fitted to the training split: by mean and deviation, to 0 to 1, or not at all"""
    normalize: Literal["none", "last", "mean", "standard"] = "none"
    """what is taken off each example and channel, and put back onto forecasts (Kim et al., RevIN, 2022): its last
    reading, its mean, or its mean, divided by its standard deviation"""
    missing: Literal["fail", "previous"] = "fail"
    """a missing reading (NaN, null) is refused, or the reading before it stands in, on the device too"""
    channels: Literal["together", "apart"] = "together"
    """apart: each channel is an example of its own, and all share the weights; for forecasts (PatchTST, DLinear)"""

    @model_validator(mode="after")
    def _long(self) -> "SeriesSpec":
        given = [name for name in ("id", "time") if getattr(self, name) is not None]
        if self.layout == "lists" and given:
            raise ValueError(f"expected layout: long, since {' and '.join(given)} is given; got lists")
        asked = [*self.columns, *(getattr(self, name) for name in given)]
        twice = sorted({name for name in asked if asked.count(name) > 1})
        if twice:
            raise ValueError(f"expected each column once in columns, id and time; got {', '.join(twice)} twice")
        return self


def series_mistakes(spec: SeriesSpec, levels: Mapping[str, Window]) -> list[tuple[str, str]]:
    """Return where the levels are too short for the examples.

    Args:
        spec: of the input.
        levels: granularity -> what a unit covers, finest first.

    Returns:
        the path below ``granularities``, such as ``day.length``, and what is wrong there.
    """
    reach = next((chain.reach for chain in reversed(chains(levels.values())) if chain is not None), 0)
    if spec.length is None or spec.length <= reach or not levels:
        return []
    coarsest, window = list(levels.items())[-1]
    least = -(-spec.length * window.length // reach)
    message = f"expected at least {least}, so that one unit holds all {spec.length} readings; got {window.length}"
    return [(f"{coarsest}.length", message)]
