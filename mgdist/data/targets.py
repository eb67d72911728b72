"""What the heads learn, as numbers: fitted to the training split, and encoded.

Legend: R examples, K outputs of a head.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never, cast

import numpy as np
from numpy.typing import NDArray

from mgdist.data.groups import named
from mgdist.data.sources.examples import Examples
from mgdist.data.sources.parse import Target
from mgdist.errors import DataError
from mgdist.job.task import ClassifySpec, ForecastSpec, Head, MultiLabelSpec, OrdinalSpec, RegressSpec, TagSpec
from mgdist_edge.above import Above
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task


def fit_task(head: Head, targets: Sequence[Target], field: str) -> Task:
    """Return what a head answers, from the targets of the training rows only.

    Args:
        head: as asked.
        targets: one an example.
        field: of the job, for messages: ``task`` or ``task.heads.coarse``.

    Raises:
        DataError: there is one class only, a label is not in the stated order, or a number never changes.
    """
    match head:
        case ClassifySpec():
            return Classify(_sorted(set(cast(Sequence[str], targets)), field))
        case OrdinalSpec(order=order):
            found = _sorted(set(cast(Sequence[str], targets)), field)
            return Ordinal(found if order is None else _ordered(found, order, field))
        case MultiLabelSpec(labels=labels):
            kept = {label for each in cast(Sequence[tuple[str, ...]], targets) for label in each}
            if labels is not None and (missing := [label for label in labels if label not in kept]):
                raise DataError(f"{field}.labels: no training row has {missing[0]!r}; remove it, or give rows with it")
            if not kept:
                raise DataError(f"{field}.label: no training row has a label; choose another column")
            return MultiLabel(_sorted(kept, field, least=1) if labels is None else labels)
        case RegressSpec(targets=names):
            values = np.array(targets, np.float64)
            mean, std = values.mean(0), values.std(0)
            if (constant := np.flatnonzero(std == 0)).size:
                raise DataError(
                    f"{field}.targets: {names[constant[0]]} is {mean[constant[0]]:g} in every training row; "
                    "choose another column"
                )
            return Regress(names, tuple(mean.tolist()), tuple(std.tolist()))
        case ForecastSpec():
            raise AssertionError("the windows of a long series are its targets")
        case TagSpec(level=level):
            assert level is not None, "the finest level is put in its place"
            found = _sorted({label for each in cast(Sequence[tuple[str, ...]], targets) for label in each}, field)
            return Tag(found, level)
        case _ as never:
            assert_never(never)


def encode(task: Task, targets: Sequence[Target]) -> NDArray[Any]:
    """Return the targets as a network learns them.

    Returns:
        (R,) int64 index of the label; (R, K) float32, 1 for each label that applies; (R, K) float32 standardised
        numbers; or int64 indices of the labels of all samples, those of one example after those of another.
    """
    match task:
        case Classify(labels) | Ordinal(labels):
            index = {label: number for number, label in enumerate(labels)}
            return np.array([index[label] for label in cast(Sequence[str], targets)], np.int64)
        case MultiLabel(labels):
            index = {label: number for number, label in enumerate(labels)}
            encoded = np.zeros((len(targets), len(labels)), np.float32)
            for row, found in enumerate(targets):
                encoded[row, [index[label] for label in cast(tuple[str, ...], found) if label in index]] = 1
            return encoded
        case Regress(_, mean, std):
            return ((np.array(targets, np.float64) - mean) / std).astype(np.float32)
        case Forecast():
            raise AssertionError("the windows of a long series are its targets")
        case Tag(labels):
            index = {label: number for number, label in enumerate(labels)}
            return np.array(
                [index[label] for each in cast(Sequence[Sequence[str]], targets) for label in each], np.int64
            )
        case _ as never:
            assert_never(never)


def require_known(name: str, examples: Examples, tasks: Mapping[str, Task], heads: Mapping[str, Head]) -> Examples:
    """Return the examples of a held-out split, none of whose labels is unknown.

    Raises:
        DataError: the training rows lack one.
    """
    for head, task in tasks.items():
        spec = heads[head]
        if isinstance(task, Regress | Forecast) or (isinstance(spec, MultiLabelSpec) and spec.labels is not None):
            continue
        given = examples.targets[head]
        found = {label for each in given for label in ((each,) if isinstance(each, str) else each)}
        unknown = sorted(map(str, found.difference(task.labels)))
        if unknown:
            named = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
            raise DataError(
                f"data.source.{name}: label {named} is not among the training labels; "
                "remove these rows, or train on some"
            )
    return examples


def with_labels(examples: Examples, heads: Mapping[str, Head]) -> Examples:
    """Return the examples that heads of several labels do not leave out; those left out are counted."""
    for name, head in heads.items():
        if isinstance(head, MultiLabelSpec) and head.without == "leave_out":
            wanted = set(head.labels or ())
            given = cast(Sequence[tuple[str, ...]], examples.targets[name])
            rows = [row for row, found in enumerate(given) if (wanted.intersection(found) if wanted else found)]
            kept, out = examples.take(rows), len(given) - len(rows)
            note = f"{_field(name, heads)}.without: {out} examples without a label that counts"
            skipped = (*examples.skipped, note) if out else examples.skipped
            examples = replace(kept, skipped=skipped, left_out=examples.left_out + out)
    return examples


def without_rare(train: Examples, heads: Mapping[str, Head], *, least: int, skip: bool) -> Examples:
    """Return the examples whose classes, in each head that learns one of several, have ``least`` of them.

    Raises:
        DataError: some have fewer, and ``skip`` is false.
    """
    for name, head in heads.items():
        if not isinstance(head, ClassifySpec | OrdinalSpec):
            continue
        labels = cast(Sequence[str], train.targets[name])
        rare = {label: count for label, count in sorted(Counter(labels).items()) if count < least}
        if not rare:
            continue
        if not skip:
            raise DataError(
                f"{_field(name, heads)}.label: {_counted(rare)}; expected at least {least} to train on and to hold "
                "out; add some, remove the label, or set data.on_bad_record: skip"
            )
        kept = train.take(row for row, label in enumerate(labels) if label not in rare)
        notes = (f"{_field(name, heads)}.label: {la!r} has {count} of {least} examples" for la, count in rare.items())
        train = replace(kept, skipped=(*train.skipped, *notes), left_out=train.left_out + sum(rare.values()))
    return train


def fit_tasks(heads: Mapping[str, Head], train: Examples) -> dict[str, Task]:
    """Return what each head answers; see :func:`fit_task`.

    Raises:
        DataError: as there; or labels of a finer head belong to several of the head above it.
    """
    tasks = {name: fit_task(head, train.targets[name], _field(name, heads)) for name, head in heads.items()}
    for name, head in heads.items():
        coarse = tasks[name]
        if isinstance(coarse, Classify) and isinstance(head, ClassifySpec) and head.above is not None:
            tasks[name] = replace(coarse, above=_above(name, head.above, tasks, train))
    return tasks


def _above(name: str, finer: str, tasks: Mapping[str, Task], train: Examples) -> Above:
    """Return which label of a head each label of a finer one belongs to, as the training rows have them."""
    coarse, fine = tasks[name], tasks[finer]
    assert isinstance(coarse, Classify), "checked by conflicts"
    assert isinstance(fine, Classify), "checked by conflicts"
    parents: dict[str, str] = {}
    pairs = zip(train.targets[finer], train.targets[name], strict=True)
    for child, parent in cast(Iterable[tuple[str, str]], pairs):
        if parents.setdefault(child, parent) != parent:
            raise DataError(
                f"task.heads.{name}.above: expected one label of {name} for each of {finer}; {child!r} stands with "
                f"{parents[child]!r} in one row and with {parent!r} in another; mend the rows, or leave it out"
            )
    return Above(finer, tuple(coarse.labels.index(parents[label]) for label in fine.labels))


def strata(tasks: Mapping[str, Task], examples: Examples) -> NDArray[np.int64]:
    """Return the class of each example that splits are stratified by: of the first head that has one."""
    for name, task in tasks.items():
        if isinstance(task, Classify | Ordinal):
            return encode(task, examples.targets[name])
    return np.zeros(len(examples), np.int64)


def _field(name: str, heads: Mapping[str, Head]) -> str:
    return f"task.heads.{name}" if len(heads) > 1 else "task"


def _counted(rare: Mapping[str, int]) -> str:
    told = [f"{label!r} has {count} example{'s' * (count > 1)}" for label, count in list(rare.items())[:5]]
    return ", ".join(told) + (f", and {len(rare) - 5} labels more" if len(rare) > 5 else "")


def _sorted(labels: Iterable[str], field: str, *, least: int = 2) -> tuple[str, ...]:
    labels = set(labels)
    if len(labels) < least:
        only = next(iter(labels), "none")
        raise DataError(f"{field}.label: expected at least two classes; all rows are {only!r}; choose another column")
    return named(labels)


def _ordered(found: Sequence[str], order: tuple[str, ...], field: str) -> tuple[str, ...]:
    for label in found:
        if label not in order:
            raise DataError(f"{field}.order: expected every label of the training rows; {label!r} is not in it")
    return order
