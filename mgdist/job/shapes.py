"""The shapes that flow through a job's network, as far as the job alone tells: what each level reads and gives.

Legend: C channels of a sample, D width of a state, W numbers of a unit's vector.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Literal, assert_never

from mgdist.job.audio import AudioSpec
from mgdist.job.cost import encoder_cost, pool_cost
from mgdist.job.data import InputSpec
from mgdist.job.encoders import LevelSpec, MlpSpec, TransformerSpec
from mgdist.job.image import ImageSpec
from mgdist.job.series import SeriesSpec
from mgdist.job.spec import Job
from mgdist.job.table import TableSpec
from mgdist.job.task import TagSpec
from mgdist.job.text import TextSpec
from mgdist_edge.grid import divide
from mgdist_edge.levels import chains, spans


@dataclass(frozen=True)
class Shape:
    """One level of a network.

    Attributes:
        name: with the input in front where there are several.
        input: that it belongs to.
        inner: its name within the input.
        spec: as asked.
        axes: 2 where the samples of a unit are a square, as in an image.
        reads: a raw view, or the units of the level before it.
        channels: C, as the encoder sees it: behind the embedding, where there is one.
        states: D.
        width: W.
    """

    name: str
    input: str
    inner: str
    spec: LevelSpec
    axes: int
    reads: Literal["raw", "units"]
    channels: int
    states: int
    width: int


def shapes(job: Job) -> tuple[Shape, ...]:
    """Return the levels of a job's network: of each input, finest first."""
    return tuple(shape for name, spec in job.inputs.items() for shape in _of_input(job, name, spec))


def tagged(job: Job) -> tuple[Shape, ...]:
    """Return the level whose samples are labelled, and the coarser ones, whose states reach them too."""
    level = next((head.level for head in job.heads.values() if isinstance(head, TagSpec)), None)
    if level is None:
        return ()
    found = shapes(job)
    return found[[shape.name for shape in found].index(level) :]


def _of_input(job: Job, name: str, spec: InputSpec) -> list[Shape]:
    found: list[Shape] = []
    axes, before = 2 if isinstance(spec, ImageSpec) else 1, f"{name}." if job.data.inputs else ""
    for inner, level in job.levels_of(name).items():
        raw = not found or level.scale is not None
        channels = _channels(job, spec) if raw else found[-1].width
        found.append(
            Shape(
                name=f"{before}{inner}",
                input=name,
                inner=inner,
                spec=level,
                axes=axes,
                reads="raw" if raw else "units",
                channels=channels,
                states=level.state_width(channels, job.model.width),
                width=level.unit_width(channels, job.model.width, axes),
            )
        )
    return found


def _channels(job: Job, spec: InputSpec) -> int:
    """Return C of an input's raw view as the encoder sees it."""
    match spec:
        case TextSpec():
            return job.model.embedding.width or job.model.width
        case ImageSpec(channels=channels):
            return channels
        case TableSpec():
            return job.model.embedding.width or job.model.width
        case AudioSpec(mels=mels):
            return mels
        case SeriesSpec(columns=columns, channels=apart):
            return 1 if apart == "apart" else len(columns)
        case _ as never:
            assert_never(never)


def unit_counts(job: Job, name: str, level: str) -> tuple[int, ...]:
    """Return how many units one call of a level takes on the device: a signature each.

    Where all examples have as many units, one call takes them all. Else the counts are those of the job, but for the
    coarsest level, whose one unit is the example, and for others whose unit holds as much; only segments of a recording
    may be many without a clip above them.

    Args:
        job: checked.
        name: of the input.
        level: its name within the input.
    """
    known = units(job, name)
    if known is not None:
        return (known[level],)
    one = level == list(job.levels_of(name))[-1] and level != "segment"
    return (1,) if one or _holds_all(job, name, level) else job.device.unit_counts


def _holds_all(job: Job, name: str, level: str) -> bool:
    """Say whether one unit of a level holds the longest series that the coarsest level holds."""
    if not isinstance(job.inputs[name], SeriesSpec):
        return False
    windows = job.windows_of(name)
    longest = next(chain.reach for chain in reversed(chains(windows.values())) if chain is not None)
    reach = dict(zip(windows, spans(windows.values()), strict=True))
    return reach[level] * windows[level].length >= longest


def units(job: Job, name: str) -> dict[str, int] | None:
    """Return the units of every example at each level of an input; None where examples differ."""
    windows = job.windows_of(name)
    match job.inputs[name]:
        case TextSpec() | AudioSpec():
            return None
        case TableSpec(groups=groups):
            return {"group": len(groups or (0,)), "row": 1}
        case ImageSpec(size=size):
            return {level: grid.rows * grid.columns for level, grid in divide(size, windows)[0].items()}
        case SeriesSpec(length=length):
            if length is None:
                return None
            found, samples = {}, length
            for (level, window), chain in zip(windows.items(), chains(windows.values()), strict=True):
                samples = -(-(-(-length // chain.scale) if chain else samples) // window.length)
                found[level] = samples
            return found
        case _ as never:
            assert_never(never)


def shortest_unit(job: Job, shape: Shape) -> int | None:
    """Return the samples along an axis of the shortest unit of a level; None where examples differ, or groups do."""
    known, windows = units(job, shape.input), job.windows_of(shape.input)
    spec = job.inputs[shape.input]
    if known is None or isinstance(spec, TableSpec):
        return None
    length = shape.spec.length
    if not isinstance(spec, SeriesSpec):
        return length
    place = list(windows).index(shape.inner)
    chain = chains(windows.values())[place]
    assert spec.length is not None, "units are known"
    samples = -(-spec.length // chain.scale) if chain else known[list(windows)[place - 1]]
    return samples % length or length


@lru_cache(maxsize=4096)
def unit_operations(shape: Shape, samples: int, layers: int | None = None, share: float = 1.0) -> int:
    """Return the multiply-adds of one unit of a level.

    Args:
        shape: of the level.
        samples: S, that are computed.
        layers: of the encoder that run; None for all.
        share: of the encoder's hidden numbers that are computed.
    """
    length = samples if shape.axes == 1 else isqrt(samples)
    spec = shape.spec.model_copy(update={"length": length})
    encoder = spec.encoder
    if layers is not None and isinstance(encoder, MlpSpec | TransformerSpec):
        encoder = encoder.model_copy(update={"layers": min(layers, encoder.layers)})
    operations = encoder_cost(encoder, shape.channels, shape.states, length, shape.axes, share)[1]
    return operations + spec.states(shape.axes) * sum(pool_cost(pool, shape.states) for pool in spec.pool)
