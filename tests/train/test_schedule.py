"""How the learning rate climbs and falls."""

import pytest

from mgdist.job.phases import Phase
from mgdist.job.train import TrainSpec
from mgdist.train.schedule import rate

PHASE = Phase("joint", epochs=2, steps=50, lr=1.0, levels=("word",))


def rates(**fields: object) -> list[float]:
    spec = TrainSpec.model_validate(fields)
    return [rate(spec, PHASE, step) for step in range(100)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_warm_up_climbs_in_a_line_to_the_highest_rate(schedule: str) -> None:
    found = rates(schedule=schedule, warmup=0.1)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert max(found) == found[9] == found[10] == 1.0


def test_a_cosine_falls_slowly_at_both_ends() -> None:
    found = rates(schedule="cosine", warmup=0)
    assert found[50] == pytest.approx(0.5)
    assert found[0] - found[1] < 0.001
    assert found[99] < 0.001


def test_a_line_falls_evenly() -> None:
    found = rates(schedule="linear", warmup=0)
    assert found[25] == pytest.approx(0.75)
    assert found[99] == pytest.approx(0.01)


def test_a_constant_rate_stays() -> None:
    assert set(rates(schedule="constant", warmup=0)) == {1.0}
