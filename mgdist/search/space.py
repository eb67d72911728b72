"""The space of a search, as Optuna samples it, and back to a point of the job."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mgdist.job.point import Point
from mgdist.job.search import RangeSpec


def distributions(space: Mapping[str, RangeSpec]) -> dict[str, BaseDistribution]:
    """Return one distribution a dotted path.

    Choices are sampled by their JSON text, since they may be lists or whole sections, such as an encoder.
    """
    return {path: _distribution(spec) for path, spec in space.items()}


def _distribution(spec: RangeSpec) -> BaseDistribution:
    if spec.choice is not None:
        return CategoricalDistribution([json.dumps(value) for value in spec.choice])
    if spec.integer is not None:
        return IntDistribution(*spec.integer)
    if spec.loguniform is not None:
        return FloatDistribution(*spec.loguniform, log=True)
    assert spec.uniform is not None, "the spec has exactly one of the four"
    return FloatDistribution(*spec.uniform)


def point(sample: Mapping[str, Any], space: Mapping[str, RangeSpec]) -> Point:
    """Return what a sample of :func:`distributions` means: the value of each dotted path."""
    return {path: json.loads(sample[path]) if spec.choice is not None else sample[path] for path, spec in space.items()}
