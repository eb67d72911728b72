"""What a run came to: one table, a few plain sentences, and the commands to go on with."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mgdist.compress.choose import Candidate, excess
from mgdist.evaluate.metrics import Scores
from mgdist.job.spec import Job
from mgdist.report.terminal import point_line


@dataclass(frozen=True)
class Summary:
    """The results of a finished run.

    Attributes:
        job: as it was trained, so at the best point of the search.
        folder: of the run.
        bundle: the file to copy to the device.
        point: what the search chose; empty without a search.
        network: scores of the trained network on (validation, test).
        baseline: scores of the linear baseline on (validation, test).
        shipped: scores of the bundle on the test split, by the edge runtime.
        candidates: all that were measured.
        chosen: the one that ships.
        verdicts: plain words, where the network is no better than chance or the baseline.
        seconds: of each stage.
    """

    job: Job
    folder: Path
    bundle: Path
    point: dict[str, object]
    network: tuple[Scores, Scores]
    baseline: tuple[Scores, Scores]
    shipped: Scores
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    verdicts: tuple[str, ...]
    seconds: dict[str, float]


def show(summary: Summary, console: Console) -> None:
    """Print a summary."""
    console.print()
    console.print(_table(summary))
    told = [
        "valid, test: accuracy. MB: of the file. ms: median from text to label, one thread of this host. "
        "mem: MB at the peak. diff, same: largest difference of a probability from the trained network, and share of "
        "equal labels.",
        f"Ships {summary.chosen.method}: test accuracy {summary.shipped.accuracy:.4f}, macro F1 "
        f"{summary.shipped.macro_f1:.4f}, calibration error {summary.shipped.ece:.4f} "
        f"on {summary.shipped.examples:,} documents, run by the edge runtime.",
        *summary.verdicts,
    ]
    if summary.point:
        told.append(f"Best point of the search: {point_line(summary.point)}")
    told.append("Seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in summary.seconds.items()))
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    commands = [
        ("Try it", f'mgdist-edge predict {summary.bundle} --text "..."'),
        ("Prove it on the device", f"mgdist-edge selftest {summary.bundle}"),
        ("See the curves", f"tensorboard --logdir {summary.folder}"),
    ]
    console.print()
    for name, command in commands:
        console.print(f"{name + ':':<24}{command}", highlight=False, markup=False, soft_wrap=True)


def _table(summary: Summary) -> Table:
    table = Table(title=summary.job.name, title_justify="left", title_style="bold", box=None, padding=(0, 1))
    table.add_column("model", no_wrap=True)
    for name, width in (("valid", 6), ("test", 6), ("MB", 5), ("ms", 5), ("mem", 4), ("diff", 6), ("same", 6)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("", no_wrap=True)
    for name, (valid, test) in (("linear baseline", summary.baseline), ("trained network", summary.network)):
        table.add_row(name, f"{valid.accuracy:.4f}", f"{test.accuracy:.4f}", "", "", "", "", "", "")
    for candidate in summary.candidates:
        table.add_row(*_row(candidate, summary), style="bold green" if candidate == summary.chosen else "")
    return table


def _row(candidate: Candidate, summary: Summary) -> list[str]:
    ships = candidate == summary.chosen
    lacks = excess(
        candidate,
        reference=summary.network[0].accuracy,
        budget=summary.job.compress.max_accuracy_drop,
        device=summary.job.device,
    )
    return [
        candidate.method,
        f"{candidate.accuracy:.4f}",
        f"{summary.shipped.accuracy:.4f}" if ships else "",
        f"{candidate.size / 1e6:.2f}",
        f"{candidate.latency * 1e3:.2f}",
        f"{candidate.memory / 1e6:.0f}",
        f"{candidate.parity.difference:.4f}",
        f"{candidate.parity.equal:.1%}",
        "ships" if ships else "over: " + ", ".join(lacks) if lacks else "",
    ]
