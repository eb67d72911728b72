"""Which rows are learned from, which are chosen by, and which are held back: stratified and seeded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mgdist.data.groups import Rows, deal_groups, deal_rows, draw_groups, named, owners_of
from mgdist.data.sources.examples import Examples, Given
from mgdist.data.targets import fit_tasks, require_known, strata, with_labels, without_rare
from mgdist.errors import DataError
from mgdist.job.export import Asked
from mgdist_edge.tasks import Classify, Ordinal, Task


@dataclass(frozen=True)
class Splits:
    """The examples of a job.

    Attributes:
        tasks: what each head answers.
        train: to learn from.
        valid: to choose by.
        test: nothing is chosen by.
        folds: the names of all folds, of which the test is one; empty without cross-validation.
    """

    tasks: dict[str, Task]
    train: Examples
    valid: Examples
    test: Examples
    folds: tuple[str, ...] = ()

    def named(self) -> dict[str, Examples]:
        """Return the splits by their names."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def split(given: Given, job: Asked, tasks: dict[str, Task] | None = None) -> Splits:
    """Return all three splits; those that the source lacks are drawn from train.

    Args:
        given: what was read.
        job: tells the heads, the shares, the limit, the seed, and whether rows of a class that is too rare to be split
            are left out.
        tasks: what each head answers, where that is known; else it is fitted to the training rows.

    Raises:
        DataError: a split is empty, there is one class only, a class has too few rows, the test has a class that train
            lacks, or there are fewer groups than splits or folds.
    """
    spec, parts = job.data, 1 + (given.valid is None) + (given.test is None)
    whole = with_labels(given.train, job.heads)
    _require_rows("train", whole)
    train = without_rare(whole, job.heads, least=max(2, parts), skip=spec.on_bad_record == "skip")
    tasks = tasks or fit_tasks(job.heads, train)
    rng = np.random.default_rng([job.seed, 0])
    given = replace(given, train=train)
    parted, folds = (_hold_out(given, job, tasks, rng), ()) if spec.split.folds is None else _fold(given, job, tasks)
    found = {}
    for name, examples in parted.items():
        kept = with_labels(examples, job.heads) if name != "train" else examples
        _require_rows(name, kept)
        found[name] = require_known(name, kept, tasks, job.heads)
    return Splits(tasks, **{name: _limited(part, tasks, spec.limit, rng) for name, part in found.items()}, folds=folds)


def _hold_out(given: Given, job: Asked, tasks: Mapping[str, Task], rng: np.random.Generator) -> dict[str, Examples]:
    """Return all splits; those that the source lacks are drawn from train, a share of its rows each."""
    spec, train, own = job.data.split, given.train, {"valid": given.valid, "test": given.test}
    # Whole groups for the test go first: rows for validation may be drawn one by one from those that are left.
    sizes = {name: round(getattr(spec, name) * len(train)) for name in ("valid", "test") if own[name] is None}
    order = sorted(sizes) if spec.by is not None else list(sizes)
    for place, name in enumerate(order):
        drawn = _drawn(name, train, job, tasks, sizes[name], len(order) - place, rng)
        own[name], train = _parted(train, drawn)
    assert own["valid"] is not None, "what the source lacks was drawn"
    assert own["test"] is not None, "what the source lacks was drawn"
    return {"train": train, "valid": own["valid"], "test": own["test"]}


def _fold(given: Given, job: Asked, tasks: Mapping[str, Task]) -> tuple[dict[str, Examples], tuple[str, ...]]:
    """Return the splits of one fold of a cross-validation, and the names of all folds."""
    spec, train = job.data.split, given.train
    # Of its own, and the same for each fold: so they are disjoint, and together all rows.
    dealing, rng = np.random.default_rng([job.seed, 2]), np.random.default_rng([job.seed, 0])
    dealt, names = _dealt(train, job, tasks, dealing)
    if spec.fold >= len(names):
        raise DataError(f"data.split.fold: expected at most {len(names) - 1}, the last of the folds; got {spec.fold}")
    test, rest = _parted(train, np.flatnonzero(dealt == spec.fold))
    if spec.by is not None:
        _require_classes("train", rest, tasks, spec.by)
    valid, rest = _parted(rest, _drawn("valid", rest, job, tasks, round(spec.valid * len(train)), 1, rng))
    return {"train": rest, "valid": valid, "test": test}, names


