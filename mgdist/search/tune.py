"""The search on Ray Tune: Optuna's TPE proposes points, ASHA ends weak trials early.

A trial is the job at a point. One-worker trials share a few long-lived processes, which start once; a
trial of several workers starts a training on Ray of its own.

With ``search.objective: deployed`` Optuna is told the quality of what would ship of a trial, and never meets a trial
whose untrained network breaks the device's limits: such points are refused as soon as they are proposed, and told to
it as infeasible. ASHA compares networks while they are trained, by ``train.metric`` at the same epoch; a trial that it
ends has nothing that would ship, and ranks behind all that have.
"""

import json
import logging
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from optuna.trial import TrialState
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from mgdist.data.dataset import Dataset
from mgdist.errors import MgdistError
from mgdist.job.phases import phases
from mgdist.job.point import Point, at_point
from mgdist.job.search import SearchSpec
from mgdist.job.spec import Job
from mgdist.search.deployed import deployed
from mgdist.search.fits import Gate, Verdict
from mgdist.search.halfway import followed, leave, place_of
from mgdist.search.members import prune, weights_of
from mgdist.search.results import SEARCHED, Searched, ranked, read, read_refused
from mgdist.search.space import distributions, point
from mgdist.train import checkpoint, launch
from mgdist.train.events import METRICS
from mgdist.train.gauges import Gauges, TrialGauge
from mgdist.train.prepare import prepare, threads
from mgdist.train.progress import Progress
from mgdist.train.reach import Reach, own_address, reach_of
from mgdist.train.trainer import kind, patient, share

STATE, MEASURED = "tune", "measured"
REFUSALS = 10
"""Points that may be refused for each that is to be trained, before a search ends."""
QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # we write our own
    "TUNE_GLOBAL_CHECKPOINT_S": "1",  # a search that is killed loses a second, not the default of ten and more
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # or Ctrl-C would be a search without results
}


def search(job: Job, dataset: Path, folder: Path, teacher: Path | None = None) -> Searched:
    """Search for the best point of a job on the connected Ray; go on where an earlier call was killed.

    Leaves ``metrics.jsonl`` and ``tensorboard/trial_K/`` in the folder, the weights of the best trials in ``members/``
    where the job asks for an ensemble, and ``search.json`` last.

    Args:
        job: with a search.
        dataset: folder of the prepared data set.
        folder: of this search, on this node.
        teacher: folder of a teacher's answers, from which the trials learn too; None for none.

    Raises:
        SearchError: no trial came to an end.
    """
    assert job.search is not None, "the job asks for a search"
    folder, dataset = folder.resolve(), dataset.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SEARCHED).is_file():
        with _hushed(), patient(folder):
            _tuner(job, job.search, dataset, folder, teacher and teacher.resolve()).fit()
        trials = read(folder / METRICS)
        if job.search.ensemble is not None:
            prune(folder, trials, job, job.search.ensemble)
        ranked(trials, job, *read_refused(folder / METRICS)).save(folder)
    return Searched.open(folder)


def _tuner(job: Job, spec: SearchSpec, dataset: Path, folder: Path, teacher: Path | None) -> tune.Tuner:
    trainable = _trainable(job, spec, dataset, folder, teacher)
    if tune.Tuner.can_restore(str(folder / STATE)):
        return tune.Tuner.restore(str(folder / STATE), trainable)
    mode = "min" if job.train.less_is_better else "max"
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            num_samples=spec.trials,
            max_concurrent_trials=spec.concurrent,
            time_budget_s=spec.time,
            search_alg=_proposing(job, spec, mode, dataset, folder),
            scheduler=_scheduler(job, spec, mode),
            reuse_actors=job.train.most_workers == 1,  # one that waits for workers cannot be given another trial
            trial_name_creator=_name,
        ),
        run_config=tune.RunConfig(
            name=STATE,
            storage_path=str(folder),
            callbacks=[_Follower(job, spec, folder)],
            # Trials keep checkpoints of their own, which do not pass through Tune: a kill leaves them whole.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )


def _proposing(job: Job, spec: SearchSpec, mode: str, dataset: Path, folder: Path) -> OptunaSearch:
    if job.searches_deployed:
        return _Deployable(spec, Gate(job, dataset, folder), folder / METRICS, job.seed)
    return OptunaSearch(distributions(spec.space), metric="best", mode=mode, seed=job.seed)


class _Deployable(OptunaSearch):  # type: ignore[misc]
    """Proposes only points whose untrained network keeps the device's limits, and learns what would ship of trials.

    To TPE a refused point is infeasible, by as much as it breaks the limits: any that fits is better.
    """

    def __init__(self, spec: SearchSpec, gate: Gate, path: Path, seed: int) -> None:
        super().__init__(distributions(spec.space), metric="best", mode="max", seed=seed)
        self.spec, self.gate, self.path, self.refused = spec, gate, path, 0

    def suggest(self, trial_id: str) -> Any:
        while self.refused < REFUSALS * self.spec.trials:
            started, sample = time.monotonic(), super().suggest(trial_id)
            where = point(sample, self.spec.space)
            verdict = self.gate.verdict(where)
            seconds = round(time.monotonic() - started, 3)
            if not verdict.why:
                self._tell("accepted", point=where, seconds=seconds)
                return sample
            self._refuse(trial_id, where, verdict, seconds)
        return Searcher.FINISHED

    def _refuse(self, trial_id: str, where: Point, verdict: Verdict, seconds: float) -> None:
        asked = self._ot_trials.pop(trial_id)
        asked.set_constraint("device", verdict.excess)
        self._ot_study.tell(asked, state=TrialState.PRUNED)
        self.refused += 1
        self._tell("refused", number=self.refused, point=where, why=verdict.why, seconds=seconds)

    def _tell(self, event: str, **told: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"event": event, **told}) + "\n")

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        # Without a value it was ended early, or nothing of it may ship: for TPE it then stands behind all others.
        worth = (result or {}).get("deployed")
        super().on_trial_complete(trial_id, None if worth is None else {"best": worth}, error)


