"""What a cross-validation came to: a table of its folds, with mean and standard deviation."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mgdist.evaluate.scores import Heads, metric_name, named, quality
from mgdist.job.folds import folder_of_folds
from mgdist.job.spec import Job
from mgdist.report.markdown import table
from mgdist.report.summary import Summary
from mgdist.runs import reported, write

MODELS = ("baseline", "network", "shipped")
COLUMNS = ("fold", "train", "valid", "test", *MODELS, "MB")
EVIDENCE = "The folds' bundles are evidence of how good such a job is, not for shipping: submit makes what ships."


@dataclass(frozen=True)
class CrossValidation:
    """The results of all folds of a job.

    Attributes:
        job: that was done at each fold.
        folds: what each came to, in their order.
    """

    job: Job
    folds: tuple[Summary, ...]

    @property
    def folder(self) -> Path:
        """Where the runs of the folds lie, and what is written of all."""
        return folder_of_folds(self.job)

    @property
    def report(self) -> Path:
        """The page with the table."""
        return self.folder / "report.md"

    @property
    def meaning(self) -> str:
        """What the columns of the table mean."""
        metric = metric_name(self.folds[0].shipped).replace("_", " ")
        metric = f"mean over the heads of {metric}" if len(self.folds[0].tasks) > 1 else metric
        by = self.job.data.split.by
        return (
            f"baseline, network, shipped: {metric} on the fold's test rows{f', whole groups of {by}' if by else ''}. "
            "train, valid, test: rows. Last line: mean and standard deviation over the folds."
        )


def show(validated: CrossValidation, console: Console) -> None:
    """Print the table of the folds, and where to read more."""
    shown = Table(title=validated.job.name, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        shown.add_column(name, justify="left" if name == "fold" else "right", no_wrap=True)
    *cells, last = rows(validated)
    for row in cells:
        shown.add_row(*row)
    shown.add_row(*last, style="bold green")
    console.print()
    console.print(shown)
    for line in (validated.meaning, EVIDENCE, f"Read more: {validated.report}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def rows(validated: CrossValidation) -> list[list[str]]:
    """Return the cells of the table: a list a fold, then that of the means and deviations."""
    cells = [
        [
            str(fold.fold),
            *(f"{fold.counts[name]:,}" for name in ("train", "valid", "test")),
            *(f"{quality(scores):.4f}" if scores else "" for scores in _compared(fold)),
            f"{fold.chosen.size / 1e6:.2f}",
        ]
        for fold in validated.folds
    ]
    columns = list(zip(*map(_compared, validated.folds), strict=True))
    means = [_spread([quality(scores) for scores in column if scores]) for column in columns]
    size = statistics.fmean(fold.chosen.size / 1e6 for fold in validated.folds)
    return [*cells, ["mean", "", "", "", *means, f"{size:.2f}"]]


def write_folds(validated: CrossValidation) -> None:
    """Write ``folds.json`` and ``report.md`` beside the runs of the folds, each as a whole.

    Raises:
        RunError: the folder cannot be written.
    """
    with reported(validated.folder):
        write(validated.folder / "folds.json", json.dumps(as_json(validated), indent=1))
        write(validated.report, report(validated))


def report(validated: CrossValidation) -> str:
    """Return what the folds came to, in Markdown."""
    metrics = [named(fold.shipped) for fold in validated.folds]
    cells = [[name, _spread([each[name] for each in metrics])] for name in metrics[0]]
    runs = [[str(fold.fold), str(fold.folder.relative_to(validated.folder))] for fold in validated.folds]
    parts = [
        f"# {validated.job.name}: {len(validated.folds)} folds",
        table(COLUMNS, rows(validated)),
        validated.meaning,
        EVIDENCE,
        "## What was shipped, by metric",
        "Mean and standard deviation over the folds, run by the edge runtime.",
        table(["metric", "value"], cells),
        "## Runs",
        table(["fold", "run"], runs),
    ]
    return "\n\n".join(parts) + "\n"


def as_json(validated: CrossValidation) -> dict[str, Any]:
    """Return plain mappings, lists and numbers: each fold, then mean and deviation of each metric of each model."""
    folds: list[dict[str, Any]] = [
        {
            "fold": fold.fold,
            "run": str(fold.folder.relative_to(validated.folder)),
            "rows": dict(fold.counts),
            "method": fold.chosen.method,
            "bytes": fold.chosen.size,
            **{name: named(scores) for name, scores in zip(MODELS, _compared(fold), strict=True)},
        }
        for fold in validated.folds
    ]
    spreads = {
        model: {
            metric: dict(zip(("mean", "deviation"), spread([fold[model][metric] for fold in folds]), strict=True))
            for metric in folds[0][model]
        }
        for model in MODELS
    }
    return {"job": validated.job.name, "folds": folds, **spreads}


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation, of a sample of folds; there is one at least."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _compared(fold: Summary) -> tuple[Heads, Heads, Heads]:
    """Return the scores on the test split of baseline, network and bundle."""
    return fold.baseline[1], fold.network[1], fold.shipped


def _spread(values: Sequence[float]) -> str:
    return "{:.4f} +- {:.4f}".format(*spread(values)) if values else ""
