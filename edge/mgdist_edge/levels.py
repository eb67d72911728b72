"""How the levels of an input hang together.

A level that reads a raw view starts a chain; the levels that build on it, one on top of another, go on with it. The
units of a level are the samples of the next one in its chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.windows import Window

LONGEST = 4096
"""Samples of a unit along one axis at most."""
COARSEST = 2**20
"""Readings along one axis that one sample averages at most."""
_MOST = 16


@dataclass(frozen=True)
class Chain:
    """A level that reads a raw view, and those that build on it.

    Attributes:
        scale: readings along an axis that are averaged into one sample.
        lengths: samples of a unit along an axis, finest level first.
    """

    scale: int
    lengths: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Readings along an axis that one unit of the coarsest level covers."""
        return self.scale * prod(self.lengths)


def chains(levels: Iterable[Window]) -> tuple[Chain | None, ...]:
    """Return for each level, finest first, the chain that it starts; None where it goes on with the one before it.

    The first level reads the raw view of single readings where it gives no scale.
    """
    found: list[Chain | None] = []
    start = 0
    for place, window in enumerate(levels):
        if place == 0 or window.scale is not None:
            start = place
            found.append(Chain(window.scale or 1, (window.length,)))
        else:
            found.append(None)
            chain = found[start]
            assert chain is not None, "a chain starts with its raw view"
            found[start] = Chain(chain.scale, (*chain.lengths, window.length))
    return tuple(found)


def spans(levels: Iterable[Window]) -> tuple[int, ...]:
    """Return how many readings along an axis one sample of each level covers, finest level first."""
    found: list[int] = []
    span = 1
    for window, chain in zip(levels := list(levels), chains(levels), strict=True):
        span = chain.scale if chain is not None else span
        found.append(span)
        span *= window.length
    return tuple(found)


def levels_json(levels: Mapping[str, Window]) -> dict[str, dict[str, int | None]]:
    """Return the levels as a manifest holds them."""
    return {name: {"length": window.length, "scale": window.scale} for name, window in levels.items()}


def read_levels(fields: Fields, known: Sequence[str] | None = None) -> dict[str, Window]:
    """Return the levels that a manifest holds, finest first.

    Args:
        fields: by name.
        known: the levels that the input can be read at, finest first; None where they may have any name.

    Raises:
        BundleError: there is none, or too many, an unknown one, another order, or one is out of bounds.
    """
    names = list(fields)
    if known is not None and (not names or names != [name for name in known if name in names]):
        expected = f"one or more of {', '.join(known)} in this order"
        raise BundleError(f"{fields.where}: expected {expected}; got {names}; make the bundle again")
    if not 1 <= len(names) <= _MOST:
        raise BundleError(f"{fields.where}: expected 1 to {_MOST} levels; got {len(names)}; make the bundle again")
    return {name: _read_window(fields.inner(name), first=name == names[0]) for name in names}


def _read_window(fields: Fields, *, first: bool) -> Window:
    length = fields.whole("length", least=1, most=LONGEST)
    builds = fields.values.get("scale", 0) is None and not first
    return Window(length, None if builds else fields.whole("scale", least=1, most=COARSEST))
