"""Table inputs: which columns, what each holds, and which belong together."""

from collections import Counter
from typing import Literal

from pydantic import Field, model_validator

from mgdist.job.strict import Names, Spec

GRANULARITIES = ("group", "row")
"""The levels that a table can be read at, finest first, named after their units: groups of fields, whole rows. One of
them is enough; a row above groups builds on them, or with scale 1 reads all fields itself."""

Scale = Literal["standard", "quantile"]


class SelectSpec(Spec):
    """Keep the fields that tell most about the first head's target, on the training split."""

    mutual_information: int = Field(ge=1)
    """fields to keep: those with the largest mutual information (Kraskov et al., 2004)"""


class TableSpec(Spec):
    """Rows of numbers, categories and dates."""

    kind: Literal["table"]
    numeric: Names = ()
    """columns of numbers"""
    categorical: Names = ()
    """columns of categories: texts, whole numbers or truth values"""
    dates: Names = ()
    """columns of ISO dates, each read as year, month, day, weekday, hour and elapsed days, as far as they vary"""
    groups: dict[str, Names] | None = None
    """the columns of each group, a unit of the level group; null: one group of all"""
    scale: Scale = "standard"
    """standard: minus the mean, divided by the standard deviation; quantile: to the normal distribution"""
    pieces: int = Field(0, ge=0, le=256)
    """fields more for each number: how far it has come through so many pieces of its range, from quantile to quantile
    (Gorishniy et al., piecewise linear encoding, 2022); 0: none"""
    exact: Names = ()
    """numeric columns of which each value that is frequent has a vector of its own too, as a category has: amounts that
    mean something by themselves, which trees single out, such as 0, a fee or the limit of a tax; min_count and most say
    which are frequent"""
    scales: dict[str, Scale] = Field(default_factory=dict)
    """another scale for some of the numeric columns"""
    min_count: int = Field(2, ge=1)
    """a rarer category of the training split is unknown; above 1, so that unknown is learned too"""
    most: int = Field(10_000, ge=1, le=1_000_000)
    """categories of a column with a vector of their own at most, the most frequent of the training split"""
    missing: Names = ("",)
    """texts that stand for a missing cell, as "?" in some files; null and NaN always do"""
    select: SelectSpec | None = None
    """which fields are kept; null: all"""

    @model_validator(mode="after")
    def _agree(self) -> "TableSpec":
        named = Counter([*self.numeric, *self.categorical, *self.dates])
        if twice := [name for name, count in named.items() if count > 1]:
            raise ValueError(f"expected each column once in numeric, categorical and dates; got {twice[0]} twice")
        if not named:
            raise ValueError("expected at least one column; name some in numeric, categorical or dates")
        grouped = Counter(name for names in (self.groups or {}).values() for name in names)
        if twice := [name for name, count in grouped.items() if count > 1]:
            raise ValueError(f"expected each column in one group; got {twice[0]} twice")
        if self.groups is not None and not all(self.groups.values()):
            raise ValueError("expected at least one column in each group; got a group without any")
        if self.groups is not None and (alone := [name for name in named if name not in grouped]):
            raise ValueError(f"expected each column in a group; {alone[0]} is in none; put it into one")
        if self.groups is not None and (more := [n for n in grouped if n not in named]):
            raise ValueError(f"groups: {more[0]} is not in numeric, categorical or dates; name it there")
        for field, columns in (("scales", self.scales), ("exact", self.exact)):
            if unread := [column for column in columns if column not in self.numeric]:
                raise ValueError(f"{field}.{unread[0]}: expected a column of numeric; it is none; leave it out")
        return self
