"""Candidates: compressed models, and what was measured of them."""

from dataclasses import dataclass, field

from mgdist.job.compress import Method

BYTES = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "int4": 0.5, "int2": 0.25}
"""That a number of each format takes."""


@dataclass(frozen=True)
class Layer:
    """A weight of a device model.

    Attributes:
        name: its level and its place there, such as ``sentence.encoder.project``.
        operator: that reads it, such as FULLY_CONNECTED.
        format: of its numbers, such as int8.
        numbers: how many it has.
        width: numbers of a row of it, of which each may have a scale.
        scopes: names of the operators that read it, over all signatures, as the quantizer knows them.
    """

    name: str
    operator: str
    format: str
    numbers: int
    width: int
    scopes: tuple[str, ...]

    @property
    def embeds(self) -> bool:
        """Whether it is an embedding."""
        return self.operator == "EMBEDDING_LOOKUP"


@dataclass(frozen=True)
class Parity:
    """How far a device model is from the trained network, on real examples.

    Attributes:
        difference: largest difference of an output: of a probability, or of a standardised number.
        equal: share of examples with the same answer, 0 to 1: the same label or labels; of numbers, all within a
            fiftieth of their standard deviation.
        examples: how many were compared; of labelled samples all of them.
    """

    difference: float
    equal: float
    examples: int


@dataclass(frozen=True)
class Costs:
    """What a compressed model costs, whatever it is worth.

    Attributes:
        size: bytes of the bundle.
        latency: median seconds from raw to answer, one thread of this host.
        memory: resident bytes at the peak.
    """

    size: int
    latency: float
    memory: int


@dataclass(frozen=True)
class Candidate:
    """One compressed model, measured by the edge runtime.

    Attributes:
        method: format of its weights.
        quality: on the validation split, such as the accuracy; 1 is perfect.
        sha256: of the model in it.
        size: bytes of the bundle.
        latency: median seconds from raw to answer, one thread of this host.
        memory: resident bytes at the peak.
        weights: share of the weights in each number format, such as {"int8": 0.99, "float32": 0.01}.
        parity: against the trained network.
        layers: its weights, each with its format.
        floats: operators that compute in float, how many of each kind.
        consistent: for each head above a finer one, how often their answers agree on the validation split, 0 to 1.
        step: of pruning that its network is left from; 0 of the trained network.
        aware: whether that network was fine-tuned for this format.
    """

    method: Method
    quality: float
    sha256: str
    size: int
    latency: float
    memory: int
    weights: dict[str, float]
    parity: Parity
    consistent: dict[str, float] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    floats: dict[str, int] = field(default_factory=dict)
    step: int = 0
    aware: bool = False

    @property
    def name(self) -> str:
        """How it is told from the others."""
        return name_of(self.method, self.step, aware=self.aware)


def name_of(method: Method, step: int, *, aware: bool = False) -> str:
    """Return how a candidate is called: by its method, and by the pruning and fine-tuning behind it."""
    return f"{method}{f', pruned {step}' if step else ''}{', aware' if aware else ''}"
