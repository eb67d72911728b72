"""MLflow, where a job names a tracking server in ``run.mlflow``: its runs, trials, curves and what ships.

A run of the job is a run of MLflow, in the experiment of the job's name; a trial of the search is a run nested in it.
What was told is written down in the run's folder, so that a killed run that goes on is still one run there.
"""

import json
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mgdist.errors import JobError, named_line
from mgdist.evaluate.scores import named, quality
from mgdist.job.export import Asked
from mgdist.job.point import as_document
from mgdist.report.follow import Event, Follower
from mgdist.report.summary import Summary
from mgdist.runs import JOB, Run, versions, write
from mgdist.storage import Storage

FILE = "mlflow.json"
EVERY = 2.0
"""Seconds between two looks at the events."""
AWAY = 60.0
"""Seconds that the server may be away when all is done, until what it was not told stays untold."""
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # What is not taken at once is told again with the next events: the library need not try for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
MANY, LONGEST = 100, 500
"""Parameters of one request, and characters of one value, that every server takes."""
ENDS = {"done": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
"""How a trial has ended, in MLflow's words; ASHA's stopping one is no failure."""


@contextmanager
def tracked(run: Run[Any]) -> Iterator[Callable[[Summary], None]]:
    """Tell MLflow of a run while the block works, if its job asks for that; give what tells the results.

    Raises:
        JobError: the server cannot be reached, or does not let us in.
    """
    if run.job.run.mlflow is None:
        yield lambda summary: None
        return
    tracking = Tracking(run, run.job.run.mlflow)
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            tracking.tell()

    thread = threading.Thread(target=look, name="mlflow", daemon=True)
    thread.start()
    status = "KILLED"  # unless it ends otherwise
    try:
        yield tracking.summed_up
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        over.set()
        thread.join()
        tracking.end(status)


class Tracking:
    """What MLflow was told of a run, and what it is still to be told.

    Args:
        run: that is worked on.
        address: of the tracking server.

    Raises:
        JobError: the server cannot be reached, or does not let us in.
    """

    def __init__(self, run: Run[Any], address: str) -> None:
        self.run, self.address = run, address
        self.client = _client(address)
        self.follower = Follower(Storage.at(str(run.folder)))
        self.waiting: list[Event] = []
        path = run.folder / FILE
        told = json.loads(path.read_text()) if path.is_file() else {}
        try:
            self.id = str(told.get("run") or self._begun(run.job))
            self.client.update_run(self.id, status="RUNNING")
        except Exception as error:
            raise JobError(
                f"run.mlflow: {address}: {named_line(error)}; start a server there with `mlflow server`, see to "
                "MLFLOW_TRACKING_TOKEN where it wants one, or leave run.mlflow out"
            ) from error
        self.steps: dict[str, int] = told.get("steps", {})
        self.trials: dict[str, str] = told.get("trials", {})
        self.ended: list[str] = told.get("ended", [])
        self._note()

    def tell(self) -> str:
        """Tell of what has happened since the last time; return what went wrong, nothing where it was taken."""
        self.waiting.extend(self.follower.news())
        before = len(self.waiting)
        try:
            while self.waiting:
                self._take(self.waiting[0])
                self.waiting.pop(0)
        except Exception as error:  # noqa: BLE001 - a server that is away must not end a training
            return named_line(error)
        finally:
            if len(self.waiting) < before:
                self._note()
        return ""

    def summed_up(self, summary: Summary) -> None:
        """Tell what a run came to, and keep its bundle, its report and its job there."""
        parameters = {f"best.{path}": value for path, value in summary.point.items()}
        files = [summary.bundle, summary.report, summary.folder / JOB]
        self._surely(lambda: self._results(_results(summary), parameters, summary.chosen.name, files))

    def end(self, status: str) -> None:
        """Tell how a run has ended."""
        self._surely(lambda: self.client.set_terminated(self.id, status))

    def _surely(self, work: Callable[[], object]) -> None:
        """Tell all, and then some more; wait for a server that is away, but not for ever."""
        until = time.monotonic() + AWAY
        while True:
            wrong = self.tell()
            try:
                if not wrong:
                    work()
                    return
            except Exception as error:  # noqa: BLE001 - as above
                wrong = named_line(error)
            if time.monotonic() > until:
                self.run.event("note", kind="untold", text=f"run.mlflow: {self.address} was not told all: {wrong}")
                return
            time.sleep(EVERY)

    def _begun(self, job: Asked) -> str:
        """Begin a run there, and return its id."""
        found = self.client.get_experiment_by_name(job.name)
        experiment = self.client.create_experiment(job.name) if found is None else found.experiment_id
        tags = {"mgdist.run": self.run.address, **{f"version.{name}": each for name, each in versions().items()}}
        begun = self.client.create_run(experiment, tags=tags, run_name=self.run.folder.name)
        document = as_document(job)
        del document["run"]
        self._parameters(begun.info.run_id, dict(_flat(document)))
        return str(begun.info.run_id)

    def _parameters(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        told = [Param(_name(name), _text(value)[:LONGEST]) for name, value in values.items()]
        for start in range(0, len(told), MANY):
            self.client.log_batch(run, params=told[start : start + MANY])

    def _metrics(self, run: str, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        self.client.log_batch(run, metrics=[Metric(_name(name), each, now, step) for name, each in values.items()])

    def _results(self, values: Mapping[str, float], point: Mapping[str, Any], ships: str, files: list[Path]) -> None:
        self._metrics(self.id, values, 0)
        self._parameters(self.id, point)
        self.client.set_tag(self.id, "mgdist.ships", ships)
        for path in files:
            self.client.log_artifact(self.id, str(path))

    def _take(self, event: Event) -> None:
        match event:
            case {"event": "step", "done": done}:
                names = ("loss", "lr", "samples_per_second", "waiting")
                self._curve(event, done - 1, {f"train/{name}": event[name] for name in names})
            case {"event": "epoch", "done": done}:
                valid = {f"valid/{name}": value for name, value in event["metrics"].items()}
                learned = {f"train/weight_{name}": value for name, value in event["loss_weights"].items()}
                more = {"valid/loss": event["valid_loss"], "train/flops": event["flops"]}
                self._curve(event, done, {**valid, **learned, **more})
            case {"event": "trial"}:
                self._trial(event)

    def _curve(self, event: Event, step: int, values: Mapping[str, float]) -> None:
        """Tell of a point of the curves of a stage, unless that was told before this process."""
        stage = event["stage"]
        before = "" if stage == "train" else f"{stage}/"
        if step <= self.steps.get(stage, -1):
            return
        self._metrics(self.id, {f"{before}{name}": value for name, value in values.items()}, step)
        self.steps[stage] = step

    def _trial(self, event: Event) -> None:
        number = str(event["trial"])
        if number in self.ended:
            return
        if number not in self.trials:
            parent = {"mlflow.parentRunId": self.id, "mgdist.trial": number}
            experiment = self.client.get_run(self.id).info.experiment_id
            begun = self.client.create_run(experiment, tags=parent, run_name=f"trial {number}")
            self.trials[number] = begun.info.run_id
            self._parameters(begun.info.run_id, event["point"])
        if event["state"] in ENDS:
            values = {name: event.get(name) for name in ("metric", "network", "size", "seconds", "epoch")}
            self._metrics(self.trials[number], {name: each for name, each in values.items() if each is not None}, 0)
            if event["error"]:
                self.client.set_tag(self.trials[number], "mgdist.error", event["error"][:LONGEST])
            self.client.set_terminated(self.trials[number], ENDS[event["state"]])
            self.ended.append(number)

    def _note(self) -> None:
        told = {"run": self.id, "steps": self.steps, "trials": self.trials, "ended": self.ended}
        write(self.run.folder / FILE, json.dumps(told))


def _client(address: str) -> Any:
    os.environ.update(SETTINGS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient
    except ImportError as error:
        raise JobError(
            "run.mlflow: expected the package mlflow-skinny here; install mgdist[mlflow], or leave run.mlflow out"
        ) from error
    return MlflowClient(tracking_uri=address)


def _results(summary: Summary) -> dict[str, float]:
    """Return what is worth comparing between runs."""
    chosen = summary.chosen
    found = {f"test/{name}": value for name, value in named(summary.shipped).items()}
    beside = {"network": summary.network[1], "baseline": summary.baseline[1]}
    found |= {f"test/{name}_quality": quality(scores) for name, scores in beside.items() if scores}
    costs = {"bytes": chosen.size, "latency_seconds": chosen.latency, "memory_bytes": chosen.memory}
    found |= {f"ships/{name}": float(value) for name, value in costs.items()}
    return found | {f"seconds/{stage}": value for stage, value in summary.seconds.items()}


def _flat(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _name(text: str) -> str:
    """Return a name that MLflow takes."""
    return re.sub(r"[^\w\-./ ]", "_", text)
