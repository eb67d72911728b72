"""What a training tells while it runs: to the live view, to TensorBoard, and to whoever listens."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from mgdist.job.train import TrainSpec

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Step:
    """Where training stands; about every second.

    Attributes:
        phase: its name.
        epoch: from 1.
        step: optimizer steps of this epoch done.
        steps: optimizer steps of an epoch.
        done: optimizer steps of the whole training done.
        loss: mean of the first worker since the last such event.
        lr: learning rate of the last step.
        samples_per_second: of all workers, since the last such event.
        seconds_left: until the last epoch's end at this speed, without evaluations.
        waiting: share of the time that the first worker's steps waited for their data, since the last such event.
    """

    phase: str
    epoch: int
    step: int
    steps: int
    done: int
    loss: float
    lr: float
    samples_per_second: float
    seconds_left: float
    waiting: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """One epoch, measured on the validation split.

    Attributes:
        phase: its name.
        epoch: from 1, over all phases.
        epochs: of all phases, at most.
        done: optimizer steps of the whole training done.
        loss: mean training loss of all workers, with dropout and smoothing.
        metrics: measured on the validation split, by name.
        quality: what the task is judged by; higher is better.
        valid_loss: mean loss on the validation split, without smoothing.
        best: nothing better came before in its phase; what an earlier phase came to does not count.
        seconds: for learning and measuring.
        flops: floating-point operations of all workers, of the whole training so far, without measuring.
        losses: mean of all workers for each optimizer step.
        loss_weights: how much the loss of each head counts at its end, where that is learned.
    """

    phase: str
    epoch: int
    epochs: int
    done: int
    loss: float
    metrics: dict[str, float]
    quality: float
    valid_loss: float
    best: bool
    seconds: float
    flops: float
    losses: tuple[float, ...] = field(repr=False)
    loss_weights: dict[str, float] = field(default_factory=dict)

    def metric(self, spec: TrainSpec) -> float:
        """Return the number that a job chooses by."""
        match spec.metric:
            case None:
                return self.quality
            case "loss":
                return self.valid_loss
            case name:
                found = [value for each, value in self.metrics.items() if each.rpartition(".")[2] == name]
                return math.fsum(found) / len(found)


Listener = Callable[[Step | Epoch], None]


def nobody(_: Step | Epoch) -> None:
    """Listen to nothing."""


def better(one: float, other: float, spec: TrainSpec) -> bool:
    """Tell whether one value of a job's metric beats another."""
    return one < other if spec.less_is_better else one > other


class Recorder:
    """Writes events to ``metrics.jsonl``, one JSON line each, and to TensorBoard.

    Args:
        folder: of ``metrics.jsonl``, to which a continued training adds; None for none.
        board: folder of TensorBoard's files.
        also: hears of each event too.
    """

    def __init__(self, folder: Path | None, board: Path, also: Listener = nobody) -> None:
        from tensorboardX import SummaryWriter

        self.path, self.also = folder / METRICS if folder else None, also
        self.board = SummaryWriter(str(board), flush_secs=5)

    def __call__(self, event: Step | Epoch) -> None:
        """Write an event."""
        self.also(event)
        match event:
            case Step():
                told = {"lr": event.lr, "samples_per_second": event.samples_per_second, "waiting": event.waiting}
                self._scalars(event.done, {f"train/{name}": value for name, value in told.items()})
            case Epoch():
                first = event.done - len(event.losses)
                for place, loss in enumerate(event.losses, start=1):
                    self.board.add_scalar("train/loss", loss, first + place)
                valid = {**event.metrics, "loss": event.valid_loss}
                self._scalars(event.done, {f"valid/{name}": value for name, value in valid.items()})
                learned = {f"train/weight_{name}": value for name, value in event.loss_weights.items()}
                self._scalars(event.done, {"train/flops": event.flops, **learned})
                self.board.add_text("train/phase", event.phase, event.done)
            case never:
                assert_never(never)
        kind = "step" if isinstance(event, Step) else "epoch"
        self.tell({"event": kind, **plain(event)})

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Write lines of ``metrics.jsonl``."""
        for event in events:
            if self.path is not None:
                append(self.path, event)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Write out what TensorBoard's writer still holds."""
        self.board.close()


def append(path: Path, event: Mapping[str, Any]) -> None:
    """Add an event to a file of JSON lines. Where it cannot be written, training is worth more than the line."""
    with suppress(OSError), path.open("a") as file:
        file.write(json.dumps(event) + "\n")


def note(kind: str, text: str, **more: Any) -> dict[str, Any]:
    """Return an event that tells people of what did not simply go on, in one line.

    Args:
        kind: for machines: resumed, refused, diverged, memory, storage, lost, hung or planned.
        text: for people.
        more: numbers for machines.
    """
    return {"event": "note", "kind": kind, "text": text, **more}


def plain(event: Step | Epoch) -> dict[str, Any]:
    """Return an event as JSON; without the loss of every step, which TensorBoard has."""
    return {name: _short(value) for name, value in vars(event).items() if name != "losses"}


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value
