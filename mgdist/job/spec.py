"""The job: everything that can be asked for, in one frozen value."""

from typing import Annotated, Literal

from pydantic import Field

from mgdist.job.compress import CompressSpec
from mgdist.job.data import DataSpec
from mgdist.job.device import DeviceSpec
from mgdist.job.encoders import LevelSpec
from mgdist.job.model import ModelSpec
from mgdist.job.search import SearchSpec
from mgdist.job.strict import Spec
from mgdist.job.train import TrainSpec


class ClassifySpec(Spec):
    """One label of several for each example."""

    kind: Literal["classify"]
    label: str
    """column of the label: text or whole numbers"""


class RunSpec(Spec):
    """Where the results go."""

    folder: str = "runs"
    """a run is written to folder/name/time"""
    license: str | None = None
    """licence of the model, copied into the bundle"""


class Job(Spec):
    """Everything asked for; never changes after loading."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    """names the run's folder and the bundle"""
    task: ClassifySpec
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
