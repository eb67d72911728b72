"""A prepared data set: three memory-mapped splits, the fitted inputs and what the heads answer.

Legend: R rows (examples) of a split, K outputs of a head.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard, assert_never

import numpy as np
from numpy.typing import NDArray

from mgdist.data.augment import augment
from mgdist.data.raws import open_raws, open_windows
from mgdist.data.seen import Seen
from mgdist.data.spec_augment import varied_frames
from mgdist.data.stored import Dense, Ragged, Stored
from mgdist.data.tagged import Tagged, open_tagged
from mgdist.errors import DataError
from mgdist.job.audio import AudioAugmentSpec
from mgdist.job.image import AugmentSpec
from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput
from mgdist_edge.fields import Fields
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input, part_name, read_input
from mgdist_edge.raws import Raw
from mgdist_edge.series import SeriesInput
from mgdist_edge.table import TableInput
from mgdist_edge.tasks import Task, labels_of, read_task
from mgdist_edge.text import TextInput
from mgdist_edge.views import Views

FORMAT = 3
"""Of the folder; one that is written otherwise is refused, and `--fresh` prepares it anew."""
ABOUT, SEEN, TARGETS = "dataset.json", "seen.{name}.npy", "targets.{name}.npy"
TAUGHT = "taught.{name}.npy"
"""A teacher's answers for the training rows, by head."""
STATES = "states.{name}.npy"
"""What a level of a teacher says of the training rows, by level."""

