"""Grids of samples over an image, and where one cannot be cut without a rest."""

from collections.abc import Mapping
from math import gcd
from typing import NamedTuple

from mgdist_edge.windows import Window


class Grid(NamedTuple):
    """Rows and columns of pixels, samples or units."""

    rows: int
    columns: int

    def __str__(self) -> str:
        return f"{self.rows} x {self.columns}"

    def divided(self, side: int) -> "Grid | None":
        """Return the grid of squares of ``side``; None where there would be a rest."""
        return None if self.rows % side or self.columns % side else Grid(self.rows // side, self.columns // side)

    @property
    def sides(self) -> str:
        """The sides of the squares that divide the grid without a rest, as people list them."""
        shared = gcd(self.rows, self.columns)
        return ", ".join(str(side) for side in range(1, shared + 1) if shared % side == 0)


def divide(size: tuple[int, int], levels: Mapping[str, Window]) -> tuple[dict[str, Grid], list[tuple[str, str]]]:
    """Cut an image into the units of each level.

    Args:
        size: height and width in pixels.
        levels: granularity -> what a unit covers, finest first.

    Returns:
        the grid of units by level, as far as they fit; and each fault: the level's field, and what is wrong with it.
    """
    grids: dict[str, Grid] = {}
    faults: list[tuple[str, str]] = []
    samples: Grid | None = None
    for place, (name, window) in enumerate(levels.items()):
        if place == 0 or window.scale is not None:
            pixels = Grid(*size)
            samples = pixels.divided(window.scale or 1)
            if samples is None:
                faults.append((f"{name}.scale", _fault(window.scale or 1, pixels, "pixels")))
        if samples is None:  # a finer level of the chain is at fault, and was told
            continue
        what, cut = samples, samples.divided(window.length)
        if cut is None:
            faults.append((f"{name}.length", _fault(window.length, what, "samples")))
        else:
            grids[name] = cut
        samples = cut
    return grids, faults


def _fault(side: int, grid: Grid, what: str) -> str:
    return f"{side} does not divide a grid of {grid} {what} without a rest; use one of {grid.sides}"
