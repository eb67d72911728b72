"""The job: everything that can be asked for, in one frozen value."""

from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mgdist.job.compress import EMBEDDED, USUAL, CompressSpec, Method
from mgdist.job.data import DataSpec, InputSpec
from mgdist.job.device import DeviceSpec
from mgdist.job.encoders import LevelSpec
from mgdist.job.model import ModelSpec
from mgdist.job.search import SearchSpec
from mgdist.job.strict import Folder, Spec
from mgdist.job.task import ClassifySpec, Head, SeveralSpec, TagSpec, Task, heads_of
from mgdist.job.train import TrainSpec
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.windows import Window


def _tracking_server(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected the address of a tracking server, such as http://mlflow:5000; got {address!r}")
    if "@" in parts.netloc:
        raise ValueError(
            "expected no name or password in an address, which is written down in many places; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    return address.rstrip("/")


class RunSpec(Spec):
    """Where the results go."""

    folder: str = "runs"
    """a run is written to folder/name/time"""
    license: str | None = None
    """licence of the model, copied into the bundle"""
    key: Folder | None = None
    """file of a private key, of `mgdist keys new`, that the bundle in the run's folder is signed with; null: it is not
    signed"""
    mlflow: Annotated[str, AfterValidator(_tracking_server)] | None = None
    """address of an MLflow tracking server, such as http://mlflow:5000, that is told of the run; null: none"""


class Job(Spec):
    """Everything asked for; never changes after loading."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    """names the run's folder and the bundle"""
    task: Task
    """what is to be learned"""
    data: DataSpec
    """what it is learned from"""
    granularities: dict[str, LevelSpec] = Field(min_length=1)
    """the levels of detail, finest first: word, then sentence, then paragraph"""
    model: ModelSpec = ModelSpec()
    """the network above and around the levels"""
    train: TrainSpec = TrainSpec()
    """how it is trained"""
    search: SearchSpec | None = None
    """which fields are searched for; null: none"""
    compress: CompressSpec = CompressSpec()
    """how small, at what price"""
    device: DeviceSpec = DeviceSpec()
    """what the device allows"""
    seed: int = Field(13, ge=0, lt=2**32)
    """of splits, weights and order"""
    run: RunSpec = RunSpec()
    """where the results go"""

    @cached_property
    def inputs(self) -> dict[str, InputSpec]:
        """What is read of a record, by name; the input of a job with one only is called ``input``."""
        return dict(self.data.inputs) or ({ONLY_INPUT: self.data.input} if self.data.input else {})

    @cached_property
    def heads(self) -> dict[str, Head]:
        """What is learned, by head; the head of a job with one only is called ``answer``.

        Where a head labels samples and does not say whose, these are the finest level's.
        """
        finest = {"level": next(iter(self.granularities))}
        return {
            name: head.model_copy(update=finest) if isinstance(head, TagSpec) and head.level is None else head
            for name, head in heads_of(self.task).items()
        }

    @cached_property
    def summed(self) -> frozenset[str]:
        """The heads that answer with sums of what a finer one answers, and have no weights."""
        return frozenset(name for name, head in self.heads.items() if isinstance(head, ClassifySpec) and head.sums)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The formats of the weights that are tried."""
        if self.compress.methods is not None:
            return self.compress.methods
        return tuple(method for method in USUAL[self.device.has] if self.embeds or method not in EMBEDDED)

    @property
    def searches_deployed(self) -> bool:
        """Whether trials are compared by what would ship of them."""
        return self.search is not None and self.search.objective == "deployed"

    @property
    def may_mix(self) -> bool:
        """Whether mixed precision is tried where no usual format is small and good enough."""
        return self.compress.methods is None and self.device.has == "litert"

    @property
    def embeds(self) -> bool:
        """Whether an input is read through an embedding."""
        return any(spec.kind in ("text", "table") for spec in self.inputs.values())

    @property
    def loss_weights(self) -> dict[str, float]:
        """How much the loss of a head counts, as stated; 1 where it is not named, or learned."""
        stated = self.task.weights if isinstance(self.task, SeveralSpec) else {}
        return dict(stated) if isinstance(stated, dict) else {}

    @property
    def learns_weights(self) -> bool:
        """Whether it is learned how much the loss of a head counts."""
        return isinstance(self.task, SeveralSpec) and self.task.weights == "uncertainty"

    def levels_of(self, name: str) -> dict[str, LevelSpec]:
        """Return the granularities of an input, finest first, by their names within it."""
        if not self.data.inputs:
            return dict(self.granularities)
        split = {tuple(full.split(".", 1)): level for full, level in self.granularities.items()}
        return {path[1]: level for path, level in split.items() if len(path) == 2 and path[0] == name}

    def windows_of(self, name: str) -> dict[str, Window]:
        """Return what a unit of each granularity of an input covers, finest first."""
        return {
            level: Window(spec.length, 1 if spec.scale is None and place == 0 else spec.scale)
            for place, (level, spec) in enumerate(self.levels_of(name).items())
        }
