"""Text inputs: which columns, which words get a vector of their own."""

from typing import Annotated, Literal

from pydantic import Field

from mgdist.job.strict import Names, Spec

GRANULARITIES = ("word", "sentence", "paragraph")
"""The levels that a text can be read at, finest first; the first is always there."""


class TextSpec(Spec):
    """Documents: paragraphs of sentences of words."""

    kind: Literal["text"]
    columns: Annotated[Names, Field(min_length=1)] = ("text",)
    """columns that make the document, each starting a paragraph of its own"""
    vocabulary: int = Field(30_000, ge=10, le=5_000_000)
    """words with a vector of their own at most, the most frequent of the training split"""
    min_count: int = Field(2, ge=1)
    """a rarer word of the training split is unknown"""
    lowercase: bool = True
    """read capital letters as small ones"""
