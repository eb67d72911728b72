"""Ray's trainer, where its ways do not fit: how many workers there is room for, and what starts beside them."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.scaling_policy import ElasticScalingPolicy
from ray.train.v2._internal.execution.worker_group import WorkerGroup

from mgdist.errors import TrainError
from mgdist.job.train import TrainSpec
from mgdist.train.cores import for_trainings, of_driver
from mgdist.train.events import METRICS, append, note

PATIENCE = 15.0
"""Seconds that workers wait for nodes before people are told."""


def scaling(train: TrainSpec) -> ScalingConfig:
    """Return how many workers there are, and what each of them has.

    Raises:
        TrainError: more cores or GPUs are asked for than there are, and none can come.
    """
    found = ray.cluster_resources()
    available, most, fewest = for_trainings(found), train.most_workers, train.fewest_workers
    _require_cores(train, fewest)
    # Less than a core each where there are too few: slow, but not waiting for ever. Where there is none at all, as on
    # the head of a cluster whose nodes come when work asks for them, the workers have to ask.
    cores = train.cores or (min(1.0, available["CPU"] / fewest) if found.get("CPU") else 1.0)
    return ScalingConfig(
        num_workers=most if most == fewest else (fewest, most),
        use_gpu=accelerated(train),
        resources_per_worker={"CPU": float(cores)},
    )


def accelerated(train: TrainSpec) -> bool:
    """Tell whether each worker has a GPU.

    Raises:
        TrainError: GPUs are asked for, and there are none, and none can come.
    """
    there, fewest = ray.cluster_resources().get("GPU", 0), train.fewest_workers
    if train.accelerator == "gpu" and _alone() and there < fewest:
        raise TrainError(
            f"train.accelerator: expected {fewest} GPU(s), one for each worker; this machine has {there:g}; set it to "
            "auto, or submit to a cluster that has them"
        )
    return train.accelerator == "gpu" or (train.accelerator == "auto" and there >= fewest)


def _alone() -> bool:
    """Tell whether Ray is an embedded one, to which no node can come."""
    return os.environ.get("RAY_ADDRESS", "").startswith("127.")


def _require_cores(train: TrainSpec, workers: int) -> None:
    there = for_trainings(ray.cluster_resources())["CPU"]
    if train.cores is not None and _alone() and there < train.cores * workers:
        raise TrainError(
            f"train.cores: expected {train.cores} for each of {workers}; this machine has {there:g}; ask for fewer, or "
            "submit to a cluster that has them"
        )


def kind(train: TrainSpec) -> str:
    """Return what a node must have for a worker: GPU or CPU."""
    return "GPU" if accelerated(train) else "CPU"


def share(train: TrainSpec, concurrent: int) -> dict[str, float]:
    """Return what a trial of one worker has: its share of all cores, as far as one node has so many, and of the GPUs.

    Cores of nodes that are to come are not known: it asks for one.

    Args:
        train: tells whether it has a GPU, and how many cores, if that is stated.
        concurrent: trials at a time.

    Raises:
        TrainError: more cores or GPUs are asked for than there are, and none can come.
    """
    _require_cores(train, 1)
    found = ray.cluster_resources()
    largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    cores = min(for_trainings(found)["CPU"] / concurrent, largest) if found.get("CPU") else 1.0
    asked = {"cpu": float(train.cores or (int(cores) if cores > 1 else cores))}
    if accelerated(train):
        asked["gpu"] = min(1.0, (found.get("GPU") or concurrent) / concurrent)
    return {name: count for name, count in asked.items() if count}


@contextmanager
def patient(folder: Path) -> Iterator[None]:
    """Tell in the events of a folder, once, where all that the block starts waits for nodes."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(folder, over), name="waiting for nodes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(folder: Path, over: threading.Event) -> None:
    job, since = ray.get_runtime_context().get_job_id(), time.monotonic()
    while not over.wait(PATIENCE / 5):
        groups = [each for name, each in ray.util.placement_group_table().items() if name.endswith(job)]
        waiting = [each for each in groups if each["state"] == "PENDING"]
        if not waiting or any(each["state"] == "CREATED" for each in groups):
            since = time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            asked = [_counted(bundle) for bundle in waiting[0]["bundles"].values()]
            there = _counted({name: ray.cluster_resources().get(name, 0) for name in ("CPU", "GPU")})
            told = f"waits for nodes: {len(asked)} worker(s) with {asked[0]} each; the cluster has {there}"
            append(folder / METRICS, note("waiting", told))
            return


