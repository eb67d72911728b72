"""Training strategies: which levels learn when."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Names, Spec, as_tuple

Count = Annotated[int, Field(ge=1)]
HiddenShare = Annotated[float, Field(gt=0, lt=1)]
Coarser = Annotated[int, Field(ge=2)]


class JointSpec(Spec):
    """All levels learn together, from the first step to the last."""

    kind: Literal["joint"]


class StagedSpec(Spec):
    """Each granularity learns by itself with an auxiliary head, one after another; then all learn together.

    After Hinton et al., "A Fast Learning Algorithm for Deep Belief Nets", 2006, and Bengio et al., "Greedy Layer-Wise
    Training of Deep Networks", 2007, with the task's own loss in each stage. The auxiliary heads do not ship.

    A stage runs no more than its level needs: the levels that it builds on, and none above it. So a coarse raw view of
    an image or a series is cut, batched and run alone. A text has one raw view, its words: with coarse_to_fine its
    coarser levels learn on top of finer ones that run as they are, with the weights that they were given at first.
    """

    kind: Literal["staged"]
    order: Literal["coarse_to_fine", "fine_to_coarse"] | Annotated[Names, Field(min_length=1)] = "fine_to_coarse"
    """which granularity learns first, or their names in order; one that is not named learns only in the last phase"""
    epochs: Count | dict[str, Count] = 1
    """of each stage, or of a granularity by name (1 where it is not named); the last phase has train.epochs"""
    freeze: bool = True
    """in a stage only its own level learns; false: the levels of the earlier stages that it builds on go on learning"""
    lr_factor: float = Field(1.0, ge=0, le=1)
    """of the learning rate in the last phase, for the levels that had a stage; 0: only fusion and heads learn"""
    auxiliary: float = Field(0.0, ge=0)
    """weight of each auxiliary head's loss in the last phase (Lee et al., "Deeply-Supervised Nets", 2015)"""


class GrowStepSpec(Spec):
    """One phase in which less of an example is read, or it is read at a coarser scale, or less of the encoders runs."""

    epochs: int = Field(1, ge=1)
    """of this phase"""
    units: dict[str, Count] = {}
    """granularity -> units of an example at most; one that reads a raw view: word: 4 reads the first four sentences"""
    scale: dict[str, Coarser] = {}
    """granularity -> by how much coarser its raw view is read: image: 2 reads half the size, a quarter of the pixels;
    of an image, or of a series of one length"""
    layers: dict[str, Count] = {}
    """granularity -> encoder layers that run; of a transformer or an mlp: the others are passed over"""
    width: dict[str, HiddenShare] = {}
    """granularity -> share of the hidden numbers of its encoder that are computed: between the layers of an mlp, and
    inside of the feed-forward blocks of a transformer"""


class GrowSpec(Spec):
    """All levels learn, at first from the beginning of each example, coarsely, or with few or narrow layers; then all.

    After Press et al., "Shortformer", 2021 (short first), Tan and Le, "EfficientNetV2: Smaller Models and Faster
    Training", 2021 (coarse first), Gong et al., "Efficient Training of BERT by Progressively Stacking", 2019 (shallow
    first), and Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", 2016 (narrow first): hidden
    numbers that join later count nothing when they do, so that the network goes on as it was.
    """

    kind: Literal["grow"]
    steps: Annotated[tuple[GrowStepSpec, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=16)]
    """the phases before the last one, which lasts train.epochs and reads all with all layers"""


Strategy = Annotated[JointSpec | StagedSpec | GrowSpec, Field(discriminator="kind")]
