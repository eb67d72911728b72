"""The space of a search."""

import json

import optuna
import pytest

from mgdist.job.search import RangeSpec
from mgdist.search.space import distributions, point

SPACE = {
    "train.lr": RangeSpec(loguniform=(1e-4, 1e-2)),
    "model.dropout": RangeSpec(uniform=(0.1, 0.5)),
    "model.width": RangeSpec(integer=(16, 64)),
    "granularities.word.encoder": RangeSpec(choice=({"kind": "bag"}, {"kind": "conv", "kernel": 5})),
    "granularities.word.pool": RangeSpec(choice=(("mean",), ("mean", "max"))),
}


def test_samples_lie_in_the_space_and_choices_come_back_whole() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    points = [point(study.ask(distributions(SPACE)).params, SPACE) for _ in range(40)]
    assert all(1e-4 <= p["train.lr"] <= 1e-2 and 0.1 <= p["model.dropout"] <= 0.5 for p in points)
    assert {type(p["model.width"]) for p in points} == {int}
    assert {json.dumps(p["granularities.word.encoder"]) for p in points} == {
        '{"kind": "bag"}',
        '{"kind": "conv", "kernel": 5}',
    }
    assert {tuple(p["granularities.word.pool"]) for p in points} == {("mean",), ("mean", "max")}


def test_a_loguniform_range_is_sampled_by_orders_of_magnitude() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    rates = [point(study.ask(distributions(SPACE)).params, SPACE)["train.lr"] for _ in range(200)]
    assert sum(rate < 1e-3 for rate in rates) == pytest.approx(100, abs=25)
