"""How the network is trained."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.distil import DistilSpec
from mgdist.job.strategy import JointSpec, Strategy
from mgdist.job.strict import Seconds, Spec, as_tuple

Offload = bool | Literal["parameters"]
Share = Annotated[float, Field(ge=0, lt=1)]


class TorchSpec(Spec):
    """Plain PyTorch; several workers by DistributedDataParallel."""

    kind: Literal["torch"]


class DeepSpeedSpec(Spec):
    """DeepSpeed with ZeRO (Rajbhandari et al., 2020)."""

    kind: Literal["deepspeed"]
    stage: int = Field(1, ge=0, le=3)
    """ZeRO: 0 nothing is sharded, 1 optimizer states, 2 and gradients, 3 and parameters"""
    offload: Offload = False
    """true: the optimizer (stage 1 and above) stays in the memory of the CPU; parameters: those too (stage 3)"""


class AutoSpec(Spec):
    """The first that fits into the memory of the nodes found, fastest first: torch, ZeRO 1 to 3, then offload."""

    kind: Literal["auto"]


class CheckpointSpec(Spec):
    """When a training writes down how far it is; after each epoch it does so anyway."""

    seconds: Annotated[Seconds, Field(gt=0)] | None = 120.0
    """between two checkpoints inside of an epoch, such as 5 min; longer where one takes more than a twentieth of that;
    null: only by steps"""
    steps: int | None = Field(None, ge=1)
    """optimizer steps of an epoch between two checkpoints; null: only by time"""


class WorkersSpec(Spec):
    """As many workers as the nodes found have room for; lost ones are done without, and taken back when they return."""

    min: int = Field(1, ge=1, le=1024)
    """fewer are waited for"""
    max: int = Field(ge=1, le=1024)
    """more are not used"""


class MixupSpec(Spec):
    """Learn from examples between two examples (Zhang et al., 2018)."""

    alpha: float = Field(0.2, gt=0, le=10)
    """of the Beta(alpha, alpha) that the share of each example is drawn from; larger mixes more evenly"""
    at: Literal["fused", "samples"] = "fused"
    """what is mixed: the fused vectors (Verma et al., "Manifold Mixup", 2019), or the samples of images and of series
    of one length"""


class PlateauSpec(Spec):
    """How the rate falls with the schedule plateau."""

    factor: float = Field(0.5, gt=0, lt=1)
    """of the rate, each time it falls"""
    patience: int = Field(1, ge=0)
    """epochs without a better metric that are waited for before it falls"""


Metric = Literal["accuracy", "macro_f1", "auc", "micro_f1", "subset_accuracy", "r2", "mse", "mae", "pinball", "loss"]
LESS_IS_BETTER: tuple[Metric, ...] = ("mse", "mae", "pinball", "loss")

Engine = Annotated[TorchSpec | DeepSpeedSpec | AutoSpec, Field(discriminator="kind")]


class TrainSpec(Spec):
    """One training: length, optimizer (AdamW), schedule, stopping, and the workers that share it."""

    epochs: int = Field(5, ge=1, le=10_000)
    """times that the training split is read at most; with a strategy of several phases: in the last one"""
    strategy: Strategy = JointSpec(kind="joint")
    """which levels learn when: joint, staged or grow"""
    distil: DistilSpec | None = None
    """learn from a teacher beside the targets, with any strategy; null: from the targets alone"""
    batch_size: int = Field(64, ge=1)
    """examples of one optimizer step, over all workers and accumulated steps"""
    accumulate: int = Field(1, ge=1)
    """forward passes that one optimizer step gathers"""
    lr: float = Field(2e-3, gt=0)
    """highest learning rate"""
    betas: Annotated[tuple[Share, Share], BeforeValidator(as_tuple)] = (0.9, 0.999)
    """AdamW's memory of the gradient and of its square; with a shorter second one, rare words take smaller steps"""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW's decoupled decay (Loshchilov and Hutter, 2019)"""
    warmup: float = Field(0.1, ge=0, lt=1)
    """share of the steps in which the rate climbs from 0"""
    schedule: Literal["cosine", "linear", "constant", "plateau"] = "cosine"
    """how the rate falls after the warm-up; plateau: when the metric has not got better for some epochs"""
    plateau: PlateauSpec = PlateauSpec()
    """how the schedule plateau falls"""
    clip: float | None = Field(1.0, gt=0)
    """largest norm of the gradient; null: as it is"""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """share of the target spread over all classes (Szegedy et al., 2016)"""
    ema: float | None = Field(None, gt=0, lt=1)
    """share of the averaged weights that a step keeps, such as 0.999; they are measured and shipped in place of the
    last ones (Polyak and Juditsky, 1992); null: no average"""
    class_weights: Literal["balanced"] | None = None
    """balanced: the loss of an example counts R / (K x rows of its label), for heads of one label; null: all alike"""
    sampling: Literal["balanced"] | None = None
    """balanced: examples are drawn, and put back, such that all labels of the first head come alike; null: each once"""
    mixup: MixupSpec | None = None
    """learn from examples between two examples; null: from the examples"""
    metric: Metric | None = None
    """measured on the validation split after each epoch; the best epoch's weights are kept; null: what the task is
    judged by: accuracy, micro_f1 of several labels, r2 of numbers, and of several heads the mean"""
    patience: int | None = Field(None, ge=1)
    """epochs without a better metric after which training ends; null: all epochs"""
    workers: Annotated[int, Field(ge=1, le=1024)] | WorkersSpec = 1
    """Ray Train workers, or {min, max} of them; batch_size must be a multiple of workers x accumulate, or of every
    number of workers from min to max"""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """what a worker, or a trial, computes on; auto: a GPU each where the cluster has so many now; gpu: wait for nodes
    that have them, which a cluster that grows by itself starts"""
    cores: int | None = Field(None, ge=1, le=1024)
    """cores of each worker and trial, for which a cluster that grows by itself brings nodes; null: one for a worker,
    less where there are fewer, and for a trial its share of those that are there"""
    engine: Engine = TorchSpec(kind="torch")
    """who steps: torch or deepspeed, or auto"""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """numbers of the forward and backward pass; the weights stay float32; float16 with a dynamic loss scale"""
    activation_checkpointing: bool = False
    """keep less for the backward pass, and compute it once more there: same numbers, less memory, more time"""
    checkpoint: CheckpointSpec = CheckpointSpec()
    """when a training writes down how far it is"""
    hang_timeout: Annotated[Seconds, Field(gt=0)] = 600.0
    """a worker without a step for so long is ended, and training goes on from the last checkpoint; longer than one
    checkpoint takes"""

    @property
    def most_workers(self) -> int:
        """Workers, where there is room for all."""
        return self.workers.max if isinstance(self.workers, WorkersSpec) else self.workers

    @property
    def fewest_workers(self) -> int:
        """Workers that there must be."""
        return self.workers.min if isinstance(self.workers, WorkersSpec) else self.workers

    @property
    def less_is_better(self) -> bool:
        """Whether the metric is one that falls as a network gets better."""
        return self.metric in LESS_IS_BETTER