UNVARIED: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Shard:
    """One split, without padding.

    Attributes:
        folder: where its arrays and raw values lie.
        inputs: the examples, by input.
        targets: for each head, (R,) int64 index of each row's label, or (R, K) float32; of a forecast the standardised
            readings that follow each window, (R, C, H) over the memory of one table; of labelled samples the indices of
            all of them.
        foretells: the input whose windows the rows are; None where nothing is foretold.
        taught: for each head, (R, K) what a teacher answers; empty where there is none.
        states: for each level that a teacher has too, (R, W) what that says; empty where it is not learned from.
        tagged: whose samples are labelled; None where none are.
    """

    folder: Path
    inputs: Mapping[str, Stored]
    targets: Mapping[str, NDArray[Any]]
    foretells: SeriesInput | None = None
    taught: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    states: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    tagged: Tagged | None = None

    def __len__(self) -> int:
        if self.tagged is not None:
            return len(self.tagged.first) - 1
        return len(next(iter(self.targets.values())))

    def narrowed(
        self,
        places: Mapping[str, Sequence[int]],
        most: Mapping[str, Mapping[int, int]],
        coarser: Mapping[str, Mapping[int, int]],
    ) -> "Shard":
        """Return the same rows with less of each.

        Args:
            places: input -> places of its levels that are read; an input that is not named is not read at all.
            most: input -> place of a level -> units of an example at most.
            coarser: input -> place of a level -> by how much coarser its raw view is read.
        """
        inputs = {
            name: self.inputs[name].narrowed(kept, most.get(name, {}), coarser.get(name, {}))
            for name, kept in places.items()
        }
        ((_, kept), *_) = places.items()
        return replace(self, inputs=inputs, tagged=self.tagged and self.tagged.narrowed(kept))

    def targets_of(self, head: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return what a head learns of some rows, in the order asked for; of labelled samples of all of theirs."""
        return self.outputs_of(head, self.targets[head], rows)

    def outputs_of(self, head: str, outputs: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return those outputs of a head for the whole split that belong to some rows."""
        if self.tagged is None or head not in self.tagged.heads:
            return outputs[rows]
        return outputs[self.tagged.places(rows)]

    @cached_property
    def raws(self) -> Mapping[str, Sequence[Raw]]:
        """The raw values of each input, in the order of the rows."""
        return {name: open_raws(self.folder / name) for name in self.inputs}

    def raw(self, row: int) -> dict[str, Raw]:
        """Return the raw values of one row, by input."""
        return {name: raws[row] for name, raws in self.raws.items()}

    def views(self, row: int) -> dict[str, Views]:
        """Return the views of one row, by input, as the device cuts them."""
        return {name: stored.views(row) for name, stored in self.inputs.items()}

    @classmethod
    def open(
        cls,
        folder: Path,
        inputs: Mapping[str, Input],
        tasks: Mapping[str, Task],
        varied: Mapping[str, Mapping[str, Any]] = UNVARIED,
    ) -> "Shard":
        """Map the arrays of a split into memory.

        Args:
            folder: of the split.
            inputs: fitted.
            tasks: what each head answers.
            varied: how the examples of an input are varied each time they are seen, as the job asks for it.
        """
        stored = {name: _open(folder / name, fitted, varied.get(name)) for name, fitted in inputs.items()}
        for name, fitted in inputs.items():
            if isinstance(fitted, SeriesInput) and (windows := open_windows(folder / name)) is not None:
                scaled = replace(windows, table=fitted.scaled(windows.table))
                (head,) = tasks
                return cls(folder, stored, {head: scaled[:][1].swapaxes(1, 2)}, fitted)
        (first, *_) = inputs.values()
        labelled = open_tagged(folder, tasks, first) if isinstance(first, SeriesInput) else None
        targets = {name: np.load(folder / TARGETS.format(name=name)) for name in tasks}
        return cls(folder, stored, targets, tagged=labelled)


def _open(folder: Path, fitted: Input, varied: Mapping[str, Any] | None) -> Stored:
    if is_dense(fitted):
        spec = AugmentSpec.model_validate(varied) if varied else None
        return Dense.open(folder, fitted, partial(augment, spec=spec) if spec else None)
    heard = AudioAugmentSpec.model_validate(varied, strict=False) if varied else None
    if heard is None:
        return Ragged.open(folder, list(fitted.levels))
    return Ragged.open(folder, list(fitted.levels), partial(varied_frames, spec=heard), versions=1 + len(heard.speed))


def is_dense(fitted: Input) -> TypeGuard[ImageInput | SeriesInput | TableInput | ArrayInput]:
    """Say whether all examples of an input are of one size, so that they are cut when they are needed."""
    match fitted:
        case TextInput() | AudioInput():
            return False
        case ImageInput() | TableInput() | ArrayInput():
            return True
        case SeriesInput(length=length):
            return length is not None
        case _ as never:
            assert_never(never)


@dataclass(frozen=True)
class Dataset:
    """What training, evaluation and export read.

    Attributes:
        folder: where it lies; cheap to open again in another process.
        inputs: the fitted numbers that turn raw into views, by input.
        tasks: what each head answers.
        train: rows to learn from.
        valid: rows to choose by.
        test: rows that nothing is chosen by.
        seen: for each input that reads ids, the training documents that hold each id.
        digest: SHA-256 of the examples and splits.
        skipped: records that were left out, by split.
        folds: the names of all folds of a cross-validation, of which the test is one; empty without one.
        teacher: folder of a teacher's answers for the training rows; None where there is none.
    """

    folder: Path
    inputs: Mapping[str, Input]
    tasks: Mapping[str, Task]
    train: Shard
    valid: Shard
    test: Shard
    seen: Mapping[str, Seen]
    digest: str
    skipped: Mapping[str, int]
    folds: tuple[str, ...]
    teacher: Path | None = None

    @classmethod
    def open(cls, folder: Path, teacher: Path | None = None) -> "Dataset":
        """Open a folder that ``prepare`` has finished.

        Args:
            folder: of the data set.
            teacher: folder of a teacher's answers for the training rows, which are mapped into memory; None for none.

        Raises:
            DataError: the folder holds no finished data set, or one of another format.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
        except OSError as error:
            raise DataError(f"{folder}: holds no prepared data set ({error.strerror}); submit the job again") from error
        if about["format"] != FORMAT:
            raise DataError(f"{folder}: expected format {FORMAT}; got {about['format']}; submit the job with --fresh")
        given, heads = Fields(about["inputs"], "dataset.json: inputs"), Fields(about["tasks"], "dataset.json: tasks")
        names = {name: part_name(name) for name in given}
        parts = {part: (folder / part).read_bytes() for part in names.values() if (folder / part).is_file()}
        inputs = {name: read_input(name, given.inner(name), parts) for name in given}
        tasks = {name: read_task(heads.inner(name)) for name in heads}
        valid, test = (Shard.open(folder / name, inputs, tasks) for name in ("valid", "test"))
        train = Shard.open(folder / "train", inputs, tasks, about["augment"])
        counts = {name: folder / SEEN.format(name=name) for name in inputs}
        seen = {name: Seen(np.load(path, mmap_mode="r"), len(train)) for name, path in counts.items() if path.is_file()}
        told = {"digest": about["digest"], "skipped": about["skipped"], "folds": tuple(about["folds"])}
        if teacher is not None:
            answers = {name: np.load(teacher / TAUGHT.format(name=name), mmap_mode="r") for name in tasks}
            before, after = STATES.split("{name}")
            told_states = {
                path.name.removeprefix(before).removesuffix(after): np.load(path, mmap_mode="r")
                for path in teacher.glob(STATES.format(name="*"))
            }
            train = replace(train, taught=answers, states=told_states)
        return cls(folder, inputs, tasks, train, valid, test, seen, **told, teacher=teacher)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the first head's outputs."""
        return labels_of(next(iter(self.tasks.values())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process map the files too, instead of copying them."""
        return Dataset.open, (self.folder, self.teacher)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Rows of each split."""
        return {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}
