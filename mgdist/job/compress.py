"""What may be done to make the network small, and what it may cost."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.device import Runtime
from mgdist.job.strict import Spec, as_tuple

Method = Literal[
    "float32",
    "float16",
    "int8_weight",
    "int8_embedding",
    "int8_dynamic",
    "int8_static",
    "int16_static",
    "int4",
    "int2",
    "mixed",
]
EMBEDDED: tuple[Method, ...] = ("int8_embedding", "int4", "int2")
"""Formats of an embedding: there is nothing to them without one."""
STATIC: tuple[Method, ...] = ("int8_static", "int16_static")
"""Formats of what is computed too, whose range is calibrated on readings: not for ids."""
USUAL: dict[Runtime, tuple[Method, ...]] = {
    "litert": ("float32", "float16", "int8_weight", "int8_dynamic", "int4"),
    "tflite_2_14": ("float32", "float16", "int8_embedding"),
}
"""What is tried for each runtime where nothing is said."""
WRONG: tuple[Method, ...] = ("int8_weight", "int8_dynamic", "int8_static", "int16_static", "int4", "int2", "mixed")
"""What tflite-runtime 2.14 refuses or, taking scales by channel for one scale, computes wrongly without a word."""


class CompressSpec(Spec):
    """The accuracy budget and the formats to try."""

    max_accuracy_drop: float = Field(0.005, ge=0, le=1)
    """accuracy, or what else the task is judged by (see train.metric), that may be lost against the trained network
    on the validation split; 0.005 is half a point"""
    methods: Annotated[tuple[Method, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    """formats of the weights; the smallest within the budget and the device's limits ships; null: float32, float16,
    int8_weight, int8_dynamic and, with embeddings, int4; for tflite_2_14 float32, float16 and int8_embedding;
    and mixed, where none of these is small and good enough.
    int8_dynamic: 8 bits, computed in integers; int4, int2, int8_embedding: so many bits for the embeddings of text and
    tables (int8_embedding leaves the rest in float32); int8_static, int16_static: what is computed has 8 or 16 bits
    too, calibrated on training examples, for images, series and audio; mixed: each layer in as few bits as the budget
    allows, the most sensitive ones in more"""
    calibrate: int = Field(200, ge=1)
    """training examples that static formats are calibrated on, evenly chosen"""
