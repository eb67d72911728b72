"""What a level's fields say together."""

from typing import Any

import pytest

from mgdist.job.conflicts import conflicts
from mgdist.job.encoders import AttentionPoolSpec, LevelSpec
from mgdist.job.point import checked
from tests.networks import job_of, level

LEVEL = {"length": 20, "encoder": {"kind": "bag"}}
CONV = {"kind": "conv"}
WRONG = [
    ({"encoder": CONV | {"kernels": [3, 5], "kernel": 5}}, "encoder.kernel: kernels stands in its place; leave one of"),
    ({"encoder": CONV | {"kernels": [3, 4]}}, "encoder.kernels: expected an odd number; got 4; use 5"),
    ({"encoder": CONV | {"kernels": [3, 21]}}, "encoder.kernels: 21 is wider than a unit of 20 samples; make kernel"),
    ({"encoder": CONV | {"layers": 5, "dilation": 2}}, "encoder.dilation: the filters of layer 5 span 33 samples, and"),
    (
        {"length": 3, "encoder": CONV | {"stages": 3}},
        "encoder.stages: 3 stages halve 2 times, and a unit has 3 samples",
    ),
    (
        {"width": 6, "encoder": CONV | {"stages": 3}},
        "width: expected a multiple of 4 for the 3 stages of granularities.",
    ),
    ({"encoder": CONV | {"stages": 4, "kernels": [1, 3]}}, "model.width: expected a number for each of 2 kernels in"),
    (
        {"width": 5, "encoder": {"kind": "rnn"}},
        "width: expected an even number for granularities.word, which reads both",
    ),
    (
        {"width": 6, "encoder": {"kind": "transformer"}},
        "encoder.heads: 4 heads do not divide granularities.word.width 6",
    ),
    (
        {"width": 6, "encoder": {"kind": "none"}},
        "width: a level without an encoder is as wide as its samples; use null",
    ),
    ({"pool": {"kind": "attention", "heads": 3}}, "pool.0.heads: 3 heads do not divide the 8 of a state"),
]


def mistakes(fields: dict[str, Any]) -> list[str]:
    job = job_of({"word": level("bag")})
    document = job.model_dump()
    document["granularities"] = {"word": {**LEVEL, **fields}}
    _, found = checked(document)
    return [f"{mistake.path}: {mistake.message}" for mistake in found]


@pytest.mark.parametrize(("fields", "expected"), WRONG, ids=[expected[:40] for _, expected in WRONG])
def test_fields_that_contradict_each_other_are_told(fields: dict[str, Any], expected: str) -> None:
    (found,) = mistakes(fields)
    assert found.removeprefix("granularities.word.").startswith(expected)


def test_a_job_without_contradictions_has_none() -> None:
    assert conflicts(job_of({"word": level("conv in stages"), "sentence": level("conv apart", "heads")})) == []


def test_an_unknown_field_of_a_pool_is_told_with_its_place() -> None:
    (found,) = mistakes({"pool": ["mean", {"kind": "attention", "headz": 4}]})
    assert found.startswith("granularities.word.pool.1.headz: the job has no such field")


def test_a_pool_may_be_a_name_or_a_mapping_alone_or_in_a_list() -> None:
    def pool(written: Any) -> tuple[Any, ...]:
        return LevelSpec.model_validate({**LEVEL, "pool": written}).pool

    heads = AttentionPoolSpec(kind="attention", heads=4)
    assert pool("max") == ("max",)
    assert pool({"kind": "attention", "heads": 4}) == pool([heads]) == (heads,)
    assert pool(["last", {"kind": "attention", "heads": 4}]) == ("last", heads)


def test_a_unit_is_as_wide_as_its_pools_make_it() -> None:
    def wide(axes: int = 1, **fields: Any) -> int:
        return LevelSpec.model_validate({**LEVEL, "length": 7, **fields}).unit_width(3, 8, axes)

    assert wide() == 8
    assert wide(width=4, pool=["mean", "max"], skip=True) == 11
    assert wide(encoder={"kind": "none"}, pool=["all", "mean"]) == 7 * 3 + 3
    assert wide(encoder=CONV | {"stages": 3}, pool="all") == 2 * 8
    assert wide(axes=2, encoder=CONV | {"stages": 2}, pool="all") == 4 * 4 * 8
