"""What may be done to make the network small, and what it may cost."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Spec, as_tuple

Method = Literal["float32", "float16", "int8_weight", "int8_dynamic", "int4"]
ALL: tuple[Method, ...] = ("float32", "float16", "int8_weight", "int8_dynamic", "int4")


class CompressSpec(Spec):
    """The accuracy budget and the formats to try."""

    max_accuracy_drop: float = Field(0.005, ge=0, le=1)
    """accuracy, or what else the task is judged by (see train.metric), that may be lost against the trained network
    on the validation split; 0.005 is half a point"""
    methods: Annotated[tuple[Method, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    """formats of the weights; the smallest within the budget and the device's limits ships; null: all that suit the
    network: int4 is for embeddings, so for text and tables"""
