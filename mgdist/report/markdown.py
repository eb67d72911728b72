"""The report of a finished run: one page in Markdown, kept in the run's folder.

Legend: K classes.
"""

from collections.abc import Iterable, Iterator, Sequence

from mgdist.compress.candidate import BYTES, Parity
from mgdist.evaluate.classes import ClassScores
from mgdist.evaluate.scores import consistent
from mgdist.job.device import size_line
from mgdist.report.front import COLUMNS as FRONT
from mgdist.report.front import NAME, picture, skipped_rows
from mgdist.report.front import rows as front_rows
from mgdist.report.sentences import plain, point_line
from mgdist.report.summary import COLUMNS, Summary, commands, rows, sentences
from mgdist.runs import reported, write
from mgdist_edge.tasks import labels_of

IN_FLOAT = (
    "Those that have no weights do between two that compute in integers, since LiteRT keeps what lies between them in "
    "float; those that have weights were left in float, or their weights are expanded first."
)
MOST_CLASSES = 30
"""Of a confusion matrix that a person can still read."""


def write_report(summary: Summary) -> None:
    """Write a run's report into its folder, as a whole.

    Raises:
        RunError: the folder cannot be written.
    """
    with reported(summary.report):
        write(summary.folder / NAME, picture(summary.candidates, summary.chosen, summary.budget))
        write(summary.report, report(summary))


def report(summary: Summary) -> str:
    """Return what a run came to, in Markdown."""
    parts = [
        f"# {summary.job.name}",
        table([name or "note" for name in COLUMNS], rows(summary)),
        summary.meaning,
        *sentences(summary),
        *_ensemble(summary),
        "## Heads",
        f"Of {summary.bundle.name} on the test split, run by the edge runtime.",
        *(part for name in summary.tasks for part in _head(name, summary)),
        *_consistency(summary),
        "## Front",
        *_front(summary),
        "## Parity",
        "Against the trained network. Candidates are compared on the validation split, the bundle on the test split.",
        _parities(summary),
        "## Weights",
        "Share of the weights in each number format.",
        _weights(summary),
        "## Layers",
        *_layers(summary),
        "## Commands",
        *(f"{name}:\n\n    {command}" for name, command in commands(summary).items()),
    ]
    return "\n\n".join(parts) + "\n"


def _ensemble(summary: Summary) -> Iterator[str]:
    """Yield what the members of an ensemble are, and what each way to combine them comes to, head by head."""
    ensemble = summary.ensemble
    if ensemble is None:
        return
    yield "## Ensemble"
    cells = [
        [
            f"trial {member.trial}",
            point_line(member.point),
            *(f"{each[place]:.2f}" for each in ensemble.weights.values()),
        ]
        for place, member in enumerate(ensemble.members)
    ]
    yield table(["member", "point", *(f"weight at {name}" for name in ensemble.weights)], cells)
    for name in summary.tasks:
        first = ensemble.members[0].valid[name]
        metrics = [f"{split} {metric}" for split in ("valid", "test") for metric in first.metrics]
        yield table(
            [f"head {name}", *metrics],
            [
                [row, *(f"{value:.4f}" for heads in scores for value in heads[name].metrics.values())]
                for row, scores in ensemble.rows.items()
            ],
        )


def _front(summary: Summary) -> Iterator[str]:
    """Yield what the candidates cost, and which of them no other one beats."""
    told = f" Latency and memory are told for the device: {summary.budget.told}." if summary.budget.told else ""
    yield f"On the front is what no other candidate beats in quality, size, latency and memory.{told}"
    if summary.skipped:
        yield "What cannot ship was not scored; where it was more exact, it would be on the front too."
    rest = skipped_rows(summary.skipped)
    yield table(FRONT, [*front_rows(summary.candidates, summary.budget), *rest])
    yield f"![Quality against size]({NAME})"


