"""The export of a model that was not trained here: everything that can be asked for."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from mgdist.job.compress import EMBEDDED, USUAL, CompressSpec, Method
from mgdist.job.data import Source, SplitSpec
from mgdist.job.device import DeviceSpec
from mgdist.job.spec import Job, RunSpec
from mgdist.job.strict import Folder, Names, Spec
from mgdist.job.task import ClassifySpec, RegressSpec
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT


@dataclass(frozen=True)
class Port:
    """One input of a model.

    Attributes:
        own: its name in the model.
        shape: of one example, without the batch.
        dtype: of what the device gives it; the model may read wider numbers.
    """

    own: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int32"]


@dataclass(frozen=True)
class OwnModel:
    """A user's own model, as it was found in its file.

    Attributes:
        inputs: by the name that the bundle gives them.
        outputs: numbers of an example's answer.
    """

    inputs: dict[str, Port]
    outputs: int


class ReadSpec(Spec):
    """What an input of the model is read from."""

    column: str | None = None
    """column of the arrays; null: that with the input's own name"""
    divide: float = Field(1.0, gt=0)
    """what the numbers are divided by before the model sees them, such as 255 for pixels"""


class ScoresSpec(Spec):
    """One label of several; the model gives a number for each."""

    kind: Literal["classify"]
    label: str = "label"
    """column of the label: its name, or its number from 0 in the order of the model's outputs"""
    labels: Annotated[Names, Field(min_length=2)] | None = None
    """the labels in the order of the model's outputs; null: their numbers"""
    outputs: Literal["probabilities", "logits"] | None = None
    """what the model gives; over logits a softmax is laid, over a single one a sigmoid; null: seen from its answers"""


class ExportDataSpec(Spec):
    """Examples: rows to calibrate on, to choose by and to test with."""

    source: Source
    """where the rows are; those called train calibrate"""
    input: ReadSpec | None = None
    """what the only input of the model is read from"""
    inputs: dict[str, ReadSpec] = {}
    """the same for several inputs, by their names in the model"""
    split: SplitSpec = SplitSpec()
    """what is held out of the rows that calibrate, where the source has no such split"""
    limit: int | None = Field(None, ge=1)
    """rows of each split at most; null: all"""
    on_bad_record: Literal["fail", "skip"] = "fail"
    """an unreadable record ends the export, or is left out and counted"""
    cache: str = "~/.cache/mgdist"
    """folder for what is expensive to read"""


class ExportJob(Spec):
    """Everything asked for of an export; never changes after loading."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    """names the run's folder and the bundle"""
    model: Folder
    """a Keras 3 file (.keras), a folder with a SavedModel, or a program of torch.export (.pt2)"""
    task: Annotated[ScoresSpec | RegressSpec, Field(discriminator="kind")]
    """what the model answers"""
    data: ExportDataSpec
    """examples"""
    compress: CompressSpec = CompressSpec()
    """how small, at what price"""
    device: DeviceSpec = DeviceSpec()
    """what the device allows"""
    seed: int = Field(13, ge=0, lt=2**32)
    """of splits"""
    run: RunSpec = RunSpec()
    """where the results go"""

    @property
    def heads(self) -> dict[str, ClassifySpec | RegressSpec]:
        """What the targets of the only head are read from."""
        if isinstance(self.task, RegressSpec):
            return {ONLY_HEAD: self.task}
        return {ONLY_HEAD: ClassifySpec(kind="classify", label=self.task.label)}

    @property
    def inputs(self) -> dict[str, ReadSpec]:
        """What is said of the inputs, by name."""
        return dict(self.data.inputs) or ({ONLY_INPUT: self.data.input} if self.data.input else {})

    @property
    def methods(self) -> tuple[Method, ...]:
        """The formats of the weights that are tried."""
        if self.compress.methods is not None:
            return self.compress.methods
        return tuple(method for method in USUAL[self.device.has] if method not in EMBEDDED)

    @property
    def may_mix(self) -> bool:
        """Whether mixed precision is tried where no usual format is small and good enough."""
        return self.compress.methods is None and self.device.has == "litert"


Asked = Job | ExportJob
"""What a run may be asked for."""
