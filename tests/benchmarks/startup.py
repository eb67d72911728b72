"""Seconds from a command to what the user waits for: the first training step, a plan, a help text.

    python -m tests.benchmarks startup --data FOLDER

`mgdist submit JOB --fresh` is started into an empty folder and ended at its first step. An epoch tells of its steps
after about a second of them; from their number and their speed follows when the first one began. A search tells
when its first trial stands ready, which is when its first step begins.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.setting import ROOT, environment, job_of, mgdist, overrides, parser, table, told

LOOK = 0.01
PATIENCE = 180.0
RIVAL = 14.1
"""Seconds of Ludwig 0.17.10 to its first step, without Ray, measured earlier on this kind of machine."""


@dataclass(frozen=True)
class Start:
    """Seconds from the command on.

    Attributes:
        read: the data is read, split, fitted and cut; Ray starts meanwhile.
        begins: the first training step begins.
        heard: the first event about it is in the file.
    """

    read: float
    begins: float
    heard: float


def main(options: argparse.Namespace) -> None:
    # A shell starts what runs in the background deaf to Ctrl-C, and so would the jobs be that end by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with told():
        rows = [_row(name, options) for name in options.jobs]
        head = [
            "`mgdist submit` to",
            "runs",
            "median s",
            "min s",
            "max s",
            "median s, data ready",
            "median s, first event",
        ]
        table(head, rows)
        print(f"\nLudwig 0.17.10, command to first step, measured earlier on this kind of machine: {RIVAL} s.")
        quick = {"mgdist --help": ["--help"], "mgdist check jobs/doc_cls.yaml": ["check", "jobs/doc_cls.yaml"]}
        news = ROOT / "jobs" / "ag_news.yaml"
        given = [word for override in overrides(news, options.data) for word in ("--set", override)]
        quick["mgdist check jobs/ag_news.yaml"] = ["check", "jobs/ag_news.yaml", *given]
        rows = [[f"`{name}`", *_spread([_wall(words) for _ in range(options.runs)])] for name, words in quick.items()]
        table(["command", "runs", "median s", "min s", "max s"], rows)


def _row(name: str, options: argparse.Namespace) -> list[object]:
    starts = [start(name, options) for _ in range(options.runs)]
    what = "first trial's first step" if job_of(name, options).search else "first step"
    begins = _spread([each.begins for each in starts])
    return [
        f"{what} of jobs/{name}.yaml",
        *begins,
        *(median(getattr(each, name) for each in starts) for name in ("read", "heard")),
    ]


def _spread(seconds: list[float]) -> list[float | int]:
    return [len(seconds), median(seconds), min(seconds), max(seconds)]


def start(name: str, options: argparse.Namespace) -> Start:
    """Submit a job, wait for its first step, and end it."""
    job = ROOT / "jobs" / f"{name}.yaml"
    with tempfile.TemporaryDirectory(prefix="mgdist-startup-") as folder:
        given = overrides(job, options.data, [*options.set, f"run.folder={folder}"])
        command = mgdist("submit", job, "--fresh", *(word for override in given for word in ("--set", override)))
        with (Path(folder) / "said").open("w+") as said:
            begin, date = time.perf_counter(), time.time()
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=said, stderr=said, start_new_session=True
            )
            try:
                event, heard = _first_event(Path(folder), lambda: process.poll() is None)
                read = _read(Path(folder)) - date
            except RuntimeError:
                said.seek(0)
                raise SystemExit(f"{' '.join(command)}: no step came; it said:\n{said.read()}") from None
            finally:
                end(process)
    batch = job_of(name, options).train.batch_size
    stepped = event["step"] * batch / event["samples_per_second"] if event["event"] == "step" else 0.0
    return Start(read, heard - begin - stepped, heard - begin)


def _first_event(folder: Path, alive: Callable[[], bool]) -> tuple[dict[str, float | str], float]:
    """Return the first line about a step or a trial, and when it was seen."""
    until = time.perf_counter() + PATIENCE
    while alive() and time.perf_counter() < until:
        for path in folder.glob("*/*T*/*/metrics.jsonl"):
            line = path.open().readline()
            if line.endswith("\n"):
                return json.loads(line), time.perf_counter()
        time.sleep(LOOK)
    raise RuntimeError("no event")


def _read(folder: Path) -> float:
    """Return the time of day when the data was ready."""
    (path,) = folder.glob("*/*T*/events.jsonl")
    events = map(json.loads, path.read_text().splitlines())
    return next(float(each["time"]) for each in events if each.get("stage") == "data" and each["state"] == "done")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a submitted job as Ctrl-C does, so that its Ray ends too; the hard way where that takes too long."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wall(words: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(mgdist(*words), cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--jobs", nargs="+", default=["ag_news", "doc_cls"])
    main(options.parse_args())