def _layers(summary: Summary) -> Iterator[str]:
    """Yield the size of what ships by part, and what of it computes in float."""
    yield f"Of {summary.chosen.name}, as the file holds them; scales come on top."
    cells = [
        [each.name, each.operator, each.format, f"{each.numbers:,}", size_line(each.numbers * BYTES[each.format])]
        for each in sorted(summary.chosen.layers, key=lambda layer: -layer.numbers * BYTES[layer.format])
    ]
    yield table(["layer", "operator", "format", "numbers", "size"], cells)
    floats = ", ".join(f"{name} {count}" for name, count in summary.chosen.floats.items())
    yield f"Operators that compute in float, over all signatures: {floats or 'none'}. {IN_FLOAT}"


def _head(name: str, summary: Summary) -> Iterator[str]:
    """Yield what was measured of one head."""
    task, scores = summary.tasks[name], summary.shipped[name]
    yield f"### {name}: {task.kind}"
    yield table(["metric", "value"], [[metric, f"{value:.4f}"] for metric, value in scores.metrics.items()])
    if isinstance(scores, ClassScores):
        labels = labels_of(task)
        yield _classes(labels, scores)
        yield _confusion(labels, scores)


def _classes(labels: Sequence[str], scores: ClassScores) -> str:
    found = zip(labels, scores.per_class, strict=True)
    cells = [
        [label, f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}", f"{each.support:,}"]
        for label, each in found
    ]
    return table(["class", "precision", "recall", "F1", "support"], cells)


def _confusion(labels: Sequence[str], scores: ClassScores) -> str:
    if len(labels) > MOST_CLASSES:
        return f"{len(labels)} classes are too many for a table; `bundle/shipped.json` holds the matrix."
    found = zip(labels, scores.confusion, strict=True)
    cells = [[label, *(f"{count:,}" if count else "" for count in counts)] for label, counts in found]
    return "Rows: true class. Columns: predicted class.\n\n" + table(["", *labels], cells)


def _parities(summary: Summary) -> str:
    measured = [(candidate.name, candidate.parity) for candidate in summary.candidates]
    compared: list[tuple[str, Parity]] = [*measured, (summary.bundle.name, summary.parity)]
    cells = [[name, f"{each.difference:.2e}", f"{each.equal:.2%}", f"{each.examples:,}"] for name, each in compared]
    return table(["model", "largest difference of an output", "equal answers", "examples"], cells)


def _consistency(summary: Summary) -> Iterator[str]:
    """Yield how often the answers of coarser heads are those that the finer answers belong to."""
    heads = list(consistent(summary.shipped))
    if not heads:
        return
    yield "## Consistency"
    yield "Share of examples whose answer is the one that the answer of the finer head belongs to."
    measured = [
        *(
            (f"{name}, {split}", consistent(scores))
            for name, pair in (("simple baseline", summary.baseline), ("trained network", summary.network))
            for split, scores in zip(("valid", "test"), pair, strict=True)
        ),
        *((f"{candidate.name}, valid", candidate.consistent) for candidate in summary.candidates),
        (f"{summary.bundle.name}, test", consistent(summary.shipped)),
    ]
    cells = [[name, *(f"{found[head]:.2%}" for head in heads)] for name, found in measured if found]
    yield table(["model", *heads], cells)


def _weights(summary: Summary) -> str:
    formats = sorted({name for candidate in summary.candidates for name in candidate.weights})
    cells = [
        [candidate.name, *(f"{candidate.weights.get(name, 0):.1%}" for name in formats)]
        for candidate in summary.candidates
    ]
    return table(["model", *formats], cells)


def table(names: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, numbers to the right of the first column."""
    marks = [":--", *["--:"] * (len(names) - 1)]
    lines = [map(_cell, names), marks, *(map(_cell, row) for row in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return a text that stays inside of its cell and is shown as it is."""
    return "".join(f"\\{letter}" if letter in "\\|`*_[]<>" else letter for letter in plain(text))