def _scheduler(job: Job, spec: SearchSpec, mode: str) -> TrialScheduler:
    if spec.asha is None:
        return FIFOScheduler()
    # Only the last phase tells how good a trial is: no one ends before it.
    before = sum(phase.epochs for phase in phases(job)[:-1])
    longest = _epochs(job, spec)
    return ASHAScheduler(
        time_attr="epoch",
        metric="best",
        mode=mode,
        max_t=before + longest,
        grace_period=before + min(spec.asha.grace, longest),
        reduction_factor=spec.asha.reduction,
    )


def _trainable(job: Job, spec: SearchSpec, dataset: Path, folder: Path, teacher: Path | None) -> Any:
    given = {"job": job, "dataset": dataset, "folder": folder, "teacher": teacher}
    if job.train.most_workers > 1:
        # The trial itself only waits, where the search's folder is. It counts as no core, or its workers would find
        # none; but a trial that asks for nothing at all is refused by Tune.
        waiting = {"cpu": 0, f"node:{own_address()}": 0.001}
        return tune.with_resources(partial(_attempt_with_workers, given), waiting)
    reach = reach_of(folder, kind(job.train))
    return tune.with_resources(tune.with_parameters(_Attempt, **given, reach=reach), share(job.train, spec.concurrent))


def _epochs(job: Job, spec: SearchSpec) -> int:
    return min(job.train.epochs, spec.epochs or job.train.epochs)


def trial_job(job: Job, where: Point) -> Job:
    """Return the job at a point, as long as a trial is.

    Raises:
        JobError: there is no job at that point.
    """
    assert job.search is not None
    moved = at_point(job, where)
    limits: dict[str, Any] = {"train.epochs": _epochs(moved, job.search), "search": None}
    if moved.train.distil is not None and moved.train.distil.of_ensemble:
        limits["train.distil"] = None  # of which the trials are the members
    if moved.train.most_workers == 1:
        limits["train.engine"] = {"kind": "torch"}  # in a process that has no process group
    return at_point(moved, limits)


