"""The live view of a run: a moving picture in a terminal, plain lines anywhere else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mgdist.report.follow import Event, Follower

EVERY = 0.25
"""Seconds between two looks at the events."""
STEP_LINE_EVERY = 10.0
"""Seconds between two lines about a step, where lines cannot be overwritten."""
STAGES = ("data", "search", "train", "evaluate", "convert", "compress", "bundle")
TRIALS_SHOWN = 12


@contextmanager
def watching(folder: Path, console: Console) -> Iterator[None]:
    """Show the events of a run while the block works."""
    follower = Follower(folder)
    follower.skip()
    view = Picture(folder.parent.name, console) if console.is_terminal else Lines(console)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            _take(follower, view)

    thread = threading.Thread(target=look, name="view", daemon=True)
    with view:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            _take(follower, view)


def _take(follower: Follower, view: "Picture | Lines") -> None:
    for event in follower.news():
        view.take(event)
    view.refresh()


class Lines:
    """One plain line an event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._next_step = 0.0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def take(self, event: Event) -> None:
        """Print an event; of the many about steps only one now and then."""
        seconds = time.monotonic() - self._started
        if event["event"] == "step":
            if seconds < self._next_step:
                return
            self._next_step = seconds + STEP_LINE_EVERY
        line = sentence(event)
        if line:
            self._console.print(f"{seconds:7.1f} s  {line}", highlight=False, markup=False, soft_wrap=True)

    def refresh(self) -> None:
        """Lines stand as they were printed."""


class Picture:
    """Stages, trials and epochs, redrawn in place."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._stages: dict[str, tuple[str, float]] = {}
        self._trials: dict[int, Event] = {}
        self._epochs: list[Event] = []
        self._step: Event | None = None
        self._notes: list[str] = []
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> "Picture":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._step = None
        self.refresh()
        self._live.__exit__(None, None, None)

    def take(self, event: Event) -> None:
        """Remember what the picture shows."""
        match event["event"]:
            case "stage":
                self._stages[event["stage"]] = (event["state"], event.get("seconds", time.monotonic()))
            case "trial":
                self._trials[event["trial"]] = event
            case "epoch":
                self._epochs.append(event)
            case "step":
                self._step = event
            case _:
                self._notes.append(sentence(event))

    def refresh(self) -> None:
        """Draw the picture anew."""
        self._live.update(self._drawn(), refresh=True)

    def _drawn(self) -> RenderableType:
        parts: list[RenderableType] = [self._line_of_stages()]
        parts += [Text(f"  {note}", style="dim") for note in self._notes if note]
        if self._trials:
            parts.append(self._table_of_trials())
        if self._epochs:
            parts.append(self._table_of_epochs())
        if self._step is not None and self._stages.get("train", ("",))[0] == "started":
            parts.append(Text(f"  {sentence(self._step)}", style="cyan"))
        return Group(*parts)

    def _line_of_stages(self) -> Text:
        line = Text(f"{self._name}  ", style="bold")
        for stage in STAGES:
            state, seconds = self._stages.get(stage, ("", 0.0))
            match state:
                case "done":
                    line.append(f"✓ {stage} {seconds:.1f} s   ", style="green")
                case "kept":
                    line.append(f"✓ {stage} kept   ", style="green")
                case "started":
                    line.append(f"▸ {stage} {time.monotonic() - seconds:.0f} s   ", style="bold yellow")
                case _:
                    line.append(f"· {stage}   ", style="dim")
        return line

    def _table_of_trials(self) -> Table:
        table = Table("trial", "state", "epoch", "metric", "point", box=None, padding=(0, 2), title_justify="left")
        shown = sorted(self._trials.values(), key=lambda e: -(e.get("metric") or -1e9))
        running = [e for e in shown if e["state"] == "running"]
        best = [e for e in shown if e["state"] != "running"][: TRIALS_SHOWN - len(running)]
        for event in running + best:
            metric = event.get("metric")
            table.add_row(
                f"{event['trial']}/{event['trials']}",
                event["state"],
                str(event.get("epoch") or ""),
                "" if metric is None else f"{metric:.4f}",
                point_line(event["point"]),
            )
        return table

    def _table_of_epochs(self) -> Table:
        table = Table("epoch", "loss", "valid loss", "accuracy", "macro F1", "s", "", box=None, padding=(0, 2))
        for event in self._epochs[-TRIALS_SHOWN:]:
            table.add_row(
                f"{event['epoch']}/{event['epochs']}",
                f"{event['loss']:.4f}",
                f"{event['valid_loss']:.4f}",
                f"{event['accuracy']:.4f}",
                f"{event['macro_f1']:.4f}",
                f"{event['seconds']:.1f}",
                "best" if event.get("best") else "",
            )
        return table


def point_line(point: dict[str, object]) -> str:
    """Return a point in few characters: its fields without their sections."""

    def shown(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return "  ".join(f"{path}={shown(value)}" for path, value in point.items())


def sentence(event: Event) -> str:
    """Return an event as one line for people."""
    match event:
        case {"event": "stage", "stage": stage, "state": "started"}:
            return f"{stage} ..."
        case {"event": "stage", "stage": stage, "state": "done", "seconds": seconds}:
            return f"{stage} done in {seconds:.1f} s"
        case {"event": "stage", "stage": stage, "state": "kept"}:
            return f"{stage} kept: nothing that it depends on has changed"
        case {"event": "trial", "trial": trial, "trials": trials, "state": state, "point": point}:
            metric, epoch = event.get("metric"), event.get("epoch")
            told = "" if metric is None else f" {metric:.4f} after epoch {epoch}"
            return f"trial {trial}/{trials} {state}{told}  {point_line(point)}"
        case {"event": "step", "epoch": epoch, "step": step, "steps": steps, "loss": loss}:
            return (
                f"epoch {epoch}  step {step}/{steps}  loss {loss:.4f}  "
                f"{event.get('samples_per_second', 0):,.0f} samples/s  {event.get('seconds_left', 0):.0f} s left"
            )
        case {"event": "epoch", "epoch": epoch, "epochs": epochs}:
            return (
                f"epoch {epoch}/{epochs}  loss {event['loss']:.4f}  valid loss {event['valid_loss']:.4f}  "
                f"accuracy {event['accuracy']:.4f}  macro F1 {event['macro_f1']:.4f}"
                f"{'  best so far' if event.get('best') else ''}"
            )
        case {"event": "candidate"}:
            return (
                f"{event['method']}: accuracy {event['accuracy']:.4f}, {event['size'] / 1e6:.2f} MB, "
                f"{event['latency'] * 1e3:.2f} ms, {event['memory'] / 1e6:.0f} MB memory"
            )
        case {"event": "note", "text": text}:
            return str(text)
        case _:
            return ""
