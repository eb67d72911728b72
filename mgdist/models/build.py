"""From a job to its network: the one place that knows both specs and modules."""

from collections.abc import Sequence
from typing import Any, assert_never

import torch
from numpy.typing import NDArray
from torch import nn

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


def build(
    job: Job, *, rows: int, classes: int, idf: NDArray[Any] | None = None, ratios: NDArray[Any] | None = None
) -> Network:
    """Return the network that a job asks for, with weights drawn from torch's generator.

    Args:
        job: what is asked for.
        rows: ids that the fitted input gives.
        classes: K.
        idf: (rows,) inverse document frequencies, for ``model.embedding.idf``; not needed where
            weights are loaded afterwards.
        ratios: (rows, K) log-count ratios, for ``model.embedding.init``; the same.

    Raises:
        JobError: the embedding is too narrow for the ratios of so many classes.
    """
    width = job.model.width
    channels = job.model.embedding.width or width
    embedding = _embedding(job.model.embedding, rows, channels, idf)
    bayes = job.model.embedding.init == "bayes" and ratios is not None
    if bayes:
        embedding.begin_with(torch.tensor(_fitting(ratios, channels), dtype=torch.float32))
    levels: dict[str, nn.Module] = {}
    widths = []
    for name, spec in job.granularities.items():
        levels[name] = _level(spec, channels, job.model)
        channels = spec.unit_width(channels, width)
        widths.append(channels)
    fusion = _fusion(job.model, widths)
    head = ClassifyHead(width=fusion.width, classes=classes, reads_classes=bayes)
    return Network(embedding=embedding, levels=levels, fusion=fusion, head=head, dropout=job.model.dropout)


def _fitting(ratios: NDArray[Any] | None, width: int) -> NDArray[Any]:
    assert ratios is not None
    if ratios.shape[1] > width:
        raise JobError(
            f"model.embedding.init: bayes needs a number of each word's vector for each of {ratios.shape[1]} labels; "
            f"the vectors have {width}: make model.embedding.width at least {ratios.shape[1]}, or init random"
        )
    return ratios


def _embedding(spec: EmbeddingSpec, rows: int, width: int, idf: NDArray[Any] | None) -> Embedding:
    scale = torch.tensor(idf, dtype=torch.float32) if spec.idf and idf is not None else None
    return Embedding(rows=rows, width=width, dropout=spec.dropout, word_dropout=spec.word_dropout, scale=scale)


def _level(spec: LevelSpec, channels: int, model: ModelSpec) -> Level:
    encoder = _encoder(spec.encoder, channels, spec.length, model)
    return Level(encoder=encoder, pools=[_pool(pool, model.width) for pool in spec.pool], skip=spec.skip)


def _encoder(spec: Encoder, channels: int, length: int, model: ModelSpec) -> nn.Module:
    width, dropout = model.width, model.dropout
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
            return ConcatFusion(widths=widths)
        case "gated":
            return GatedFusion(widths=widths, width=model.width)
        case _ as never:
            assert_never(never)
