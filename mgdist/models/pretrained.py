"""Weights of a pre-trained checkpoint, read by transformers and copied into our own modules."""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mgdist.errors import JobError
from mgdist.job.checkpoint import Checkpoint, read_checkpoint
from mgdist.job.encoders import PretrainedSpec
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.models.encoders.pretrained import PostNormBlock, PretrainedEncoder
from mgdist.models.network import Network, key_of

Weights = Mapping[str, Tensor]


def begin_with_checkpoints(network: Network, job: Job) -> None:
    """Let the levels of a new network that ask for it start from the weights of their checkpoint.

    Raises:
        JobError: the checkpoint cannot be read.
    """
    for shape in shapes(job):
        if isinstance(shape.spec.encoder, PretrainedSpec):
            key, known = key_of(shape.name), read_checkpoint(shape.spec.encoder.path)
            weights = read_weights(known, f"granularities.{shape.name}.encoder.path")
            encoder, table = network.levels[key].encoder, network.embeddings[key].weight
            assert isinstance(encoder, PretrainedEncoder), "build gives each spec its own module"
            assert isinstance(table, nn.Parameter), "an embedding is one table"
            with torch.no_grad():
                copy_table(table, weights["embeddings.word_embeddings.weight"], known.padding)
                copy_encoder(encoder, weights)


def read_weights(known: Checkpoint, where: str) -> Weights:
    """Return the weights of a checkpoint by transformers' names, float32.

    Only safetensors are read: a pickle could run code.

    Raises:
        JobError: they cannot be read, or some are missing.
    """
    with _quiet():
        from transformers import BertModel
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            loaded: Any = BertModel.from_pretrained(
                str(known.folder),
                add_pooling_layer=False,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise JobError(f"{where}: expected a checkpoint with model.safetensors; got: {said}") from None
    model, told = loaded
    if told["missing_keys"]:
        missing = ", ".join(sorted(told["missing_keys"])[:3])
        raise JobError(f"{where}: expected the weights of a BERT encoder; it lacks {missing}; use another checkpoint")
    found: Weights = model.state_dict()
    return found


def copy_table(table: Tensor, rows: Tensor, padding: int) -> None:
    """Copy the vectors of the tokens, with the padding's place taken by the first row: our padding is 0.

    Args:
        table: (V, C) to write into; a checkpoint may have more rows, which no token has.
        rows: (R, C) of the checkpoint.
        padding: its padding's id; its tokenizer's ids have changed places in the same way.
    """
    rows = rows[: len(table)].clone()
    rows[padding] = rows[0]
    rows[0] = 0.0
    table.copy_(rows)


def copy_encoder(encoder: PretrainedEncoder, weights: Weights) -> None:
    """Copy places, norms and the first blocks."""
    places = weights["embeddings.position_embeddings.weight"][: len(encoder.places)]
    encoder.places.copy_(places + weights["embeddings.token_type_embeddings.weight"][0])
    _copy(encoder.norm, weights, "embeddings.LayerNorm")
    for number, block in enumerate(encoder.blocks):
        assert isinstance(block, PostNormBlock), "an encoder is made of blocks"
        _copy_block(block, weights, f"encoder.layer.{number}")


def _copy_block(block: PostNormBlock, weights: Weights, at: str) -> None:
    for part in ("weight", "bias"):
        asked = [weights[f"{at}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        getattr(block.attention.ask, part).copy_(torch.cat(asked))
    _copy(block.attention.out, weights, f"{at}.attention.output.dense")
    _copy(block.after_attention, weights, f"{at}.attention.output.LayerNorm")
    _copy(block.feed[0], weights, f"{at}.intermediate.dense")
    _copy(block.feed[2], weights, f"{at}.output.dense")
    _copy(block.after_feed, weights, f"{at}.output.LayerNorm")


def _copy(module: nn.Module, weights: Weights, name: str) -> None:
    for part in ("weight", "bias"):
        getattr(module, part).copy_(weights[f"{name}.{part}"])


def lr_factors(job: Job) -> dict[str, float]:
    """Return the start of the parameters' names -> their share of the learning rate, where it is not all of it."""
    found: dict[str, float] = {}
    for shape in shapes(job):
        encoder = shape.spec.encoder
        if isinstance(encoder, PretrainedSpec) and encoder.lr_factor != 1:
            key = key_of(shape.name)
            found |= {f"embeddings.{key}.": encoder.lr_factor, f"levels.{key}.encoder.": encoder.lr_factor}
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what transformers tells its own users away from people."""
    logger = logging.getLogger("transformers")
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            logger.setLevel(logging.ERROR)
            yield
        finally:
            logger.setLevel(before)
