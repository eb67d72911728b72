import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate, Parity
from mgdist.compress.choose import choose, front
from mgdist.errors import BudgetError, JobError
from mgdist.job.compress import CompressSpec
from mgdist.job.device import DeviceSpec

ANY = DeviceSpec()
CANDIDATE = Candidate(
    method="float32",
    quality=0.90,
    sha256="f" * 64,
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
        assert choose(order, Budget(0.90, budget, ANY)).method == method


def test_of_equally_small_candidates_the_quicker_one_ships() -> None:
    quicker = replace(INT8, method="int8_weight", latency=0.001)
    for order in ((INT8, quicker), (quicker, INT8)):
        assert choose(order, Budget(0.90, 0.01, ANY)) == quicker


def test_a_candidate_that_is_better_than_the_network_has_lost_nothing() -> None:
    better = replace(CANDIDATE, quality=0.91)
    assert choose([better], Budget(0.90, 0.0, ANY)) == better


def test_a_candidate_exactly_at_its_limits_ships() -> None:
    device = DeviceSpec(max_size=2_000_000, max_latency=0.004, max_memory=80_000_000)
    assert choose([CANDIDATE], Budget(0.91, 0.01, device)) == CANDIDATE


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
    assert Budget(0.90, 0.0, device).shortcomings(CANDIDATE) == [phrase]
    with pytest.raises(BudgetError) as caught:
        choose([CANDIDATE], Budget(0.90, 0.0, device))
    assert str(caught.value) == (
        "none of 1 candidate(s) keeps the accuracy budget and the device's limits; nearest is float32: " + phrase
    )


def test_a_limit_passes_over_the_smallest_for_the_next_that_fits() -> None:
    slow = replace(INT4, latency=0.1)
    device = DeviceSpec(max_latency=0.02)
    assert choose([CANDIDATE, INT8, slow], Budget(0.90, 0.1, device)) == INT8


def test_where_none_keeps_the_budget_the_nearest_is_named_with_what_to_change() -> None:
    with pytest.raises(BudgetError) as caught:
        choose([INT4, INT8], Budget(0.90, 0.001, ANY))
    assert str(caught.value) == (
        "none of 2 candidate(s) keeps the accuracy budget and the device's limits; nearest is int8_dynamic: "
        "quality 0.8950 is 0.0050 below the network's 0.9000; raise compress.max_accuracy_drop (now 0.001) "
        "or allow more compress.methods"
    )


def test_all_that_the_nearest_lacks_is_told() -> None:
    device = DeviceSpec(max_size=100_000, max_memory=10_000_000)
    with pytest.raises(BudgetError, match=r"quality 0\.8950 is .*; size 0\.50 MB is above .*; memory 80 MB is above"):
        choose([INT8], Budget(0.90, 0.001, device))


def test_an_excess_tells_by_how_much_a_limit_is_broken() -> None:
    device = DeviceSpec(max_size=1_000_000, max_latency=0.002)
    assert Budget(0.92, 0.01, device).excess(CANDIDATE) == pytest.approx({"quality": 1.0, "size": 1.0, "latency": 1.0})
    assert Budget(0.90, 0.0, ANY).excess(CANDIDATE) == {}


def test_a_slower_device_is_judged_by_an_estimate_that_says_so() -> None:
    device = DeviceSpec(profile="raspberry_pi_4", max_latency=0.01)
    budget = Budget.of(0.9, CompressSpec(), device, [CANDIDATE])
    assert budget.on_device(CANDIDATE)["latency"] == pytest.approx(0.02)
    assert budget.shortcomings(CANDIDATE) == [
        "latency 20.00 ms (an estimate: 5 times this host's latency) is above 10.00 ms; raise device.max_latency, or "
        "make the model smaller"
    ]
    stated = Budget.of(0.9, CompressSpec(), device.model_copy(update={"slower": 2.0}), [CANDIDATE])
    assert not stated.excess(CANDIDATE)


def test_a_measurement_on_the_device_takes_the_place_of_the_estimate(tmp_path: Path) -> None:
    told = {"model_sha256": INT8.sha256, "p50_ms": 6.0, "peak_bytes": 90_000_000}
    (tmp_path / "pi.json").write_text(json.dumps(told))
    other = replace(CANDIDATE, sha256="0" * 64, latency=0.01)
    device = DeviceSpec(profile="raspberry_pi_4", max_latency=0.01, bench=str(tmp_path / "pi.json"))
    budget = Budget.of(0.9, CompressSpec(), device, [other, INT8])
    assert (budget.slower, budget.larger, budget.measured) == (pytest.approx(2.0), 10_000_000, True)
    assert budget.on_device(other) == {
        "size": 2_000_000,
        "latency": pytest.approx(0.02),
        "memory": 90_000_000,
    }
    assert "latency 20.00 ms (measured on the device: 2 times this host's latency) is" in budget.shortcomings(other)[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "expected a file that can be read; got: No such file or directory"),
        ("{}", "expected what mgdist-edge bench BUNDLE --file F --json prints; got something else"),
        ("p50_ms 3", "expected what mgdist-edge bench BUNDLE --file F --json prints; got something else"),
        (
            '{"model_sha256": "abcdef", "p50_ms": 6.0, "peak_bytes": 90}',
            "expected a measurement of a model of this run; got one of another (abcdef); copy the run's bundle to the "
            "device and run mgdist-edge bench there",
        ),
    ],
)
def test_a_measurement_that_says_nothing_of_this_run_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "pi.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(JobError) as caught:
        Budget.of(0.9, CompressSpec(), DeviceSpec(bench=str(path)), [CANDIDATE])
    assert str(caught.value) == f"device.bench: {path}: {said}"


def test_the_front_is_what_no_other_candidate_beats() -> None:
    wasteful = replace(INT8, size=INT8.size + 1)
    assert front([wasteful, CANDIDATE, INT4, INT8]) == [INT4, INT8, CANDIDATE]
    assert front([INT8, replace(INT8, method="int8_weight")]) == [INT8, replace(INT8, method="int8_weight")]
