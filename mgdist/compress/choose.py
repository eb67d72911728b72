"""Which of the candidates ships."""

from collections.abc import Sequence

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate
from mgdist.errors import BudgetError


def choose(candidates: Sequence[Candidate], budget: Budget) -> Candidate:
    """Return the smallest candidate that keeps the budget.

    Args:
        candidates: at least one, in any order.
        budget: what may be lost, and the device's limits.

    Raises:
        BudgetError: none does; says which came nearest and what to change.
    """
    fitting = [each for each in candidates if not budget.excess(each)]
    if fitting:
        return min(fitting, key=lambda each: (each.size, each.latency))
    nearest = min(candidates, key=lambda each: sum(budget.excess(each).values()))
    raise BudgetError(
        f"none of {len(candidates)} candidate(s) keeps the accuracy budget and the device's limits; "
        f"nearest is {nearest.name}: {'; '.join(budget.shortcomings(nearest))}"
    )


def way(candidates: Sequence[Candidate], chosen: Candidate) -> list[Candidate]:
    """Return the candidates from the converted network in float32 to the chosen one, as far as they were measured."""
    floats = [each for each in candidates if each.method == "float32" and each.step in (0, chosen.step)]
    return [*(each for each in floats if each != chosen), chosen]


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that no other one beats, smallest first: the Pareto front.

    One beats another if it is at least as good in quality, size, latency and memory, and better in one of them.
    """
    kept = [each for each in candidates if not any(_beats(other, each) for other in candidates)]
    return sorted(kept, key=lambda each: (each.size, each.latency))


def _beats(one: Candidate, other: Candidate) -> bool:
    mine, others = _costs(one), _costs(other)
    return mine != others and all(a <= b for a, b in zip(mine, others, strict=True))


def _costs(each: Candidate) -> tuple[float, float, float, float]:
    return -each.quality, float(each.size), each.latency, float(each.memory)
