"""Which rows are learned from, which are chosen by, and which are held back: stratified and seeded."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mgdist.data.sources.documents import Documents, Given
from mgdist.errors import DataError
from mgdist.job.data import DataSpec

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """The documents of a job.

    Attributes:
        labels: name of each class.
        train: to learn from.
        valid: to choose by.
        test: nothing is chosen by.
    """

    labels: tuple[str, ...]
    train: Documents
    valid: Documents
    test: Documents

    def named(self) -> dict[str, Documents]:
        """Return the splits by their names."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def split(given: Given, spec: DataSpec, *, seed: int) -> Splits:
    """Return all three splits; those that the source lacks are drawn from train.

    Args:
        given: what was read.
        spec: shares, limit, and whether rows of a class that is too rare to be split are left out.
        seed: the same seed draws the same rows.

    Raises:
        DataError: a split is empty, there is one class only, a class has too few rows, or the test has a
            class that train lacks.
    """
    parts = 1 + (given.valid is None) + (given.test is None)
    train = _without_rare(given.train, least=max(2, parts), skip=spec.on_bad_record == "skip")
    labels = _label_set(train)
    rng = np.random.default_rng([seed, 0])
    held = {"valid": given.valid, "test": given.test}
    sizes = {name: round(getattr(spec.split, name) * len(train)) for name in held if held[name] is None}
    for name, size in sizes.items():
        drawn = draw(targets(train, labels), size, rng, leave=len(sizes) - list(sizes).index(name))
        held[name] = replace(train.take(drawn), skipped=(), left_out=0)  # they are told once, with train
        train = train.take(np.setdiff1d(np.arange(len(train)), drawn))
    valid, test = (_known(name, documents, labels) for name, documents in held.items() if documents is not None)
    return Splits(labels, *(_limited(part, labels, spec.limit, rng) for part in (train, valid, test)))


def targets(documents: Documents, labels: tuple[str, ...]) -> Rows:
    """Return the index of each document's label."""
    index = {label: number for number, label in enumerate(labels)}
    return np.array([index[label] for label in documents.labels], np.int64)


def draw(classes: Rows, size: int, rng: np.random.Generator, *, leave: int) -> Rows:
    """Draw rows so that each class keeps its share, and has one row at least.

    Args:
        classes: (R,) the class of each row.
        size: rows to draw, at most R.
        rng: where chance comes from.
        leave: rows of each class that are not drawn.

    Returns:
        about ``size`` rows in rising order: exactly so many where the classes are large enough.
    """
    shares = _shares(np.bincount(classes), size, leave)
    drawn = [rng.permutation(np.flatnonzero(classes == number))[:share] for number, share in enumerate(shares)]
    return np.sort(np.concatenate(drawn))


def _shares(counts: Rows, size: int, leave: int) -> Rows:
    """Return how many of each class are drawn: by largest remainders, between 1 and what may be taken."""
    most = np.maximum(counts - leave, 0)
    exact = counts * size / counts.sum()
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: size - shares.sum()]] += 1
    bounded: Rows = np.clip(shares, np.minimum(1, most), most)
    return bounded


def _without_rare(train: Documents, *, least: int, skip: bool) -> Documents:
    """Return the documents whose class has at least ``least`` of them."""
    if not train.texts:
        raise DataError(f"data.source.train: expected rows; it has none{_because_skipped(train)}")
    counts = Counter(train.labels)
    rare = {label: count for label, count in sorted(counts.items()) if count < least}
    if not rare:
        return train
    if not skip:
        raise DataError(
            f"task.label: {_counted(rare)}; expected at least {least} to train on and to hold out; "
            "add some, remove the label, or set data.on_bad_record: skip"
        )
    kept = train.take(row for row, label in enumerate(train.labels) if label not in rare)
    notes = tuple(f"task.label: {label!r} has {count} of {least} examples" for label, count in rare.items())
    return Documents(kept.texts, kept.labels, train.skipped + notes, train.left_out + sum(rare.values()))


def _counted(rare: dict[str, int]) -> str:
    named = [f"{label!r} has {count} example{'s' * (count > 1)}" for label, count in list(rare.items())[:5]]
    return ", ".join(named) + (f", and {len(rare) - 5} labels more" if len(rare) > 5 else "")


def _label_set(train: Documents) -> tuple[str, ...]:
    labels = set(train.labels)
    if len(labels) < 2:
        only = next(iter(labels), "none")
        raise DataError(f"task.label: expected at least two classes; all rows are {only!r}; choose another column")
    if all(label.removeprefix("-").isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def _known(name: str, documents: Documents, labels: Iterable[str]) -> Documents:
    if not documents.texts:
        raise DataError(f"data.source.{name}: expected rows; it has none{_because_skipped(documents)}")
    unknown = sorted(set(documents.labels).difference(labels))
    if unknown:
        named = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise DataError(
            f"data.source.{name}: label {named} is not among the training labels; remove these rows, or train on some"
        )
    return documents


def _because_skipped(documents: Documents) -> str:
    if not documents.left_out:
        return ""
    return f"; {documents.left_out} bad records were left out, first {documents.skipped[0]}"


def _limited(documents: Documents, labels: tuple[str, ...], limit: int | None, rng: np.random.Generator) -> Documents:
    if limit is None or len(documents) <= limit:
        return documents
    if limit < len(labels):
        raise DataError(f"data.limit: expected at least one row for each of {len(labels)} labels; got {limit}")
    return documents.take(draw(targets(documents, labels), limit, rng, leave=0))
