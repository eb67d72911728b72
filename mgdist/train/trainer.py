"""Ray's trainer, where its ways do not fit: how many workers there is room for, and what starts beside them."""

from typing import Any

import ray
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.execution.scaling_policy import ElasticScalingPolicy

from mgdist.train.cores import for_trainings, of_driver


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


class Trainer(TorchTrainer):  # type: ignore[misc]
    """Ray's trainer, with room for the driver."""

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        if self.scaling_config.elasticity_enabled:
            given["scaling_policy"] = Room(self.scaling_config)
        return super()._initialize_and_run_controller(**given)


class QuickTrainer(Trainer):
    """Starts sooner: without the actors that serve Ray's data sets, clean up after a trial, and ask for more nodes.

    No node is asked for because the workers are made to fit into those that are there. Ctrl-C stays ours: Ray would
    end the process without a word, with exit code 1, and go on doing so after the training.
    """

    SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
    ASKING = ("_send_resource_request", "_maybe_send_resource_request", "_cancel_resource_request")

    def _create_default_callbacks(self) -> list[Any]:
        # Ray's own methods, of the pinned version. Where another one lacks them, all actors start, and nothing breaks.
        callbacks = super()._create_default_callbacks()
        return [callback for callback in callbacks if type(callback).__name__ not in self.SPARE]

    def _register_sigint_handler(self, _: Any) -> None:
        return None

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        for name in () if self.scaling_config.elasticity_enabled else self.ASKING:
            setattr(given["scaling_policy"], name, _nothing)
        return super()._initialize_and_run_controller(**given)


def _nothing() -> None:
    """Do nothing."""
