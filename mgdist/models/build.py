"""From a job to its network: the one place that knows both specs and modules."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import assert_never, cast

import torch
from torch import nn

from mgdist.data.seen import Seen
from mgdist.errors import JobError
from mgdist.job.checkpoint import read_checkpoint
from mgdist.job.encoders import (
    AttentionPoolSpec,
    BagSpec,
    ConvSpec,
    Encoder,
    GruSpec,
    LstmSpec,
    MlpSpec,
    NoneSpec,
    Pool,
    PretrainedSpec,
    RnnSpec,
    TransformerSpec,
)
from mgdist.job.model import EmbeddingSpec, ModelSpec
from mgdist.job.phases import narrowest, watched
from mgdist.job.shapes import Shape, shapes, tagged
from mgdist.job.spec import Job
from mgdist.models.embedding import Embedding, FieldEmbedding
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.conv import ConvEncoder
from mgdist.models.encoders.conv2d import Conv2dEncoder
from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.none import NoEncoder
from mgdist.models.encoders.pretrained import PretrainedEncoder
from mgdist.models.encoders.recurrent import RecurrentEncoder
from mgdist.models.encoders.transformer import TransformerEncoder
from mgdist.models.fusion import ConcatFusion, DeepFusion, GatedFusion
from mgdist.models.heads import LinearHead, OrdinalHead, SumHead
from mgdist.models.level import Level
from mgdist.models.network import Network, key_of
from mgdist.models.pools import AllPool, AttentionPool, LastPool, MaxPool, MeanPool
from mgdist.models.uncertainty import Uncertainty
from mgdist_edge.inputs import Input
from mgdist_edge.table import TableInput
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task, head_outputs
from mgdist_edge.text import TextInput

NOTHING_SEEN: Mapping[str, Seen] = MappingProxyType({})


def build(
    job: Job, inputs: Mapping[str, Input], tasks: Mapping[str, Task], seen: Mapping[str, Seen] = NOTHING_SEEN
) -> Network:
    """Return the network that a job asks for, with weights drawn from torch's generator.

    Those of a pre-trained encoder are put in by :func:`mgdist.models.pretrained.begin_with_checkpoints`.

    Args:
        job: what is asked for.
        inputs: fitted, by name.
        tasks: what each head answers.
        seen: for each input that reads ids, in which training documents each id stands, for ``model.embedding.idf``
            and ``bayes``; not needed where weights are loaded afterwards.

    Raises:
        JobError: the embedding is too narrow for a number for each of so many classes.
    """
    model, levels, embeddings = job.model, dict[str, nn.Module](), dict[str, nn.Module]()
    first, *_ = tasks
    plan = shapes(job)
    for shape in plan:
        fitted = inputs[shape.input]
        if shape.reads == "raw" and isinstance(fitted, TextInput):
            embeddings[shape.name] = _embedding(
                model.embedding, fitted.rows, shape.channels, tasks[first].outputs, seen.get(shape.input)
            )
            if isinstance(shape.spec.encoder, PretrainedSpec) and shape.spec.encoder.train != "all":
                embeddings[shape.name].requires_grad_(False)
        elif shape.reads == "raw" and isinstance(fitted, TableInput):
            embeddings[shape.name] = FieldEmbedding(
                rows=fitted.rows, width=shape.channels, dropout=model.embedding.dropout
            )
        levels[shape.name] = _level(shape, model)
    labelled, tags = tagged(job), {name for name, task in tasks.items() if isinstance(task, Tag)}
    fusion = _fusion(model, [shape.width for shape in plan]) if len(tags) < len(tasks) else None
    sample_fusion = _fusion(model, [shape.states for shape in labelled]) if tags else None
    heads = _heads(
        job,
        tasks,
        fusion.width if fusion is not None else 0,
        sample_fusion.width if sample_fusion is not None else 0,
        reads_classes=first if model.embedding.bayes is not None else None,
    )
    return Network(
        embeddings=embeddings,
        levels=levels,
        fusion=fusion,
        heads=heads,
        dropout=model.dropout,
        dropout_between=model.encoder_dropout,
        unit_dropout=model.unit_dropout,
        sample_fusion=sample_fusion,
    )


def watch(network: Network, job: Job, tasks: Mapping[str, Task]) -> Network:
    """Give a network what only its training needs and what does not ship.

    These are auxiliary heads on the summaries of levels, and how uncertain each head is, where its weight is learned.
    """
    levels = watched(job)
    for shape in shapes(job):
        if shape.name in levels:
            heads = _heads(job, tasks, shape.width, shape.states, reads_classes=None)
            network.auxiliary[key_of(shape.name)] = nn.ModuleDict(heads)
    if job.learns_weights:
        network.uncertainty = Uncertainty(heads=len(tasks))
    return network


def hint(network: Network, job: Job, said: Mapping[str, int], taught: Mapping[str, int]) -> None:
    """Give a network what compares its levels with a teacher's while it learns: projections, where widths differ.

    Args:
        network: of the job.
        job: tells its levels.
        said: numbers that each level's summary has.
        taught: the same of the teacher's levels.
    """
    for shape in shapes(job):
        if (width := taught.get(shape.name)) is not None:
            same = width == said[shape.name]
            network.hints[key_of(shape.name)] = nn.Identity() if same else nn.Linear(said[shape.name], width)


def begin_narrow(network: Network, job: Job) -> None:
    """Let what joins an encoder in a later phase count nothing until it has learned."""
    for name, share in narrowest(job).items():
        encoder = cast(Level, network.levels[key_of(name)]).encoder
        assert isinstance(encoder, MlpEncoder | TransformerEncoder), "checked by conflicts"
        encoder.begin_narrow(share)


def _heads(
    job: Job, tasks: Mapping[str, Task], width: int, sample_width: int, *, reads_classes: str | None
) -> dict[str, nn.Module]:
    """Return a module for each head, in their order.

    Args:
        job: tells which of them add up what a finer one answers.
        tasks: what each head answers.
        width: numbers of the vector that heads of examples read.
        sample_width: numbers of the vector that heads of samples read.
        reads_classes: the head whose classes the first of these numbers speak for; None for none.
    """
    made: dict[str, nn.Module] = {}

    def head(name: str) -> nn.Module:
        task = tasks[name]
        if name not in made and name in job.summed and isinstance(task, Classify) and task.above is not None:
            made[name] = SumHead(finer=head(task.above.head), parents=task.above.parents, outputs=task.outputs)
        elif name not in made:
            read = sample_width if isinstance(task, Tag) else width
            made[name] = _head(task, read, reads_classes=name == reads_classes)
        return made[name]

    return {name: head(name) for name in tasks}


def _head(task: Task, width: int, *, reads_classes: bool) -> nn.Module:
    match task:
        case Classify() | MultiLabel() | Tag():
            return LinearHead(width=width, outputs=task.outputs, reads_classes=reads_classes)
        case Regress():
            return LinearHead(width=width, outputs=task.outputs)
        case Forecast():
            return LinearHead(width=width, outputs=head_outputs(task), from_nothing=True)
        case Ordinal():
            return OrdinalHead(width=width, outputs=task.outputs)
        case _ as never:
            assert_never(never)


def _embedding(spec: EmbeddingSpec, rows: int, width: int, classes: int, seen: Seen | None) -> Embedding:
    scale = torch.from_numpy(seen.idf()) if spec.idf and seen else None
    embedding = Embedding(rows=rows, width=width, dropout=spec.dropout, word_dropout=spec.word_dropout, scale=scale)
    if spec.bayes is not None and classes > width:
        raise JobError(
            f"model.embedding.bayes: needs one number of each word's vector for each of {classes} labels; the vectors "
            f"have {width}; make model.embedding.width at least {classes}, or bayes null"
        )
    if spec.bayes is not None and seen is not None:
        embedding.begin_with(torch.from_numpy(seen.log_ratios(spec.bayes.smoothing)))
    return embedding


def _level(shape: Shape, model: ModelSpec) -> Level:
    spec = shape.spec
    encoder = _encoder(spec.encoder, shape.channels, spec.length, shape.states, model.encoder_dropout, shape.axes)
    pools = [_pool(pool, shape.states, spec.states(shape.axes)) for pool in spec.pool]
    return Level(encoder=encoder, pools=pools, skip=spec.skip)


def _encoder(spec: Encoder, channels: int, length: int, width: int, dropout: float, axes: int) -> nn.Module:
    match spec:
        case NoneSpec():
            return NoEncoder()
        case BagSpec():
            return BagEncoder(channels=channels, width=width)
        case MlpSpec(layers=layers):
            return MlpEncoder(channels=channels, width=width, layers=layers, dropout=dropout)
        case ConvSpec():
            return _conv(spec, channels, width, dropout, axes)
        case (
            RnnSpec(layers=layers, bidirectional=both)
            | GruSpec(layers=layers, bidirectional=both)
            | LstmSpec(layers=layers, bidirectional=both)
        ):
            return RecurrentEncoder(
                cell=spec.kind,
                channels=channels,
                width=width,
                layers=layers,
                bidirectional=both,
                dropout=dropout,
                fused=isinstance(spec, LstmSpec) and spec.fused,
            )
        case TransformerSpec(layers=layers, heads=heads, expansion=expansion):
            return TransformerEncoder(
                channels=channels,
                width=width,
                length=int(length**axes) if spec.positions == "learned" else None,
                layers=layers,
                heads=heads,
                expansion=expansion,
                dropout=dropout,
            )
        case PretrainedSpec():
            return _pretrained(spec, length, dropout)
        case _ as never:
            assert_never(never)


def _pretrained(spec: PretrainedSpec, length: int, dropout: float) -> PretrainedEncoder:
    known = read_checkpoint(spec.path)
    learning: dict[str, int | None] = {"all": None, "none": 0}
    return PretrainedEncoder(
        width=known.width,
        length=length,
        layers=spec.layers or known.layers,
        heads=known.heads,
        inner=known.inner,
        activation=known.activation,
        epsilon=known.epsilon,
        learning=spec.train if isinstance(spec.train, int) else learning[spec.train],
        dropout=dropout,
    )


def _conv(spec: ConvSpec, channels: int, width: int, dropout: float, axes: int) -> ConvEncoder | Conv2dEncoder:
    encoder = ConvEncoder if axes == 1 else Conv2dEncoder
    return encoder(
        channels=channels,
        width=width,
        layers=spec.layers,
        kernels=spec.filters,
        stages=spec.stages,
        dilation=spec.dilation,
        valid=spec.padding == "valid",
        depthwise=spec.depthwise,
        residual=spec.residual,
        norm=spec.norm,
        dropout=dropout,
    )


def _pool(pool: Pool, width: int, states: int) -> nn.Module:
    match pool:
        case "mean":
            return MeanPool()
        case "max":
            return MaxPool()
        case "attention":
            return AttentionPool(width=width)
        case AttentionPoolSpec(heads=heads):
            return AttentionPool(width=width, heads=heads)
        case "last":
            return LastPool()
        case "all":
            return AllPool(count=states)
        case _ as never:
            assert_never(never)


def _fusion(model: ModelSpec, widths: Sequence[int]) -> ConcatFusion | GatedFusion | DeepFusion:
    fusion: ConcatFusion | GatedFusion
    match model.fusion:
        case "concat":
            fusion = ConcatFusion(widths=widths, norm=model.norm)
        case "gated":
            fusion = GatedFusion(widths=widths, width=model.width, norm=model.norm)
        case _ as never:
            assert_never(never)
    if not model.hidden:
        return fusion
    return DeepFusion(fusion=fusion, width=fusion.width, hidden=model.hidden, dropout=model.dropout)
