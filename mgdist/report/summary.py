"""What a run came to: one table, a few plain sentences, and the commands to go on with."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate, Parity
from mgdist.compress.needless import Skipped
from mgdist.evaluate.combine import FOLDS
from mgdist.evaluate.scores import Heads, consistent, metric_name, named, quality
from mgdist.job.device import size_line
from mgdist.job.export import Asked
from mgdist.job.spec import Job
from mgdist.report.sentences import point_line
from mgdist.search.results import Searched
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Task

if TYPE_CHECKING:  # these bring torch
    from mgdist.export.exits import EarlyExit
    from mgdist.search.ensemble import Ensemble
    from mgdist.search.teacher import Taught
    from mgdist.train.prune import Pruned

COLUMNS = {"model": 15, "valid": 6, "test": 6, "MB": 4, "ms": 4, "mem": 3, "diff": 6, "same": 5, "": 0}
"""Columns of the table, each with the characters that it has at least."""
SHIPS = "ships"
MEANING = (
    "valid, test: {metric}. MB: of the file. ms: median from raw to answer, one thread of this host. "
    "mem: MB at the peak. diff, same: largest difference of an output from the trained network, and share of "
    "equal answers."
)


@dataclass(frozen=True)
class Summary:
    """The results of a finished run.

    Attributes:
        job: as it was trained, so at the best point of the search.
        folder: of the run.
        bundle: the file to copy to the device.
        tasks: what each head answers.
        counts: examples of each split.
        folds: the names of all folds of a cross-validation, of which the test is one; empty without one.
        point: what the search chose; empty without a search.
        network: scores of the trained network on (validation, test), by head.
        baseline: scores of the simple baseline on (validation, test); a head may lack one.
        shipped: scores of the bundle on the test split, by the edge runtime.
        parity: of the bundle against the trained network, on the test split.
        candidates: all that were scored.
        chosen: the one that ships.
        budget: that it had to keep.
        loss_weights: how much the loss of each head counted in the end, where that was learned.
        verdicts: plain words, where the network is no better than chance or the baseline.
        seconds: of each stage.
        taught: the run that was learned from; None for none.
        ensemble: the winners of the search together; None for none.
        pruned: for each step of pruning what it took out, and the scores of what is left on the validation split.
        skipped: candidates that were not scored, since they cannot ship.
        searched: the trials; None without a search.
        exit: what stopping early saves and costs; None where all is always read.
    """

    job: Asked
    folder: Path
    bundle: Path
    tasks: Mapping[str, Task]
    counts: Mapping[str, int]
    folds: tuple[str, ...]
    point: dict[str, object]
    network: tuple[Heads, Heads]
    baseline: tuple[Heads, Heads]
    shipped: Heads
    parity: Parity
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    budget: Budget
    loss_weights: Mapping[str, float]
    verdicts: tuple[str, ...]
    seconds: dict[str, float]
    taught: "Taught | None" = None
    ensemble: "Ensemble | None" = None
    pruned: "tuple[tuple[Pruned, Heads], ...]" = ()
    skipped: tuple[Skipped, ...] = ()
    searched: Searched | None = None
    exit: "EarlyExit | None" = None

    @property
    def fold(self) -> str | None:
        """The name of the fold that is the test split; None without cross-validation."""
        return self.folds[self.job.data.split.fold] if self.folds else None

    @property
    def examples(self) -> int:
        """Examples of the test split; its labelled samples where the first head labels such."""
        return next(iter(self.shipped.values())).examples

    @property
    def meaning(self) -> str:
        """What the columns of the table mean."""
        metric = metric_name(self.shipped).replace("_", " ")
        return MEANING.format(metric=f"mean over the heads of {metric}" if len(self.tasks) > 1 else metric)

    @property
    def report(self) -> Path:
        """The page that tells more."""
        return self.folder / "report.md"


def show(summary: Summary, console: Console) -> None:
    """Print a summary, and where to read more."""
    console.print()
    console.print(_table(summary))
    lines = [
        summary.meaning,
        *sentences(summary),
        "",
        *(f"{name + ':':<24}{line}" for name, line in commands(summary).items()),
    ]
    for line in [*lines, f"{'Read more:':<24}{summary.report}"]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def rows(summary: Summary) -> Iterator[list[str]]:
    """Yield the cells of the table, one list a model; the candidates are the last."""
    beside = {"simple baseline": summary.baseline}
    beside |= {"teacher": (summary.taught.valid, summary.taught.test)} if summary.taught else {}
    beside |= summary.ensemble.rows if summary.ensemble else {}
    for name, (valid, test) in (beside | {"trained network": summary.network}).items():
        if valid:
            yield [name, f"{quality(valid):.4f}", f"{quality(test):.4f}", "", "", "", "", "", ""]
    for number, (_, valid) in enumerate(summary.pruned, 1):
        yield [f"network, pruned {number}", f"{quality(valid):.4f}", "", "", "", "", "", "", ""]
    for candidate in summary.candidates:
        yield _row(candidate, summary)


def sentences(summary: Summary) -> list[str]:
    """Return what there is to say about the results."""
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in named(summary.shipped).items())
    told = [
        f"Ships {summary.chosen.name}: {numbers} on {_counted(summary)}, run by the edge runtime.",
        *summary.verdicts,
        *_skipped(summary),
        *_exit(summary),
    ]
    if summary.budget.told and summary.job.device.max_latency is not None:
        latency = summary.budget.on_device(summary.chosen)["latency"] * 1e3
        told.append(f"On the device {latency:.3g} ms; {summary.budget.told}.")
    for name, share in consistent(summary.shipped).items():
        task, valid = summary.tasks[name], summary.chosen.consistent.get(name)
        assert isinstance(task, Classify), "only such a head stands above another"
        assert task.above is not None, "it stands above another"
        told.append(
            f"Consistent: the answer of {name} is the one above that of {task.above.head} in {share:.1%} of the test "
            f"examples{f', {valid:.1%} of the validation examples' if valid is not None else ''}; of the trained "
            f"network in {consistent(summary.network[1])[name]:.1%} of the test examples."
        )
    if summary.loss_weights:
        shown = ", ".join(f"{name} {weight:.3g}" for name, weight in summary.loss_weights.items())
        told.append(f"Weights of the heads' losses, learned: {shown}.")
    if summary.fold is not None:
        by = f" by {summary.job.data.split.by}" if summary.job.data.split.by else ""
        told.append(
            f"The test split is fold {summary.fold} of {len(summary.folds)}{by}; mgdist evaluate measures all of them."
        )
    told += [*cuts(summary), *_aware(summary)]
    told += lessons(summary)
    if summary.point:
        told.append(f"Best point of the search: {point_line(summary.point)}")
    told += _refused(summary)
    return [*told, "Seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in summary.seconds.items())]


def cuts(summary: Summary) -> Iterator[str]:
    """Yield what each step of pruning took out."""
    for number, (pruned, valid) in enumerate(summary.pruned, 1):
        rows = f", {pruned.rows:,} rows of embeddings among them" if pruned.rows else ""
        yield (
            f"Pruned {number}: of {pruned.before:,} numbers {pruned.before - pruned.after:,} were taken out{rows}; "
            f"{quality(valid):.4f} on valid after fine-tuning; the trained network {quality(summary.network[0]):.4f}."
        )


def _aware(summary: Summary) -> Iterator[str]:
    """Yield what fine-tuning for a format came to, where it was asked for."""
    spec = summary.job.compress.aware
    if spec is None:
        return
    tuned = next((each for each in summary.candidates if each.aware), None)
    if tuned is None:
        yield f"Not fine-tuned for {spec.method}: no network that keeps the budget without it loses too much in it."
        return
    before = next(
        each for each in summary.candidates if (each.method, each.step, each.aware) == (spec.method, tuned.step, False)
    )
    yield f"Fine-tuned for {spec.method}: {tuned.quality:.4f} on valid, {before.quality:.4f} without."


def _exit(summary: Summary) -> Iterator[str]:
    """Yield what stopping early saves and costs, where it was asked for."""
    if summary.exit is not None:
        yield str(summary.exit)
    elif summary.job.compress.exit is not None:
        yield (
            "Early exit: none, since no threshold that saves anything keeps compress.exit.max_accuracy_drop "
            f"({summary.job.compress.exit.max_accuracy_drop:g}) on the validation split; all is read."
        )


def _skipped(summary: Summary) -> Iterator[str]:
    """Yield which candidates were not scored, and why."""
    if summary.skipped:
        told = "; ".join(f"{each.name}, {size_line(each.size)}: {each.why}" for each in summary.skipped)
        yield f"Not scored, since they cannot ship: {told}. compress.every scores them too."


def _refused(summary: Summary) -> Iterator[str]:
    """Yield what was saved by not training what cannot ship."""
    searched = summary.searched
    if searched is None or not isinstance(summary.job, Job) or not summary.job.searches_deployed:
        return
    count, each = len(searched.refused), searched.trial_seconds
    yield (
        f"Search by what would ship: points trained {len(searched.trials)}, refused before training {count}, since "
        f"their untrained networks break the device's limits. At {each:.1f} s a trial that saved about "
        f"{count * each:.0f} s; to look at all points before took {searched.looking:.0f} s."
    )


def lessons(summary: Summary) -> Iterator[str]:
    """Yield what there is to say about an ensemble, and about the teacher of the network."""
    ensemble, distil = summary.ensemble, summary.job.train.distil if isinstance(summary.job, Job) else None
    if ensemble is not None:
        named = ", ".join(str(member.trial) for member in ensemble.members)
        yield (
            f"Ensemble of trials {named}: it does not ship. On valid, weighted and stack answer for each of "
            f"{FOLDS} parts with what they learned from the others."
        )
    if distil is None:
        return
    at = f"weight {distil.weight:g}, temperature {distil.temperature:g}"
    if summary.taught is not None:
        yield f"Learned from {summary.taught.run} ({summary.taught.parameters:,} parameters): {at}."
    elif ensemble is not None:
        yield f"The network, the job as it is written, learned from the {ensemble.combine} of the ensemble: {at}."


def _counted(summary: Summary) -> str:
    """Return what the scores were measured on."""
    if isinstance(next(iter(summary.tasks.values())), Tag):
        return f"{summary.examples:,} labelled samples of the test split"
    return f"{summary.examples:,} test examples"


def commands(summary: Summary) -> dict[str, str]:
    """Return the commands to go on with, by what they are for."""
    bundle, trains = shlex.quote(str(summary.bundle)), isinstance(summary.job, Job)
    return {
        "Try it": f"mgdist-edge predict {bundle} {_example(summary.job)}",
        "Prove it on the device": f"mgdist-edge selftest {bundle}",
    } | ({"See the curves": f"tensorboard --logdir {shlex.quote(str(summary.folder))}"} if trains else {})


def _table(summary: Summary) -> Table:
    table = Table(title=summary.job.name, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name, width in COLUMNS.items():
        # Numbers keep their place; what a candidate lacks takes as many lines as it needs.
        table.add_column(name, justify="right" if 0 < width < 15 else "left", no_wrap=width > 0, min_width=width)
    for cells in rows(summary):
        table.add_row(*cells, style="bold green" if cells[-1] == SHIPS else "")
    return table


def _row(candidate: Candidate, summary: Summary) -> list[str]:
    ships = candidate == summary.chosen
    lacks = summary.budget.excess(candidate)
    return [
        candidate.name,
        f"{candidate.quality:.4f}",
        f"{quality(summary.shipped):.4f}" if ships else "",
        _digits(candidate.size / 1e6),
        _digits(candidate.latency * 1e3),
        f"{candidate.memory / 1e6:.0f}",
        f"{candidate.parity.difference:.4f}",
        f"{candidate.parity.equal:.1%}",
        SHIPS if ships else "over: " + ", ".join(lacks) if lacks else "",
    ]


def _example(job: Asked) -> str:
    """Return how an example is given on the command line."""
    kinds = [spec.kind for spec in job.inputs.values()] if isinstance(job, Job) else ["array"] * len(job.inputs)
    return '--text "..."' if kinds == ["text"] else "--file EXAMPLE" if len(kinds) == 1 else "--file EXAMPLES.jsonl"


def _digits(value: float) -> str:
    """Return a number with three digits, so that columns stay narrow."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"