class _Attempt(tune.Trainable):  # type: ignore[misc]
    """A one-worker trial; the next one takes over its process."""

    def setup(
        self, config: Mapping[str, Any], job: Job, dataset: Path, folder: Path, teacher: Path | None, reach: Reach
    ) -> None:
        self.job, self.folder, self.reach = job, folder, reach
        self.dataset = Dataset.open(reach.bring(dataset), teacher and reach.bring(teacher))
        self.cores = int(self.trial_resources.required_resources.get("CPU", 1))
        self._begin(config)

    def reset_config(self, new_config: Mapping[str, Any]) -> bool:
        self.cleanup()
        self._begin(new_config)
        return True

    def _begin(self, config: Mapping[str, Any]) -> None:
        self.gauges = Gauges(self.job.name, self.reach.run, self.folder, self.trial_name)
        self.recorder = self.reach.recorder(None, self.folder / "tensorboard" / self.trial_name, self.gauges)
        self.epochs = self._run(config)

    def step(self) -> dict[str, Any]:
        try:
            return next(self.epochs)
        except MgdistError as error:
            # As a result, not as an exception: that would cost the process, and the next trial a new one.
            return {"best": math.nan, "epoch": 0, "error": str(error), "done": True}

    def _run(self, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        assert self.job.search is not None
        where = point(config, self.job.search.space)
        here = self.reach.scratch(self.folder)
        job, place = trial_job(self.job, where), place_of(here, self.trial_name, where)
        training = prepare(job, self.dataset, self.recorder)
        torch.set_num_threads(threads(training.network, self.cores))
        for progress in followed(training, place):
            over = training.is_over(progress)
            if self.job.search.ensemble is not None:
                checkpoint.save_best(weights_of(self.folder, number(self.trial_name)), progress, self.reach.write)
            worth = _worth(self.job, job, self.dataset, progress, here) if over else {}
            yield {**launch.numbers(job, progress), **worth, "over": over, "done": over}

    def cleanup(self) -> None:
        self.recorder.close()
        self.gauges.close()


def _worth(job: Job, trial: Job, dataset: Dataset, progress: Progress, folder: Path) -> dict[str, float | int | str]:
    """Return what would ship of a finished trial, if trials are compared by that; or why nothing would."""
    if not job.searches_deployed:
        return {}
    try:
        ships = deployed(trial, dataset, progress.weights, folder / MEASURED)
    except MgdistError as error:
        return {"error": str(error)}
    return {"deployed": ships.quality, "ships": ships.method, "size": ships.size}


def _attempt_with_workers(given: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Follow a training of several workers; its reports become the trial's."""
    job, folder = given["job"], given["folder"]
    name = tune.get_context().get_trial_name()
    where = point(config, job.search.space)
    moved, place = trial_job(job, where), place_of(folder, name, where)
    board = folder / "tensorboard" / name
    moved = launch.begun(moved, given["dataset"], place).of(moved)
    result = launch.fit(
        moved,
        given["dataset"],
        place,
        board,
        given["teacher"],
        callbacks=[_AllButLast()],
        best=weights_of(folder, number(name)) if job.search.ensemble else None,
    )
    # A training that was finished before a restart has nothing left to report but its end.
    progress = checkpoint.read(Path(result.checkpoint.path))
    worth = _worth(job, moved, Dataset.open(given["dataset"]), progress, folder)
    tune.report({**launch.numbers(moved, progress), **worth, "over": True})


class _AllButLast(TuneReportCallback):  # type: ignore[misc]
    """Leaves the last epoch to the trial: told of it, ASHA would end the trial before it is known what would ship."""

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        if metrics[0]["whole"] and not metrics[0]["over"]:
            super().after_report(run_context, metrics, checkpoint)


class _Follower(tune.Callback):  # type: ignore[misc]
    """Writes what becomes of the trials to ``metrics.jsonl``, whose last line of each trial is what holds.

    Of an ensemble it keeps the weights of the best only, so that many trials do not fill the disk.
    """

    def __init__(self, job: Job, spec: SearchSpec, folder: Path) -> None:
        self.job, self.spec, self.folder, self.path = job, spec, folder, folder / METRICS

    def setup(self, *given: Any, **info: Any) -> None:
        # Not before: Tune pickles its callbacks, to go on with them.
        before = read(self.path) if self.path.is_file() else ()
        self.count = TrialGauge(self.job.name, self.folder, {trial.number: trial.state for trial in before})

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        self.count.close()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._write(trial, "running")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        self._write(trial, "running", result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        result = trial.last_result or {}
        state = "failed" if "error" in result else "done" if result.get("over") else "stopped"
        self._write(trial, state, result, result.get("error"))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._write(trial, "failed", trial.last_result or {}, _said(trial))

    def _write(self, trial: Any, state: str, result: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        result = result or {}
        best = result.get("best", math.nan)
        network = None if math.isnan(best) else best
        event = {
            "event": "trial",
            "trial": number(str(trial)),
            "trials": self.spec.trials,
            "point": point(trial.config, self.spec.space),
            "state": state,
            "metric": result.get("deployed") if self.job.searches_deployed else network,
            "epoch": result.get("epoch", 0),
            "seconds": round(result.get("time_total_s", 0.0), 3),
            "error": error,
        }
        if self.job.searches_deployed:
            event |= {"network": network, "ships": result.get("ships"), "size": result.get("size")}
        self.count(event["trial"], state)
        with self.path.open("a") as file:
            file.write(json.dumps(event) + "\n")
        if state != "running":
            leave(self.folder, str(trial))
        if self.spec.ensemble is not None and state != "running":
            prune(self.folder, read(self.path), self.job, self.spec.ensemble)


def _name(trial: Any) -> str:
    """Name a trial after its place in the search, with which Tune's tag of it begins."""
    return f"trial_{trial.experiment_tag.partition('_')[0]}"


def number(name: str) -> int:
    """Return the number of a trial, from 1."""
    return int(name.removeprefix("trial_"))


def _said(trial: Any) -> str:
    """Return in one line why a trial failed: the last of what Tune wrote down, without the exception's name."""
    file = Path(trial.error_file or "")
    lines = file.read_text().strip().splitlines() if file.is_file() else []
    return re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1].strip()) if lines else "its process was lost"


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Tune's log from the terminal; failed trials are told about in the results."""
    os.environ.update(QUIET)
    logs = {logging.getLogger("ray.tune"): logging.CRITICAL, logging.getLogger("optuna"): logging.WARNING}
    before = {log: log.level for log in logs}
    for log, level in logs.items():
        log.setLevel(level)
    try:
        yield
    finally:
        for log, level in before.items():
            log.setLevel(level)
