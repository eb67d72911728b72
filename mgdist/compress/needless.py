"""Which candidates need not be scored, since they cannot ship."""

from collections.abc import Iterable
from dataclasses import dataclass

from mgdist.compress.candidate import Candidate, name_of
from mgdist.job.compress import Method


@dataclass(frozen=True)
class Skipped:
    """A candidate that was made, and not scored.

    Attributes:
        method: format of its weights.
        size: bytes of the bundle.
        why: it cannot ship, in words.
        step: of pruning that its network is left from; 0 of the trained network.
    """

    method: Method
    size: int
    why: str
    step: int = 0

    @property
    def name(self) -> str:
        """How it is told from the others."""
        return name_of(self.method, self.step)


def too_large(size: int, limit: int | None) -> str:
    """Return why a bundle of so many bytes cannot ship; nothing where it can."""
    return "larger than device.max_size" if limit is not None and size > limit else ""


def beaten(size: int, latency: float, memory: int, kept: Iterable[Candidate]) -> str:
    """Return why a candidate with such costs cannot ship; nothing where it can.

    What is larger, no faster and no thriftier than another one is passed over for it, however little it loses, and
    whatever the device allows: a faster or slower device changes all of them alike.

    Args:
        size: bytes of the bundle.
        latency: seconds.
        memory: bytes.
        kept: candidates that keep the accuracy budget and the limit on the size.
    """
    for each in kept:
        if size > each.size and latency >= each.latency and memory >= each.memory:
            return f"larger than {each.name}, which keeps the budget, and neither faster nor with less memory"
    return ""
