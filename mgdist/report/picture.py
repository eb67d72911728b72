"""The moving picture of a run: its stages, one line each; the trials and the epochs below."""

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mgdist.job.train import TrainSpec
from mgdist.report.follow import Event
from mgdist.report.sentences import pace, plain, point_line, sentence

STAGES = ("data", "search", "train", "evaluate", "convert", "compress", "bundle")
MOST_ROWS = 12
"""Of trials, and of epochs."""
FEWEST_ROWS = 3
BAR = 14
"""Characters."""
MOST_METRICS = 4
"""Columns of the table of epochs, so that it fits into 80 characters."""


class Picture:
    """Stages, trials and epochs, redrawn in place.

    Args:
        folder: of the run.
        console: a terminal.
        train: tells what trials are compared by.
    """

    def __init__(self, folder: Path, console: Console, train: TrainSpec) -> None:
        self._name, self._folder, self._train = folder.parent.name, folder, train
        self._started = time.monotonic()
        self._stages: dict[str, tuple[str, float]] = {}
        self._trials: dict[int, Event] = {}
        self._refused = 0
        self._epochs: list[Event] = []
        self._step: Event | None = None
        self._candidate: Event | None = None
        self._combined: Event | None = None
        self._notes: list[str] = []
        self._ended = False
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> "Picture":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended = True
        self.refresh()
        self._live.__exit__(None, None, None)

    def take(self, event: Event) -> None:
        """Remember what the picture shows."""
        match event:
            case {"event": "stage", "stage": stage, "state": state}:
                self._stages[stage] = (state, event.get("seconds", time.monotonic()))
                self._step = None
            case {"event": "trial", "trial": trial}:
                self._trials[trial] = event
            case {"event": "refused"}:
                self._refused += 1
            case {"event": "epoch"}:
                self._epochs.append(event)
                self._step = None
            case {"event": "step"}:
                self._step = event
            case {"event": "candidate"}:
                self._candidate = event
            case {"event": "ensemble"}:
                self._combined = event
            case _:
                self._notes += [sentence(event)] * bool(sentence(event))

    def refresh(self) -> None:
        """Draw the picture anew."""
        self._live.update(self, refresh=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        parts: list[RenderableType] = [self._head(), self._table_of_stages()]
        parts += [Text(f"  {note}", style="dim", overflow="ellipsis", no_wrap=True) for note in self._notes]
        # What is below a terminal's lower edge cannot be redrawn, so that tables are kept short until the end.
        free = console.height - len(parts) - len(self._shown)
        tables = [table for table in (self._trials, self._epochs) if table]
        rows = MOST_ROWS if self._ended else max(FEWEST_ROWS, free // max(1, len(tables)) - 3)
        if self._trials:
            parts += ["", self._table_of_trials(min(MOST_ROWS, rows))]
        if self._epochs:
            parts += ["", self._table_of_epochs(min(MOST_ROWS, rows))]
        yield Group(*parts)

    @property
    def _shown(self) -> list[str]:
        """The stages that every job has, and behind the one before it each that only this job has."""
        shown, before = list(STAGES), 0
        for stage in self._stages:
            if stage not in shown:
                shown.insert(before, stage)
            before = shown.index(stage) + 1
        return shown

    def _head(self) -> Text:
        seconds = int(time.monotonic() - self._started)
        head = Text.assemble((self._name, "bold"), f"  {seconds // 60}:{seconds % 60:02}  ", (str(self._folder), "dim"))
        head.no_wrap, head.overflow = True, "ellipsis"
        return head

    def _table_of_stages(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2, justify="right")
        table.add_column(min_width=max(map(len, self._shown)))
        table.add_column(justify="right", min_width=8)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for stage in self._shown:
            state, seconds = self._stages.get(stage, ("", 0.0))
            match state:
                case "done":
                    table.add_row("✓", stage, f"{seconds:.1f} s", self._detail(stage), style="green")
                case "kept":
                    table.add_row("✓", stage, "kept", "", style="green")
                case "started":
                    mark = "✗" if self._ended else "▸"
                    waited = time.monotonic() - seconds
                    table.add_row(mark, stage, f"{waited:.0f} s", self._detail(stage), style="bold yellow")
                case _:
                    table.add_row("·", stage, style="dim")
        return table

    def _detail(self, stage: str) -> RenderableType:
        """Return how far a stage is, or what it came to."""
        match stage:
            case "search" if self._trials:
                over = sum(event["state"] != "running" for event in self._trials.values())
                refused = f", {self._refused} points refused before training" if self._refused else ""
                return f"{over}/{next(iter(self._trials.values()))['trials']} trials{refused}"
            case "train" if self._step is not None and not self._ended:
                return self._moving(self._step)
            case "train" if self._epochs:
                return f"{len(self._epochs)}/{self._epochs[-1]['epochs']} epochs"
            case "ensemble" if self._combined is not None:
                return sentence(self._combined).removeprefix("ensemble: ")
            case "compress" if self._candidate is not None:
                return sentence(self._candidate).rpartition(",")[0]
            case _:
                return ""

    def _moving(self, step: Event) -> RenderableType:
        bar = ProgressBar(total=step["steps"], completed=step["step"], width=BAR)
        epochs = f"/{self._epochs[-1]['epochs']}" if self._epochs else ""
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column(width=BAR)
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(f"epoch {step['epoch']}{epochs}", bar, pace(step))
        return row

    def _table_of_trials(self, rows: int) -> Table:
        deployed = any("network" in event for event in self._trials.values())
        table = _table("trial", "state", "epoch", "ships" if deployed else self._train.metric or "quality")
        table.add_column("point", overflow="ellipsis", no_wrap=True)
        sign = 1 if self._train.less_is_better and not deployed else -1
        ranked = sorted(self._trials.values(), key=lambda e: (e.get("metric") is None, sign * (e.get("metric") or 0.0)))
        running = [event for event in ranked if event["state"] == "running"]
        over = [event for event in ranked if event["state"] != "running"]
        best = next(iter(over), None)
        for event in (running + over)[:rows]:
            metric, failed = event.get("metric"), event["state"] == "failed"
            table.add_row(
                f"{event['trial']}/{event['trials']}",
                event["state"],
                str(event.get("epoch") or ""),
                "" if metric is None else f"{metric:.4f}",
                plain(str(event.get("error"))) if failed else point_line(_short(event["point"])),
                style="red" if failed else "green" if event is best else "",
            )
        return table

    def _table_of_epochs(self, rows: int) -> Table:
        metrics = list(self._epochs[-1]["metrics"])[:MOST_METRICS]
        table = _table("epoch", "loss", "valid loss", *(name.replace("_", " ") for name in metrics), "s")
        table.add_column("")
        best = max((place for place, event in enumerate(self._epochs) if event.get("best")), default=None)
        for place, event in list(enumerate(self._epochs))[-rows:]:
            table.add_row(
                f"{event['epoch']}/{event['epochs']}",
                f"{event['loss']:.4f}",
                f"{event['valid_loss']:.4f}",
                *(f"{event['metrics'][name]:.4f}" for name in metrics),
                f"{event['seconds']:.1f}",
                "best" if place == best else "",
                style="green" if place == best else "",
            )
        return table


def _table(*numbers: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold dim", pad_edge=True)
    for name in numbers:
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    return table


def _short(point: dict[str, object]) -> dict[str, object]:
    """Name the fields of a point without their sections, where that tells them apart."""
    names = [path.rpartition(".")[2] for path in point]
    return point if len(set(names)) < len(names) else dict(zip(names, point.values(), strict=True))