def _dealt(
    train: Examples, job: Asked, tasks: Mapping[str, Task], rng: np.random.Generator
) -> tuple[Rows, tuple[str, ...]]:
    """Return the fold of each row, and the names of the folds: those of the groups where each is one, else numbers."""
    spec, classes = job.data.split, strata(tasks, train)
    if train.groups is None:
        assert isinstance(spec.folds, int), "checked by conflicts"
        return deal_rows(classes, spec.folds, rng), tuple(map(str, range(spec.folds)))
    names, owners = named(train.groups), owners_of(train.groups)
    if spec.folds == "each":
        return owners, names
    assert spec.folds is not None, "one of several folds"
    if spec.folds > len(names):
        raise DataError(
            f"data.split.folds: expected at most {len(names)}, the groups of {spec.by}; got {spec.folds}; use each"
        )
    return deal_groups(classes, owners, spec.folds, rng), tuple(map(str, range(spec.folds)))


def _drawn(
    name: str, train: Examples, job: Asked, tasks: Mapping[str, Task], size: int, leave: int, rng: np.random.Generator
) -> Rows:
    """Draw a split from train: rows one by one, stratified by label, or whole groups, so that both sides have all.

    Args:
        name: of the split.
        train: what is left to draw from.
        job: tells the groups.
        tasks: what each head answers.
        size: rows to draw.
        leave: splits that are drawn from the rest, train among them.
        rng: where chance comes from.
    """
    by, classes = job.data.split.by, strata(tasks, train)
    if by is None or (name == "valid" and job.data.split.valid_by == "row"):
        return draw(classes, size, rng, leave=leave)
    assert train.groups is not None, "the source was asked for the groups"
    names = named(train.groups)
    if len(names) <= leave:
        raise DataError(
            f"data.split.by: expected a group of {by} for each of {1 + leave} splits, {name} among them; got "
            f"{len(names)}, {', '.join(names)}; choose another column, or set data.split.valid_by: row"
        )
    drawn = draw_groups(classes, owners_of(train.groups), size, rng, leave=leave)
    for side, part in zip((name, "train"), _parted(train, drawn), strict=True):
        _require_classes(side, part, tasks, by)
    return drawn


def _require_classes(name: str, part: Examples, tasks: Mapping[str, Task], by: str) -> None:
    """Refuse a split that whole groups leave without a class of the first head that has classes."""
    task = next((task for task in tasks.values() if isinstance(task, Classify | Ordinal)), None)
    if task is None:
        return
    counts = np.bincount(strata(tasks, part), minlength=task.outputs)
    lacking = [label for label, count in zip(task.labels, counts, strict=True) if not count]
    if lacking:
        raise DataError(
            f"data.split.by: {name} has no row of {lacking[0]!r} when whole groups of {by} are held out; remove the "
            "label, hold out more, choose another column, or try another seed"
        )


def _parted(train: Examples, drawn: Rows) -> tuple[Examples, Examples]:
    """Return the rows that were drawn, and the others; records left out are told once, with the others."""
    rest = np.setdiff1d(np.arange(len(train)), drawn)
    return replace(train.take(drawn), skipped=(), left_out=0), train.take(rest)


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


def _require_rows(name: str, examples: Examples) -> None:
    if len(examples):
        return
    out = examples.left_out
    because = f"; {out} bad records were left out, first {examples.skipped[0]}" if out else ""
    raise DataError(f"data.source.{name}: expected rows; it has none{because}")


def _limited(examples: Examples, tasks: dict[str, Task], limit: int | None, rng: np.random.Generator) -> Examples:
    if limit is None or len(examples) <= limit:
        return examples
    classes = strata(tasks, examples)
    if limit < (count := int(classes.max()) + 1):
        raise DataError(f"data.limit: expected at least one row for each of {count} labels; got {limit}")
    return examples.take(draw(classes, limit, rng, leave=0))
