"""Runs as tables for people, and as JSON for machines."""

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from mgdist.report.state import State


def show_all(found: Iterable[State], folder: str, console: Console) -> None:
    """Print a row for each run."""
    rows = list(found)
    if not rows:
        console.print(f"{folder}: no runs; mgdist submit JOB makes one", highlight=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "state", "stage", "since", "where"):
        table.add_column(name, no_wrap=name == "run")
    for state in rows:
        table.add_row(state.name, state.how, state.stage, _age(state.begun), _where(state))
    console.print(table)


def show(state: State, console: Console) -> None:
    """Print all that is known of how a run stands."""

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    say(f"{state.name}: {state.how}")
    say(f"folder   {state.place.address}")
    if state.begun:
        say(f"begun    {_age(state.begun)} ago by process {state.pid} of {state.host}")
    if state.sent is not None:
        say(f"cluster  {state.sent.address}, as {state.sent.submission}")
    for stage, seconds in state.stages:
        say(f"  {stage:<12} {f'{seconds:.1f} s' if seconds else 'kept'}")
    if state.how in ("running", "lost") and state.stage:
        say(f"  {state.stage:<12} {'at work' if state.how == 'running' else 'cut off'}")
    if state.error:
        say(f"because: {state.error}")
    elif state.last:
        say(f"last: {state.last}")
    match state.how:
        case "failed" | "stopped" | "lost":
            say(f"mgdist resume {state.place.address} goes on with it: finished stages are kept")
        case "done":
            say(f"mgdist fetch {state.place.address} copies its bundle and reports")


def plain(state: State) -> dict[str, Any]:
    """Return how a run stands as JSON."""
    return {
        "run": state.name,
        "folder": state.place.address,
        "state": state.how,
        "stage": state.stage or None,
        "stages": dict(state.stages),
        "begun": state.begun or None,
        "host": state.host or None,
        "pid": state.pid or None,
        "address": None if state.sent is None else state.sent.address,
        "submission": None if state.sent is None else state.sent.submission,
        "last": state.last or None,
        "error": state.error or None,
    }


def _where(state: State) -> str:
    return state.sent.address if state.sent is not None else state.host


def _age(begun: float) -> str:
    """Return how long ago something was, in the two largest units."""
    if not begun:
        return ""
    minutes, seconds = divmod(max(int(time.time() - begun), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
