"""The small data sets that scikit-learn carries along: real rows on any machine, without a download."""

from collections.abc import Iterator
from typing import Any

from mgdist.data.sources.examples import Columns, Given, Row, gather
from mgdist.job.data import SklearnSpec


def read_sklearn(spec: SklearnSpec, columns: Columns, *, skip: bool) -> Given:
    """Read one of the data sets.

    Digits have the columns image (8 x 8 whole numbers from 0 to 16) and label; the others have their features by name,
    and label, or target where it is a number.

    Raises:
        DataError: it lacks a column that the job names.
    """
    found = _columns(spec)
    names = list(found)
    picks = columns.pick(names, f"sklearn {spec.name}")
    return Given(gather(_rows(found, [names[pick] for pick in picks], spec.name), columns, skip=skip))


def _rows(found: dict[str, list[Any]], names: list[str], name: str) -> Iterator[Row]:
    for number, values in enumerate(zip(*(found[each] for each in names), strict=True), 1):
        yield Row(f"sklearn {name}:row {number}", values)


def _columns(spec: SklearnSpec) -> dict[str, list[Any]]:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{spec.name}")()
    if spec.name == "digits":
        return {"image": list(bunch.images.astype("uint8")), "label": bunch.target.tolist()}
    features = dict(zip(map(str, bunch.feature_names), bunch.data.T.tolist(), strict=True))
    if spec.name == "diabetes":
        return {**features, "target": bunch.target.tolist()}
    return {**features, "label": [str(bunch.target_names[place]) for place in bunch.target]}
