"""Text inputs: which columns, which words get a vector of their own."""

from typing import Annotated, Literal

from pydantic import Field

from mgdist.job.strict import Folder, Names, Spec

GRANULARITIES = ("word", "sentence", "paragraph")
"""The levels that a text can be read at, finest first; the first is always there."""


class WordsSpec(Spec):
    """Words and punctuation marks, with a vocabulary counted in the training split."""

    kind: Literal["words"]


class WordPieceSpec(Spec):
    """Words and their parts: the tokenizer of a pre-trained encoder, which a level's length then counts.

    Two of the tokens of each unit stand in front of it and behind it.
    """

    kind: Literal["wordpiece"]
    path: Folder
    """folder of the checkpoint, with tokenizer.json and config.json"""


Tokenizer = Annotated[WordsSpec | WordPieceSpec, Field(discriminator="kind")]


class TextSpec(Spec):
    """Documents: paragraphs of sentences of words."""

    kind: Literal["text"]
    columns: Annotated[Names, Field(min_length=1)] = ("text",)
    """columns that make the document, each starting a paragraph of its own"""
    tokenizer: Tokenizer = WordsSpec(kind="words")
    """what the samples of the finest level are; the three fields below are those of words"""
    vocabulary: int = Field(30_000, ge=10, le=5_000_000)
    """words with a vector of their own at most, the most frequent of the training split"""
    min_count: int = Field(2, ge=1)
    """a rarer word of the training split is unknown"""
    lowercase: bool = True
    """read capital letters as small ones"""
    cut: Literal["sentences", "windows"] = "sentences"
    """where units end: sentences where the text's sentences and paragraphs end, windows wherever a unit is full, as
    clients cut that only have a tokenizer; see docs/clients.md"""