def _counted(resources: dict[str, float]) -> str:
    return ", ".join(f"{count:g} {name}" for name, count in sorted(resources.items()) if ":" not in name)


class Room(ElasticScalingPolicy):  # type: ignore[misc]
    """Elastic scaling that leaves the driver its cores.

    Ray counts the cores of all nodes that are alive. Where one is gone, and another is the driver's, it would wait for
    ever for workers that find no place.

    Args:
        scaling: how many workers there may be.
    """

    def __init__(self, scaling: ScalingConfig) -> None:
        super().__init__(scaling)
        self.driver = of_driver()

    def _count_possible_workers(self, reserved_resources: Any) -> int:
        possible: int = super()._count_possible_workers(reserved_resources)
        needed = self.scaling_config._resources_per_worker_not_none.get("CPU", 0.0)
        if not needed:
            return possible
        left = for_trainings(ray.cluster_resources(), self.driver)["CPU"]
        return min(possible, int(left / needed + 1e-6))


class _Group(WorkerGroup):  # type: ignore[misc]
    """Workers whose controller is no actor."""

    def _init_train_context_on_workers(self, workers: list[Any], sync_actor: Any, given: dict[str, list[Any]]) -> None:
        common = {
            "train_run_context": self._train_run_context,
            "synchronization_actor": sync_actor,
            "storage_context": self._storage_context,
            "worker_callbacks": self._worker_callbacks_to_propagate,
            "controller_actor": None,  # they would ask it for the checkpoints so far, which nobody does
        }
        told = [
            worker.actor.init_train_context.remote(
                distributed_context=worker.distributed_context,
                **common,
                **{name: each[number] for name, each in given.items()},
            )
            for number, worker in enumerate(workers)
        ]
        ray.get(told)
        self._decorate_worker_log_file_paths(workers)


class _Controller(TrainController):  # type: ignore[misc]
    worker_group_cls = _Group


class Trainer(TorchTrainer):  # type: ignore[misc]
    """Ray's trainer, with room for the driver, whose controller works in this process.

    As an actor it would be one process more that imports Ray and torch, for which the workers have to wait. Ctrl-C
    stays ours too: Ray would end the process without a word, with exit code 1, and go on doing so after the training.
    """

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        if self.scaling_config.elasticity_enabled:
            given["scaling_policy"] = Room(self.scaling_config)
        logging.getLogger("ray.train").setLevel(logging.CRITICAL)  # what went wrong is told by the result
        controller = _Controller(**given)
        loop = asyncio.new_event_loop()  # not asyncio.run, which keeps Ctrl-C from what blocks
        try:
            loop.run_until_complete(controller.run())
        finally:
            loop.close()
        return controller.get_result()


class QuickTrainer(Trainer):
    """Starts sooner: without the actors that serve Ray's data sets, clean up after a trial, and ask for more nodes.

    Where nodes are to come, the workers' placement group asks for them by itself.
    """

    SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
    ASKING = ("_send_resource_request", "_maybe_send_resource_request", "_cancel_resource_request")

    def _create_default_callbacks(self) -> list[Any]:
        # Ray's own methods, of the pinned version. Where another one lacks them, all actors start, and nothing breaks.
        callbacks = super()._create_default_callbacks()
        return [callback for callback in callbacks if type(callback).__name__ not in self.SPARE]

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        for name in () if self.scaling_config.elasticity_enabled else self.ASKING:
            setattr(given["scaling_policy"], name, _nothing)
        return super()._initialize_and_run_controller(**given)


def _nothing() -> None:
    """Do nothing."""
