"""Candidates, and which of them ships."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mgdist.errors import BudgetError
from mgdist.job.compress import Method
from mgdist.job.device import DeviceSpec, size_line


@dataclass(frozen=True)
class Parity:
    """How far a device model is from the trained network, on real examples.

    Attributes:
        difference: largest difference of an output: of a probability, or of a standardised number.
        equal: share of examples with the same answer, 0 to 1: the same label or labels; of numbers, all within a
            fiftieth of their standard deviation.
        examples: how many were compared; of labelled samples all of them.
    """

    difference: float
    equal: float
    examples: int


@dataclass(frozen=True)
class Candidate:
    """One compressed model, measured by the edge runtime.

    Attributes:
        method: format of its weights.
        quality: on the validation split, such as the accuracy; 1 is perfect.
        size: bytes of the bundle.
        latency: median seconds from raw to answer, one thread of this host.
        memory: resident bytes at the peak.
        weights: share of the weights in each number format, such as {"int8": 0.99, "float32": 0.01}.
        parity: against the trained network.
        consistent: for each head above a finer one, how often their answers agree on the validation split, 0 to 1.
    """

    method: Method
    quality: float
    size: int
    latency: float
    memory: int
    weights: dict[str, float]
    parity: Parity
    consistent: dict[str, float] = field(default_factory=dict)


def choose(candidates: Sequence[Candidate], *, reference: float, budget: float, device: DeviceSpec) -> Candidate:
    """Return the smallest candidate that loses at most ``budget`` of ``reference`` and fits the device.

    Args:
        candidates: at least one, in any order.
        reference: quality of the trained network on the validation split.
        budget: quality that may be lost; 0.01 is one point in a hundred.
        device: limits on size, latency and memory.

    Raises:
        BudgetError: none does; says which came nearest and what to change.
    """
    fitting = [c for c in candidates if not shortcomings(c, reference=reference, budget=budget, device=device)]
    if fitting:
        return min(fitting, key=lambda c: (c.size, c.latency))

    def distance(candidate: Candidate) -> float:
        return sum(excess(candidate, reference=reference, budget=budget, device=device).values())

    nearest = min(candidates, key=distance)
    lacks = shortcomings(nearest, reference=reference, budget=budget, device=device)
    raise BudgetError(
        f"none of {len(candidates)} candidate(s) keeps the accuracy budget and the device's limits; "
        f"nearest is {nearest.method}: {'; '.join(lacks)}"
    )


def excess(candidate: Candidate, *, reference: float, budget: float, device: DeviceSpec) -> dict[str, float]:
    """Return for each limit that the candidate breaks by what factor above 1 it does, minus 1.

    Quality is measured in budgets, floored at a tenth of a point, so that a budget of 0 compares too.
    """
    found = {"quality": (reference - candidate.quality - budget) / max(budget, 0.001)}
    for name, limit in limits(device).items():
        found[name] = float(getattr(candidate, name)) / limit - 1
    return {name: by for name, by in found.items() if by > 1e-9}


def limits(device: DeviceSpec) -> dict[str, float]:
    """Return the limits that a device states: size and memory in bytes, latency in seconds."""
    stated = {"size": device.max_size, "latency": device.max_latency, "memory": device.max_memory}
    return {name: float(limit) for name, limit in stated.items() if limit is not None}


SHOWN: dict[str, Callable[[float], str]] = {
    "size": size_line,
    "memory": lambda v: f"{v / 1e6:.0f} MB",
    "latency": lambda v: f"{v * 1e3:.2f} ms",
}


def shortcomings(candidate: Candidate, *, reference: float, budget: float, device: DeviceSpec) -> list[str]:
    """Return a phrase for each limit that the candidate breaks, with what to change."""
    phrases = []
    for name in excess(candidate, reference=reference, budget=budget, device=device):
        if name == "quality":
            phrases.append(
                f"quality {candidate.quality:.4f} is {reference - candidate.quality:.4f} below the network's "
                f"{reference:.4f}; raise compress.max_accuracy_drop (now {budget:g}) or allow more compress.methods"
            )
        else:
            shown, limit = SHOWN[name], limits(device)[name]
            phrases.append(
                f"{name} {shown(getattr(candidate, name))} is above {shown(limit)}; "
                f"raise device.max_{name}, or make the model smaller"
            )
    return phrases
