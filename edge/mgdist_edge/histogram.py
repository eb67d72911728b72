"""Counts for Prometheus, and the lines of its text format."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence


class Histogram:
    """How many observations were at most as large as each bound, and their sum.

    Args:
        bounds: rising.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str, labels: Mapping[str, str]) -> Iterator[str]:
        """Yield its samples."""
        below = 0
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            below += count
            yield sample(f"{name}_bucket", below, {**labels, "le": bound})
        yield sample(f"{name}_sum", self._sum, labels)
        yield sample(f"{name}_count", below, labels)


def sample(name: str, value: float | int, labels: Mapping[str, str]) -> str:
    """Return one line: a value under a name and labels."""
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def family(name: str, kind: str, told: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield the samples of one name, with what it is in front."""
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
    yield from lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
