"""From a job to its network: the one place that knows both specs and modules."""

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import nn

from mgdist.data.fit import Seen
from mgdist.errors import JobError
from mgdist.job.encoders import BagSpec, ConvSpec, Encoder, GruSpec, LevelSpec, LstmSpec, Pool, TransformerSpec
from mgdist.job.model import EmbeddingSpec, ModelSpec
from mgdist.job.spec import Job
from mgdist.models.embedding import Embedding
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.conv import ConvEncoder
from mgdist.models.encoders.recurrent import RecurrentEncoder
from mgdist.models.encoders.transformer import TransformerEncoder
from mgdist.models.fusion import ConcatFusion, GatedFusion
from mgdist.models.head import ClassifyHead
from mgdist.models.level import Level
from mgdist.models.network import Network
from mgdist.models.pools import AttentionPool, MaxPool, MeanPool


def build(job: Job, *, rows: int, classes: int, seen: Seen | None = None) -> Network:
    """Return the network that a job asks for, with weights drawn from torch's generator.

    Args:
        job: what is asked for.
        rows: ids that the fitted input gives.
        classes: K.
        seen: in which training documents each id stands, for ``model.embedding.idf`` and ``bayes``; not needed
            where weights are loaded afterwards.

    Raises:
        JobError: the embedding is too narrow for a number for each of so many classes.
    """
    width = job.model.width
    channels = job.model.embedding.width or width
    embedding = _embedding(job.model.embedding, rows, channels, classes, seen)
    levels: dict[str, nn.Module] = {}
    widths = []
    for name, spec in job.granularities.items():
        levels[name] = _level(spec, channels, job.model)
        channels = spec.unit_width(channels, width)
        widths.append(channels)
    fusion = _fusion(job.model, widths)
    head = ClassifyHead(width=fusion.width, classes=classes, reads_classes=job.model.embedding.bayes is not None)
    return Network(
        embedding=embedding,
        levels=levels,
        fusion=fusion,
        head=head,
        dropout=job.model.dropout,
        dropout_between=job.model.encoder_dropout,
    )


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


def _level(spec: LevelSpec, channels: int, model: ModelSpec) -> Level:
    encoder = _encoder(spec.encoder, channels, spec.length, model)
    return Level(encoder=encoder, pools=[_pool(pool, model.width) for pool in spec.pool], skip=spec.skip)


def _encoder(spec: Encoder, channels: int, length: int, model: ModelSpec) -> nn.Module:
    width, dropout = model.width, model.encoder_dropout
    match spec:
        case BagSpec():
            return BagEncoder(channels=channels, width=width)
        case ConvSpec(layers=layers, kernel=kernel, residual=residual):
            return ConvEncoder(
                channels=channels, width=width, layers=layers, kernel=kernel, residual=residual, dropout=dropout
            )
        case GruSpec(layers=layers, bidirectional=both) | LstmSpec(layers=layers, bidirectional=both):
            return RecurrentEncoder(
                cell=spec.kind, channels=channels, width=width, layers=layers, bidirectional=both, dropout=dropout
            )
        case TransformerSpec(layers=layers, heads=heads, expansion=expansion):
            return TransformerEncoder(
                channels=channels,
                width=width,
                length=length,
                layers=layers,
                heads=heads,
                expansion=expansion,
                dropout=dropout,
            )
        case _ as never:
            assert_never(never)


def _pool(pool: Pool, width: int) -> nn.Module:
    match pool:
        case "mean":
            return MeanPool()
        case "max":
            return MaxPool()
        case "attention":
            return AttentionPool(width=width)
        case _ as never:
            assert_never(never)


def _fusion(model: ModelSpec, widths: Sequence[int]) -> ConcatFusion | GatedFusion:
    match model.fusion:
        case "concat":
            return ConcatFusion(widths=widths, norm=model.norm)
        case "gated":
            return GatedFusion(widths=widths, width=model.width, norm=model.norm)
        case _ as never:
            assert_never(never)
