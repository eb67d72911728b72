"""A prepared data set whose texts are cut anew, for vocabularies that were pruned.

Legend: R rows of an embedding.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import ABOUT, SEEN, Dataset
from mgdist.data.stored import save_ragged
from mgdist.runs import GIVEN, RECEIPT, share, write
from mgdist_edge.inputs import part_name, parts_of
from mgdist_edge.kept import Kept
from mgdist_edge.text import TextInput

CUT = ("samples_*.npy", "lengths_*.npy", "first_*.npy")
"""Files of an input that follow from its vocabulary."""


def cut_anew(dataset: Dataset, texts: Mapping[str, TextInput], folder: Path) -> Dataset:
    """Write a data set once more, with other vocabularies; what they do not change is shared.

    Args:
        dataset: prepared.
        texts: the inputs that take the place of those of the same name.
        folder: is made; ``dataset.json`` is written last.
    """
    _shared(dataset.folder, folder, texts)
    for name, fitted in texts.items():
        for split, shard in (("train", dataset.train), ("valid", dataset.valid), ("test", dataset.test)):
            save_ragged(folder / split / name, list(fitted.levels), [fitted.views(raw) for raw in shard.raws[name]])
    for part, content in parts_of(texts).items():
        write(folder / part, content)
    about = json.loads((dataset.folder / ABOUT).read_text())
    about["inputs"] |= {name: fitted.as_json() for name, fitted in texts.items()}
    write(folder / ABOUT, json.dumps(about, indent=1))
    return Dataset.open(folder)


def fewer(fitted: TextInput, rows: NDArray[np.bool_]) -> TextInput:
    """Return a text input without some of its rows; a word without one is as unknown as any other.

    Args:
        fitted: of a text.
        rows: which of its rows stay, (R,); those of padding, of the unknown word and of a tokenizer's marks always do.
    """
    ids = ids_of(fitted).copy()
    ids[np.flatnonzero(ids)[~rows]] = False
    pieces = fitted.pieces
    ids[[0, 1]] = True
    if pieces is not None:
        ids[[fitted.vocabulary[mark] for mark in (pieces.unknown, pieces.begin, pieces.end)]] = True
    vocabulary = {word: id for word, id in fitted.vocabulary.items() if ids[id]}
    pieces = None if pieces is None else replace(pieces, vocabulary=vocabulary)
    return replace(fitted, vocabulary=vocabulary, pieces=pieces, kept=Kept.of(fitted.words, ids))


def ids_of(fitted: TextInput) -> NDArray[np.bool_]:
    """Return which of a text's ids have a row, (ids,)."""
    count = fitted.words + fitted.buckets
    return fitted.kept.ids[:count] if fitted.kept else np.ones(count, np.bool_)


def _shared(source: Path, folder: Path, texts: Collection[str]) -> None:
    """Give a folder all files of a data set that other vocabularies leave as they are."""
    changed = {ABOUT, RECEIPT, GIVEN, *map(part_name, texts), *(SEEN.format(name=name) for name in texts)}
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        place = path.relative_to(source)
        new = folder / place
        new.parent.mkdir(parents=True, exist_ok=True)
        if str(place) not in changed and not (place.parent.name in texts and any(map(path.match, CUT))):
            share(str(path), str(new))
