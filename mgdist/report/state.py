"""How a run stands, read from what it left: its events, and signs of life of whoever works on it."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from mgdist.errors import RunError
from mgdist.report.follow import Event, Follower
from mgdist.report.sentences import sentence
from mgdist.runs import ALIVE, JOB, SILENT
from mgdist.storage import Storage, is_remote

How = Literal["waiting", "running", "done", "failed", "stopped", "lost"]


@dataclass(frozen=True)
class Submitted:
    """Where a run was submitted to.

    Attributes:
        address: of the cluster's Jobs API.
        submission: name of the job there.
    """

    address: str
    submission: str


@dataclass(frozen=True)
class State:
    """How a run stands.

    Attributes:
        name: of the job and of the run, with a stroke between.
        place: its folder.
        how: in one word; lost: who worked on it has given no sign of life for a minute.
        sent: the cluster that it was last submitted to; None where it was done at once.
        host: name of the machine that works on it, or worked last.
        pid: process there; 0 where nobody began.
        cwd: folder that the process was started in.
        begun: seconds since 1970 when it was begun or continued last; 0 where nobody began.
        stages: stages done or kept since then -> seconds; 0 of a kept one.
        stage: what is worked on; empty where nothing is.
        last: the newest event, as a line for people.
        error: why it failed; empty where it did not.
    """

    name: str
    place: Storage
    how: How
    sent: Submitted | None = None
    host: str = ""
    pid: int = 0
    cwd: str = ""
    begun: float = 0.0
    stages: tuple[tuple[str, float], ...] = ()
    stage: str = ""
    last: str = ""
    error: str = ""

    @property
    def bundle(self) -> str:
        """Name of the bundle of a finished run."""
        return f"{self.place.path.split('/')[-2]}.tflite"


def find(folder: str, run: str) -> Storage:
    """Return the folder of a run.

    Args:
        folder: that runs are kept in.
        run: ``NAME`` for the newest run of a job, ``NAME/TIME``, or the address of a run's folder: absolute, or from
            here with ``./`` in front.

    Raises:
        RunError: there is no such run.
    """
    if is_remote(run) or run.startswith(("/", "./", "../", "~")):
        direct = _real(Storage.at(run))
        if direct.read(JOB) is None:
            raise RunError(f"{run}: expected the folder of a run, with its {JOB}; found none")
        return direct
    base = Storage.at(folder)
    pattern = run if "/" in run else f"{run}/*T*"
    found = base.glob(f"{pattern}/{JOB}")
    if not found:
        raise RunError(f"{run}: no such run in {folder}; see mgdist runs --folder {folder}")
    return base / found[-1].removesuffix(f"/{JOB}")


def _real(place: Storage) -> Storage:
    """Return the folder itself where a link such as ``latest`` was named."""
    return place if place.local is None else Storage.at(str(place.local.resolve()))


def states(folder: str) -> Iterator[State]:
    """Yield the states of all runs in a folder, by job, the oldest first."""
    base = Storage.at(folder)
    for job in base.glob(f"*/*T*/{JOB}"):
        yield state_of(base / job.removesuffix(f"/{JOB}"))


def state_of(place: Storage) -> State:
    """Return how a run stands."""
    name = "/".join(place.path.split("/")[-2:])
    state = State(name, place, "waiting")
    for event in Follower(place).news():
        state = _after(state, event)
    if state.how == "running" and time.time() - max(_sign(place), state.begun) > SILENT:
        return replace(state, how="lost")
    return state


def _after(state: State, event: Event) -> State:
    match event:
        case {"event": "submitted", "address": address, "submission": submission}:
            return replace(state, how="waiting", sent=Submitted(address, submission), error="")
        case {"event": "run", "state": "started", "host": host, "pid": pid, "cwd": cwd, "time": begun}:
            state = replace(state, how="running", host=host, pid=pid, cwd=cwd, begun=begun)
            return replace(state, stages=(), stage="", last="", error="")
        case {"event": "run", "state": "done" | "failed" | "stopped" as how}:
            return replace(state, how=how, error=event.get("error", ""))
        case {"event": "stage", "stage": stage, "state": "started"}:
            return replace(state, stage=stage, last=sentence(event))
        case {"event": "stage", "stage": stage}:
            done = (*state.stages, (stage, event.get("seconds", 0.0)))
            return replace(state, stages=done, stage="", last=sentence(event))
        case {"event": "step" | "epoch" | "trial"} if not state.stage:  # told by a stage that was done since
            return state
        case _:
            return replace(state, last=sentence(event) or state.last)


def _sign(place: Storage) -> float:
    """Return when somebody last gave a sign of life; 0 where nobody ever did."""
    with suppress(ValueError, KeyError, TypeError):
        told: dict[str, Any] = json.loads(place.read(ALIVE) or b"{}")
        return float(told["time"])
    return 0.0
