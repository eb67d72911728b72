"""Where the examples come from, and what is held out."""

from typing import Annotated, Literal

from pydantic import Field

from mgdist.job.strict import Names, Spec
from mgdist.job.text import TextSpec


class FilesSpec(Spec):
    """Parquet, CSV or JSONL: one file, a folder or a glob, at any fsspec address."""

    kind: Literal["files"]
    train: str
    """file, folder or glob; the ending of the files tells the format"""
    valid: str | None = None
    """the same, for validation; null: held out of train"""
    test: str | None = None
    """the same, for the test; null: held out of train"""


class HuggingFaceSpec(Spec):
    """A data set of the Hugging Face hub, or a folder in its format, read with ``datasets``."""

    kind: Literal["huggingface"]
    name: str
    """name on the hub, or a folder"""
    config: str | None = None
    """configuration of the data set, where it has several"""
    train: str = "train"
    """name of its training split"""
    valid: str | None = None
    """name of its validation split; null: held out of train"""
    test: str | None = None
    """name of its test split; null: held out of train"""


class DocstringsSpec(Spec):
    """The docstrings of installed Python packages, with columns text, library and subpackage."""

    kind: Literal["docstrings"]
    packages: Annotated[Names, Field(min_length=2)]
    """import names of installed packages; their source is read, not run"""
    min_characters: int = Field(300, ge=1)
    """shorter docstrings are left out"""


Source = Annotated[FilesSpec | HuggingFaceSpec | DocstringsSpec, Field(discriminator="kind")]


class SplitSpec(Spec):
    """What is held out of the training rows, stratified by label and drawn with the job's seed."""

    valid: float = Field(0.1, gt=0, lt=1)
    """share for validation, where the source has no such split"""
    test: float = Field(0.1, gt=0, lt=1)
    """share for the test, where the source has no such split"""


class DataSpec(Spec):
    """Source, input and splits."""

    source: Source
    """where the rows are"""
    input: TextSpec
    """which part of a row is read, and how"""
    split: SplitSpec = SplitSpec()
    """what is held out"""
    limit: int | None = Field(None, ge=1)
    """rows of each split at most, drawn with the job's seed; null: all"""
    on_bad_record: Literal["fail", "skip"] = "fail"
    """an empty or unreadable record ends the job, or is left out and counted"""
    cache: str = "~/.cache/mgdist"
    """folder for what is expensive to read, such as docstrings"""
