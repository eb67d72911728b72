"""The Pareto front of the candidates: quality against size, as a table and as a picture."""

from collections.abc import Iterator, Sequence
from html import escape
from math import log10

from mgdist.compress.budget import SHOWN, Budget
from mgdist.compress.candidate import Candidate
from mgdist.compress.choose import front
from mgdist.compress.needless import Skipped
from mgdist.job.device import size_line

NAME = "front.svg"
WIDTH, HEIGHT, EDGE, NAMES = 560, 320, 60, 220
DOT, CHOSEN, BEATEN, LIMIT = "#1f77b4", "#2ca02c", "#9a9a9a", "#d62728"
COLUMNS = ("model", "quality", "size", "latency on the device", "memory on the device", "on the front", "breaks")


def rows(candidates: Sequence[Candidate], budget: Budget) -> Iterator[list[str]]:
    """Yield a row for each candidate, smallest first."""
    best = front(candidates)
    for each in sorted(candidates, key=lambda candidate: candidate.size):
        costs = budget.on_device(each)
        yield [
            each.name,
            f"{each.quality:.4f}",
            *(SHOWN[name](costs[name]) for name in ("size", "latency", "memory")),
            "yes" if each in best else "",
            ", ".join(budget.excess(each)),
        ]


def skipped_rows(skipped: Sequence[Skipped]) -> Iterator[list[str]]:
    """Yield a row for each candidate that was not scored, smallest first."""
    for each in sorted(skipped, key=lambda one: one.size):
        yield [each.name, "not scored", SHOWN["size"](each.size), "", "", "", each.why]


def picture(candidates: Sequence[Candidate], chosen: Candidate, budget: Budget) -> str:
    """Return an SVG: quality against the logarithm of the size, the front joined, what the budget asks for dashed."""
    least = budget.reference - budget.drop
    low = min(least, *(each.quality for each in candidates))
    high = max(budget.reference, *(each.quality for each in candidates))
    sizes = [log10(each.size) for each in candidates]

    def across(size: int) -> float:
        return EDGE + (log10(size) - min(sizes)) / ((max(sizes) - min(sizes)) or 1.0) * (WIDTH - 2 * EDGE)

    def down(quality: float) -> float:
        return HEIGHT - EDGE - (quality - low) / ((high - low) or 1.0) * (HEIGHT - 2 * EDGE)

    best = front(candidates)
    line = " ".join(f"{across(each.size):.1f},{down(each.quality):.1f}" for each in best)
    parts = [
        f'<text x="{EDGE}" y="24" font-size="14">Quality on the validation split against bytes of the bundle</text>',
        f'<polyline points="{line}" fill="none" stroke="{DOT}" stroke-width="1.3"/>',
        f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{down(least):.1f}" y2="{down(least):.1f}" stroke="{LIMIT}" '
        'stroke-dasharray="4 3"/>',
        f'<text x="{WIDTH - EDGE}" y="{down(least) - 4:.1f}" fill="{LIMIT}" text-anchor="end">budget {least:.4f}'
        "</text>",
        f'<text x="6" y="{down(high) + 4:.1f}">{high:.4f}</text>',
        f'<text x="6" y="{down(low) + 4:.1f}">{low:.4f}</text>',
    ]
    for place, each in enumerate(sorted(candidates, key=lambda candidate: candidate.size), 1):
        colour = CHOSEN if each == chosen else DOT if each in best else BEATEN
        x, y = across(each.size), down(each.quality)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')
        told = escape(f"{place}  {each.name} {size_line(each.size)}" + (" ships" if each == chosen else ""))
        # Numbers at the dots and names beside the plot: names of like sizes would cover each other.
        parts.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" fill="{colour}" text-anchor="middle">{place}</text>')
        parts.append(f'<text x="{WIDTH}" y="{EDGE + 18 * (place - 1) + 4}" fill="{colour}">{told}</text>')
    body = "\n".join(parts)
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + NAMES}" height="{HEIGHT}" font-size="11"'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return f'{opened} font-family="sans-serif">\n{ground}\n{body}\n</svg>\n'
