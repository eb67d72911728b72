"""Where the examples come from, and what is held out."""

from typing import Annotated, Literal, assert_never

from pydantic import BeforeValidator, Field

from mgdist.job.array import ArraySpec
from mgdist.job.audio import AudioSpec
from mgdist.job.image import ImageSpec
from mgdist.job.series import SeriesSpec
from mgdist.job.strict import Names, Spec
from mgdist.job.table import TableSpec
from mgdist.job.text import TextSpec

MOST_FOLDS = 1000
InputSpec = TextSpec | ImageSpec | SeriesSpec | AudioSpec | TableSpec
"""What is read of a record."""
_Input = Annotated[InputSpec, Field(discriminator="kind")]


class FilesSpec(Spec):
    """Parquet, CSV, JSONL or NumPy (npz): one file, a folder or a glob, at any fsspec address."""

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


class FoldersSpec(Spec):
    """Folders of image or sound files, one folder a class, with columns file and label."""

    kind: Literal["folders"]
    train: str
    """folder that holds a folder for each class"""
    valid: str | None = None
    """the same, for validation; null: held out of train"""
    test: str | None = None
    """the same, for the test; null: held out of train"""


class SklearnSpec(Spec):
    """A small data set that scikit-learn carries along; needs no download."""

    kind: Literal["sklearn"]
    name: Literal["digits", "wine", "breast_cancer", "iris", "diabetes"]
    """digits has columns image and label; the others their features and label, diabetes target"""


Source = Annotated[
    FilesSpec | HuggingFaceSpec | DocstringsSpec | FoldersSpec | SklearnSpec, Field(discriminator="kind")
]


def _as_folds(value: object) -> object:
    if value is None or value == "each" or (isinstance(value, int) and 2 <= value <= MOST_FOLDS):
        return value
    raise ValueError(f"expected a number from 2 to {MOST_FOLDS}, or each; got {value!r:.40}")


class SplitSpec(Spec):
    """What is held out of the training rows, drawn with the job's seed: stratified by label, or in whole groups.

    With folds it is one part of a cross-validation: a fold is the job at a point, as a trial is.
    """

    valid: float = Field(0.1, gt=0, lt=1)
    """share for validation, where the source has no such split"""
    test: float = Field(0.1, gt=0, lt=1)
    """share for the test, where the source has no such split"""
    by: str | None = None
    """column of groups, such as speaker or site: what is held out are whole groups; null: rows, each by itself"""
    valid_by: Literal["group", "row"] = "group"
    """row: validation takes rows of all groups that train, so that few groups lose none to it; the test never does"""
    folds: Annotated[int | Literal["each"] | None, BeforeValidator(_as_folds)] = None
    """parts that the training rows are cut into, of which one is the test; each: as many as there are groups"""
    fold: int = Field(0, ge=0)
    """which of the folds is the test, from 0; mgdist evaluate does the job at each of them"""


class DataSpec(Spec):
    """Source, input and splits."""

    source: Source
    """where the rows are"""
    input: _Input | None = None
    """which part of a row is read, and how"""
    inputs: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], _Input] = {}
    """several inputs by name, in place of one; a granularity is then called with its input in front: title.word"""
    split: SplitSpec = SplitSpec()
    """what is held out"""
    limit: int | None = Field(None, ge=1)
    """rows of each split at most, drawn with the job's seed; null: all"""
    on_bad_record: Literal["fail", "skip"] = "fail"
    """an empty or unreadable record ends the job, or is left out and counted"""
    cache: str = "~/.cache/mgdist"
    """folder for what is expensive to read, such as docstrings"""


def columns_of_input(spec: InputSpec | ArraySpec) -> tuple[tuple[str, str], ...]:
    """Return the columns that an input reads, each with the field of the job that names it."""
    match spec:
        case TextSpec(columns=columns):
            return tuple(("columns", name) for name in columns)
        case ImageSpec(column=column) | ArraySpec(column=column):
            return (("column", column),)
        case SeriesSpec(columns=columns, id=owner, time=time):
            beside = {"id": owner, "time": time}
            return (
                *(("columns", name) for name in columns),
                *((field, name) for field, name in beside.items() if name is not None),
            )
        case AudioSpec(column=column, rate_column=rate):
            return (("column", column), *((("rate_column", rate),) if rate else ()))
        case TableSpec():
            parts = {"numeric": spec.numeric, "categorical": spec.categorical, "dates": spec.dates}
            return tuple((field, name) for field, names in parts.items() for name in names)
        case _ as never:
            assert_never(never)
