"""What may be done to make the network small, and what it may cost."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.device import Runtime
from mgdist.job.strict import Spec, as_tuple

Method = Literal[
    "float32",
    "float16",
    "int8_weight",
    "int8_embedding",
    "int8_dynamic",
    "int8_static",
    "int16_static",
    "int4",
    "int2",
    "mixed",
]
EMBEDDED: tuple[Method, ...] = ("int8_embedding", "int4", "int2")
"""Formats of an embedding: there is nothing to them without one."""
STATIC: tuple[Method, ...] = ("int8_static", "int16_static")
"""Formats of what is computed too, whose range is calibrated on readings: not for ids."""
USUAL: dict[Runtime, tuple[Method, ...]] = {
    "litert": ("float32", "float16", "int8_weight", "int8_dynamic", "int4"),
    "tflite_2_14": ("float32", "float16", "int8_embedding"),
}
"""What is tried for each runtime where nothing is said."""
WRONG: tuple[Method, ...] = ("int8_weight", "int8_dynamic", "int8_static", "int16_static", "int4", "int2", "mixed")
"""What tflite-runtime 2.14 refuses or, taking scales by channel for one scale, computes wrongly without a word."""


Importance = Literal["taylor", "magnitude"]


class PruneStepSpec(Spec):
    """One step of pruning, and the fine-tuning behind it."""

    rows: float = Field(0.0, ge=0, lt=1)
    """share of the rows of texts' embeddings that are gone after this step, words and n-grams alike"""
    channels: float = Field(0.0, ge=0, lt=1)
    """share of the filters, hidden numbers and attention heads that are gone after this step"""
    width: float = Field(0.0, ge=0, lt=1)
    """share of the numbers of each of these rows that are gone after this step: the rows are projected onto the
    directions that tell them apart best, and what reads them is turned along; needs an encoder that multiplies them
    first, such as gru, lstm, mlp, or one of another width than model.embedding.width"""
    layers: float = Field(0.0, ge=0, lt=1)
    """share of the blocks of transformers and pre-trained encoders that are gone after this step: those without which
    the loss of training examples is smallest, whatever importance says; one of each encoder stays"""
    epochs: int = Field(1, ge=1)
    """of fine-tuning"""


class TeachSpec(Spec):
    """Fine-tune what was pruned on what the whole network answers, too; see train.distil."""

    temperature: float = Field(2.0, ge=1, le=100)
    """softens the probabilities of both; numbers have none"""
    weight: float = Field(0.7, gt=0, le=1)
    """share of the whole network's answers in the loss; the rest is that of the targets"""
    states: float = Field(0.0, ge=0)
    """weight of a loss that is added: how far what each granularity says of an example, the mean of its units' vectors,
    is from what the whole network's says, in multiples of its variance; where the widths differ, through a
    projection that learns too and does not ship; 0: only answers are learned from; see train.distil"""


class PruneSpec(Spec):
    """Take out of the trained network what matters least, and fine-tune the rest.

    After each step the smaller network is converted and compressed like the whole one, and all of them compete to ship.
    """

    steps: Annotated[tuple[PruneStepSpec, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=8)]
    """one after another, each with shares as large as those before it or larger; one step prunes all at once"""
    importance: Importance = "taylor"
    """taylor: by how much the loss would change, as gradient x weight over the training examples tell (Molchanov et
    al., "Importance Estimation for Neural Network Pruning", CVPR 2019); magnitude: by the length of the weights"""
    lr: Annotated[float, Field(gt=0)] | None = None
    """highest learning rate of the fine-tuning; null: a third of train.lr"""
    distil: TeachSpec | None = None
    """learn from the whole network's answers, too; null: from the targets only"""


Aware = Literal["int8_dynamic", "int4", "int2"]
"""Formats that a network can be fine-tuned for: they round its weights, and nothing else that training knows."""


class AwareSpec(Spec):
    """Fine-tune a network with its weights rounded as a format will round them, where the format loses too much.

    After Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    CVPR 2018: what is computed sees the rounded weights, and the gradient passes through the rounding as it is. It is
    done once, behind all pruning, for the smallest network that keeps the budget in float32 and breaks it in the
    format; where there is none, nothing is done. What comes of it competes to ship like all others.
    """

    method: Aware
    """the format; one of those that compress.methods tries"""
    epochs: int = Field(1, ge=1)
    """of fine-tuning"""
    lr: Annotated[float, Field(gt=0)] | None = None
    """highest learning rate; null: a third of train.lr"""
    distil: TeachSpec | None = None
    """learn from the whole network's answers, too; null: from the targets only"""


class ExitSpec(Spec):
    """Stop reading a text once the answer is sure; how sure is chosen on the validation split."""

    max_accuracy_drop: float = Field(0.005, gt=0, le=1)
    """accuracy that may be lost against reading all, on the validation split with a margin for its size (one-sided
    95 %); it comes on top of compress.max_accuracy_drop"""


class CompressSpec(Spec):
    """The accuracy budget, what to prune, and the formats to try."""

    max_accuracy_drop: float = Field(0.005, ge=0, le=1)
    """accuracy, or what else the task is judged by (see train.metric), that may be lost against the trained network
    on the validation split; 0.005 is half a point"""
    methods: Annotated[tuple[Method, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    """formats of the weights; the smallest within the budget and the device's limits ships; null: float32, float16,
    int8_weight, int8_dynamic and, with embeddings, int4; for tflite_2_14 float32, float16 and int8_embedding;
    and mixed, where none of these is small and good enough.
    int8_dynamic: 8 bits, computed in integers; int4, int2, int8_embedding: so many bits for the embeddings of text and
    tables (int8_embedding leaves the rest in float32); int8_static, int16_static: what is computed has 8 or 16 bits
    too, calibrated on training examples, for images, series and audio; mixed: each layer in as few bits as the budget
    allows, the most sensitive ones in more"""
    prune: PruneSpec | None = None
    """what to take out of the network; null: nothing"""
    aware: AwareSpec | None = None
    """fine-tune for a format that loses too much; null: what is trained knows nothing of formats"""
    exit: ExitSpec | None = None
    """stop reading a text when sure; null: all of it is always read"""
    every: bool = False
    """score those formats too that cannot ship, being too large, or larger and no faster than one that is good
    enough; for a whole front"""
    calibrate: int = Field(200, ge=1)
    """training examples that static formats are calibrated on, evenly chosen"""
