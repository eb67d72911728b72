"""What is to be learned: one head, or several that share the network below them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Names, Spec, as_tuple
from mgdist_edge.names import ONLY_HEAD


class ClassifySpec(Spec):
    """One label of several for each example."""

    kind: Literal["classify"]
    label: str
    """column of the label: text or whole numbers"""
    above: str | None = None
    """another head that classifies into finer labels, each of which belongs to one of these: how often the answers of
    both agree is measured; null: none"""
    sums: bool = False
    """answer with the sums of the probabilities that the finer labels of the head below have, without own weights"""


class OrdinalSpec(Spec):
    """One label of several that have an order, such as one to five stars.

    After Frank and Hall, "A Simple Approach to Ordinal Classification", ECML 2001.
    """

    kind: Literal["ordinal"]
    label: str
    """column of the label: text or whole numbers"""
    order: Annotated[Names, Field(min_length=3)] | None = None
    """the labels from the lowest to the highest; null: numbers by their size, text by the alphabet"""


class MultiLabelSpec(Spec):
    """Any number of labels for each example."""

    kind: Literal["multi_label"]
    label: str
    """column of the labels: a list, or text with a comma between two labels"""
    labels: Annotated[Names, Field(min_length=1)] | None = None
    """the labels that count, others are passed over; null: all of the training rows, and no others may come"""
    without: Literal["keep", "leave_out"] = "keep"
    """an example without any label that counts is learned from as such, or left out of all splits"""


class RegressSpec(Spec):
    """One number for each example, or several."""

    kind: Literal["regress"]
    targets: Annotated[Names, Field(min_length=1)]
    """columns of the numbers"""


class ForecastSpec(Spec):
    """The readings that follow each window of one long series."""

    kind: Literal["forecast"]
    horizon: int = Field(ge=1, le=4096)
    """readings of each channel that are foretold"""
    quantiles: (
        Annotated[
            tuple[Annotated[float, Field(gt=0, lt=1)], ...],
            BeforeValidator(as_tuple),
            Field(min_length=1, max_length=99),
        ]
        | None
    ) = None
    """which quantiles are foretold, rising and with 0.5 (Koenker and Bassett, "Regression Quantiles", 1978); null: the
    mean"""
    stride: int = Field(1, ge=1)
    """rows from one training window to the next; validation and test use every window"""


class TagSpec(Spec):
    """One label of several for each sample of an example: what every reading of a recording belongs to."""

    kind: Literal["tag"]
    label: str
    """column with a list of labels, text or whole numbers: one for each sample of the level, in their order; of a long
    table the label of each row"""
    level: str | None = None
    """granularity whose samples are labelled: each learns from its own state, and from those of the coarser levels that
    cover it; null: the finest"""


Head = Annotated[
    ClassifySpec | OrdinalSpec | MultiLabelSpec | RegressSpec | ForecastSpec | TagSpec, Field(discriminator="kind")
]


def _as_weights(value: object) -> object:
    if isinstance(value, dict) or value == "uncertainty":
        return value
    raise ValueError(f"expected a number for each head, or uncertainty; got {value!r:.40}")


class SeveralSpec(Spec):
    """Several heads on one network, learned together (Caruana, "Multitask Learning", 1997)."""

    kind: Literal["several"]
    heads: Annotated[dict[str, Head], Field(min_length=2, max_length=16)]
    """what each head learns, by its name"""
    weights: Annotated[
        dict[str, Annotated[float, Field(gt=0)]] | Literal["uncertainty"], BeforeValidator(_as_weights)
    ] = {}
    """how much the loss of a head counts, 1 where it is not named; uncertainty: learned with the network (Kendall, Gal
    and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", 2018)"""


Task = Annotated[
    ClassifySpec | OrdinalSpec | MultiLabelSpec | RegressSpec | ForecastSpec | TagSpec | SeveralSpec,
    Field(discriminator="kind"),
]


def heads_of(task: Task) -> dict[str, Head]:
    """Return what is learned by head; the head of a job with one only is called ``answer``."""
    return dict(task.heads) if isinstance(task, SeveralSpec) else {ONLY_HEAD: task}


def columns_of(head: Head) -> tuple[tuple[str, str], ...]:
    """Return the columns that a head learns from, each with the field of the job that names it."""
    match head:
        case RegressSpec(targets=targets):
            return tuple(("targets", name) for name in targets)
        case ForecastSpec():
            return ()
        case _:
            return (("label", head.label),)
