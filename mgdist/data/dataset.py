"""A prepared data set: three memory-mapped splits, the fitted input and the labels.

Legend: R rows (examples) of a split, T samples of all of them, N units of a level, O n-gram order.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist_edge.inputs import read_input
from mgdist_edge.text import TextInput

FORMAT = 1
"""Of the folder; one that is written otherwise is prepared anew."""
ABOUT, TOKENIZER, TEXTS = "dataset.json", "tokenizer.json", "texts.jsonl"
SEEN = "seen.npy"


@dataclass(frozen=True)
class Shard:
    """One split, without padding.

    Attributes:
        folder: where its arrays and raw texts lie.
        samples: (T, O) int32 ids of all words in reading order, and of the n-grams that end at them.
        lengths: for each level, finest first, (N,) int32 samples of each unit.
        first: (R + 1,) int64 offsets of each row, for ``samples`` and then for each of ``lengths``.
        targets: (R,) int64 index of each row's label.
    """

    folder: Path
    samples: NDArray[np.int32]
    lengths: tuple[NDArray[np.int32], ...]
    first: tuple[NDArray[np.int64], ...]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def texts(self) -> list[str]:
        """Return the raw documents, in the order of the rows."""
        with (self.folder / TEXTS).open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    @classmethod
    def open(cls, folder: Path, levels: Sequence[str]) -> "Shard":
        """Map the arrays of a split into memory."""

        def mapped(name: str) -> NDArray[np.int32]:
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))  # a plain array over the mapped file

        return cls(
            folder,
            mapped("samples"),
            tuple(mapped(f"lengths_{level}") for level in levels),
            tuple(np.load(folder / "first.npy")),
            np.load(folder / "targets.npy"),
        )


@dataclass(frozen=True)
class Dataset:
    """What training, evaluation and export read.

    Attributes:
        folder: where it lies; cheap to open again in another process.
        input: the fitted numbers that turn a text into ids.
        labels: name of each class; targets are indices into it.
        train: rows to learn from.
        valid: rows to choose by.
        test: rows that nothing is chosen by.
        seen: (rows of the embedding, K) int32 training documents of each class that hold each id.
        digest: SHA-256 of the documents, labels and splits.
        skipped: records that were left out, by split.
    """

    folder: Path
    input: TextInput
    labels: tuple[str, ...]
    train: Shard
    valid: Shard
    test: Shard
    seen: NDArray[np.int32]
    digest: str
    skipped: Mapping[str, int]

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Open a folder that ``prepare`` has finished.

        Raises:
            DataError: the folder holds no finished data set, or one of another format.
        """
        try:
            about = json.loads((folder / ABOUT).read_text())
        except OSError as error:
            raise DataError(f"{folder}: holds no prepared data set ({error.strerror}); submit the job again") from error
        if about["format"] != FORMAT:
            raise DataError(f"{folder}: expected format {FORMAT}; got {about['format']}; submit the job with --fresh")
        text = read_input(about["input"], (folder / TOKENIZER).read_bytes())
        train, valid, test = (Shard.open(folder / name, list(text.levels)) for name in ("train", "valid", "test"))
        labels, seen = tuple(about["labels"]), np.load(folder / SEEN, mmap_mode="r")
        return cls(folder, text, labels, train, valid, test, seen, about["digest"], about["skipped"])

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process map the files too, instead of copying them."""
        return Dataset.open, (self.folder,)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Rows of each split."""
        return {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}
