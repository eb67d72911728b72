"""Fewer numbers of a row of an embedding: the directions that tell rows apart best, and what reads them turned along.

Legend: R rows of an embedding, C numbers of a row, K of them that are left.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.compress.quantize import BLOCK
from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.encoders.conv import ConvEncoder
from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.recurrent import RecurrentEncoder
from mgdist.models.encoders.stages import Layer, Stage
from mgdist.models.encoders.transformer import TransformerEncoder
from mgdist.models.level import Level
from mgdist.models.network import Network
from mgdist.models.shaped import shaped


def narrow(network: Network, key: str, share: float, worth: Float[Tensor, " R"]) -> str:
    """Take numbers out of the rows of an embedding; return why that cannot be, or nothing where it was done.

    The rows are projected onto their first K singular vectors, and the weights that multiply them are multiplied by
    these: with K = C nothing changes, with fewer the squared error is the smallest that K numbers allow. No operator is
    added. Rows that matter more count more, after Hsu et al., "Language Model Compression with Weighted Low-Rank
    Factorization", ICLR 2022, with the importance that rows are pruned by in place of the Fisher information.

    Args:
        network: trained.
        key: of the level that the embedding belongs to.
        share: of the numbers that go; of more than 32 that are left whole blocks stay, in which 4 bits are quantized.
        worth: how much each row matters.
    """
    weights, readers = dict(network.state_dict()), _readers(key, cast(Level, network.levels[key]))
    table = weights[f"embeddings.{key}.weight"]
    kept = max(1, round(table.shape[1] * (1 - share)))
    kept = -(-kept // BLOCK) * BLOCK if table.shape[1] % BLOCK == 0 and kept > BLOCK else kept
    if not readers:
        return (
            f"expected an encoder that multiplies the vectors of {key} before anything else, such as gru, lstm, mlp, "
            "or one of another width than model.embedding.width, and no skip; got another"
        )
    if kept == table.shape[1]:
        return f"expected some of the {kept} numbers to go; whole blocks of {BLOCK} stay, and so all do"
    basis = _directions(table, worth)[:, :kept]
    weights[f"embeddings.{key}.weight"] = table @ basis
    for name in readers:
        weights[name] = torch.tensordot(weights[name], basis, dims=([1], [0])).movedim(-1, 1).contiguous()
    shaped(network, weights)
    return ""


def _directions(table: Float[Tensor, "R C"], worth: Float[Tensor, " R"]) -> Float[Tensor, "C C"]:
    """Return orthonormal directions, those first along which the rows are longest, each counted by its worth."""
    weighted = table.double() * (worth.double() / worth.double().mean().clamp(min=1e-12)).unsqueeze(1)
    _, vectors = torch.linalg.eigh(weighted.T @ table.double())  # in ascending order
    directions: Tensor = vectors.flip(1).to(table.dtype)
    return directions


def _readers(key: str, level: Level) -> list[str]:
    """Return the names of the weights (D, C, ...) that multiply a row first; none if anything else sees it."""
    room = f"levels.{key}.encoder"
    if level.skip is not None:
        return []
    match level.encoder:
        case BagEncoder(project=nn.Linear()) | TransformerEncoder(project=nn.Linear()):
            return [f"{room}.project.weight"]
        case MlpEncoder():
            return [f"{room}.layers.0.weight"]
        case RecurrentEncoder(ways=ways):
            return [f"{room}.directions.{way}.rnn.weight_ih_l0" for way in range(ways)]
        case ConvEncoder(stages=stages):
            return [f"{room}.stages.0.{name}" for name in _of_stage(cast(Stage, stages[0]))]
        case _:
            return []


def _of_stage(stage: Stage) -> list[str]:
    if stage.project is not None:
        return ["project.weight"]
    first = cast(Layer, stage.layers[0])
    if first.residual or not all(isinstance(each, nn.Conv2d) for each in first.filters):
        return []
    return [f"layers.0.filters.{place}.weight" for place in range(len(first.filters))]
