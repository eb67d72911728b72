"""Which rows are learned from, which are chosen by, and which are held back: stratified and seeded."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mgdist.data.sources.examples import Examples, Given
from mgdist.data.targets import fit_tasks, require_known, strata, with_labels, without_rare
from mgdist.errors import DataError
from mgdist.job.spec import Job
from mgdist_edge.tasks import Task

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """The examples of a job.

    Attributes:
        tasks: what each head answers.
        train: to learn from.
        valid: to choose by.
        test: nothing is chosen by.
    """

    tasks: dict[str, Task]
    train: Examples
    valid: Examples
    test: Examples

    def named(self) -> dict[str, Examples]:
        """Return the splits by their names."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def split(given: Given, job: Job) -> Splits:
    """Return all three splits; those that the source lacks are drawn from train.

    Args:
        given: what was read.
        job: tells the heads, the shares, the limit, the seed, and whether rows of a class that is too rare to be split
            are left out.

    Raises:
        DataError: a split is empty, there is one class only, a class has too few rows, or the test has a
            class that train lacks.
    """
    spec, parts = job.data, 1 + (given.valid is None) + (given.test is None)
    whole = with_labels(given.train, job.heads)
    _require_rows("train", whole)
    train = without_rare(whole, job.heads, least=max(2, parts), skip=spec.on_bad_record == "skip")
    tasks = fit_tasks(job.heads, train)
    rng = np.random.default_rng([job.seed, 0])
    held = {"valid": given.valid, "test": given.test}
    sizes = {name: round(getattr(spec.split, name) * len(train)) for name in held if held[name] is None}
    for name, size in sizes.items():
        drawn = draw(strata(tasks, train), size, rng, leave=len(sizes) - list(sizes).index(name))
        held[name] = replace(train.take(drawn), skipped=(), left_out=0)  # they are told once, with train
        train = train.take(np.setdiff1d(np.arange(len(train)), drawn))
    found = {"train": train}
    for name, examples in held.items():
        assert examples is not None, "what the source lacks was drawn"
        kept = with_labels(examples, job.heads)
        _require_rows(name, kept)
        found[name] = require_known(name, kept, tasks, job.heads)
    return Splits(tasks, **{name: _limited(part, tasks, spec.limit, rng) for name, part in found.items()})


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
