import itertools
from dataclasses import replace

import pytest

from mgdist.compress.choose import Candidate, Parity, choose, excess, shortcomings
from mgdist.errors import BudgetError
from mgdist.job.device import DeviceSpec

ANY = DeviceSpec()
CANDIDATE = Candidate(
    method="float32",
    quality=0.90,
    size=2_000_000,
    latency=0.004,
    memory=80_000_000,
    weights={"float32": 1.0},
    parity=Parity(difference=1e-6, equal=1.0, examples=100),
)
INT8 = replace(CANDIDATE, method="int8_dynamic", quality=0.895, size=500_000, latency=0.003)
INT4 = replace(CANDIDATE, method="int4", quality=0.85, size=300_000, latency=0.002)
ALL = (CANDIDATE, INT8, INT4)


@pytest.mark.parametrize(
    ("budget", "method"), [(0.0, "float32"), (0.004, "float32"), (0.005, "int8_dynamic"), (0.05, "int4")]
)
def test_the_smallest_within_the_budget_ships_in_whatever_order_they_come(budget: float, method: str) -> None:
    for order in itertools.permutations(ALL):
        assert choose(order, reference=0.90, budget=budget, device=ANY).method == method


def test_of_equally_small_candidates_the_quicker_one_ships() -> None:
    quicker = replace(INT8, method="int8_weight", latency=0.001)
    for order in ((INT8, quicker), (quicker, INT8)):
        assert choose(order, reference=0.90, budget=0.01, device=ANY) == quicker


def test_a_candidate_that_is_better_than_the_network_has_lost_nothing() -> None:
    better = replace(CANDIDATE, quality=0.91)
    assert choose([better], reference=0.90, budget=0.0, device=ANY) == better


def test_a_candidate_exactly_at_its_limits_ships() -> None:
    device = DeviceSpec(max_size=2_000_000, max_latency=0.004, max_memory=80_000_000)
    assert choose([CANDIDATE], reference=0.91, budget=0.01, device=device) == CANDIDATE


LIMITS = [
    ({"max_size": 1_000_000}, "size 2.00 MB is above 1.00 MB; raise device.max_size, or make the model smaller"),
    ({"max_size": 1_000}, "size 2.00 MB is above 1.00 kB; raise device.max_size, or make the model smaller"),
    ({"max_latency": 0.001}, "latency 4.00 ms is above 1.00 ms; raise device.max_latency, or make the model smaller"),
    ({"max_memory": 7e7}, "memory 80 MB is above 70 MB; raise device.max_memory, or make the model smaller"),
]


@pytest.mark.parametrize(("limit", "phrase"), LIMITS, ids=[next(iter(limit)) for limit, _ in LIMITS])
def test_each_limit_keeps_a_candidate_from_shipping_and_says_what_to_change(
    limit: dict[str, float], phrase: str
) -> None:
    device = DeviceSpec(**limit)
    assert shortcomings(CANDIDATE, reference=0.90, budget=0.0, device=device) == [phrase]
    with pytest.raises(BudgetError) as caught:
        choose([CANDIDATE], reference=0.90, budget=0.0, device=device)
    assert str(caught.value) == (
        "none of 1 candidate(s) keeps the accuracy budget and the device's limits; nearest is float32: " + phrase
    )


def test_a_limit_passes_over_the_smallest_for_the_next_that_fits() -> None:
    slow = replace(INT4, latency=0.1)
    device = DeviceSpec(max_latency=0.02)
    assert choose([CANDIDATE, INT8, slow], reference=0.90, budget=0.1, device=device) == INT8


def test_where_none_keeps_the_budget_the_nearest_is_named_with_what_to_change() -> None:
    with pytest.raises(BudgetError) as caught:
        choose([INT4, INT8], reference=0.90, budget=0.001, device=ANY)
    assert str(caught.value) == (
        "none of 2 candidate(s) keeps the accuracy budget and the device's limits; nearest is int8_dynamic: "
        "quality 0.8950 is 0.0050 below the network's 0.9000; raise compress.max_accuracy_drop (now 0.001) "
        "or allow more compress.methods"
    )


def test_all_that_the_nearest_lacks_is_told() -> None:
    device = DeviceSpec(max_size=100_000, max_memory=10_000_000)
    with pytest.raises(BudgetError, match=r"quality 0\.8950 is .*; size 0\.50 MB is above .*; memory 80 MB is above"):
        choose([INT8], reference=0.90, budget=0.001, device=device)


def test_an_excess_tells_by_how_much_a_limit_is_broken() -> None:
    device = DeviceSpec(max_size=1_000_000, max_latency=0.002)
    assert excess(CANDIDATE, reference=0.92, budget=0.01, device=device) == pytest.approx(
        {"quality": 1.0, "size": 1.0, "latency": 1.0}
    )
    assert excess(CANDIDATE, reference=0.90, budget=0.0, device=ANY) == {}
