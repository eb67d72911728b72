"""What a model that was not trained here reads of a record."""

from typing import Literal

from mgdist.job.strict import Spec


class ArraySpec(Spec):
    """An array of fixed shape; the shape and the numbers are the model's."""

    kind: Literal["array"] = "array"
    column: str
    """column of the arrays"""
    shape: tuple[int, ...]
    """of one example"""
    dtype: Literal["float32", "int32"]
    """of what the model reads"""
    divide: float = 1.0
    """what the numbers are divided by"""
