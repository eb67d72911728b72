"""What no single field can know: fields of a job that contradict each other."""

import difflib
from collections.abc import Iterator
from typing import assert_never

from mgdist.job.encoders import BagSpec, ConvSpec, GruSpec, LevelSpec, LstmSpec, TransformerSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.text import GRANULARITIES
from mgdist.job.train import DeepSpeedSpec

LONGEST_RECURRENT = 256
"""Samples of a recurrent unit at most: it is unrolled on the device, and 400 steps take 4 MB of operators."""


def conflicts(job: Job) -> list[Mistake]:
    """Return all contradictions of a job, with the path to change."""
    found = [*_levels(job), *_beginning(job), *_training(job), *_rest(job)]
    for name, level in job.granularities.items():
        found += _encoder(f"granularities.{name}", level, job.model.width)
    return found


def _levels(job: Job) -> Iterator[Mistake]:
    for name in job.granularities:
        if name not in GRANULARITIES:
            near = difflib.get_close_matches(name, GRANULARITIES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield Mistake(f"granularities.{name}", f"expected one of {', '.join(GRANULARITIES)}{meant}")
    known = [name for name in job.granularities if name in GRANULARITIES]
    if known != sorted(known, key=GRANULARITIES.index):
        yield Mistake("granularities", f"expected the finest first; got {', '.join(known)}")
    if GRANULARITIES[0] not in job.granularities:
        yield Mistake("granularities", f"expected {GRANULARITIES[0]}, on which the others build; it is missing")


def _encoder(path: str, level: LevelSpec, width: int) -> Iterator[Mistake]:
    match level.encoder:
        case ConvSpec(kernel=kernel):
            if kernel % 2 == 0:
                yield Mistake(f"{path}.encoder.kernel", f"expected an odd number; got {kernel}; use {kernel + 1}")
            if kernel > level.length:
                yield Mistake(
                    f"{path}.encoder.kernel",
                    f"{kernel} is wider than a unit of {level.length} samples; "
                    f"make kernel <= {level.length}, or length larger",
                )
        case GruSpec(bidirectional=both) | LstmSpec(bidirectional=both):
            if both and width % 2:
                yield Mistake("model.width", f"expected an even number for {path}, which reads both ways; got {width}")
            if level.length > LONGEST_RECURRENT:
                yield Mistake(
                    f"{path}.length",
                    f"expected at most {LONGEST_RECURRENT} for a recurrent encoder, which is unrolled on the device; "
                    f"got {level.length}",
                )
        case TransformerSpec(heads=heads):
            if width % heads:
                yield Mistake(f"{path}.encoder.heads", f"{heads} heads do not divide model.width {width}")
        case BagSpec():
            pass
        case _ as never:
            assert_never(never)


def _beginning(job: Job) -> Iterator[Mistake]:
    """What starts as a bag of class ratios must reach the head as such."""
    finest = next(iter(job.granularities.values()))
    same_width = job.model.embedding.width in (None, job.model.width)
    through = isinstance(finest.encoder, BagSpec) or (isinstance(finest.encoder, ConvSpec) and finest.encoder.residual)
    reaches = finest.skip or (through and same_width and finest.pool[0] == "mean")
    if job.model.embedding.bayes is not None and not (job.model.fusion == "concat" and reaches):
        yield Mistake(
            "model.embedding.bayes",
            "the head must be able to read it: use fusion concat, and at the finest granularity skip: true, or a bag "
            "or a residual conv as wide as the embedding with pool mean first",
        )


def _training(job: Job) -> Iterator[Mistake]:
    train = job.train
    if train.batch_size % (train.workers * train.accumulate):
        yield Mistake(
            "train.batch_size",
            f"expected a multiple of workers x accumulate = {train.workers * train.accumulate}; got {train.batch_size}",
        )
    match train.engine:
        case DeepSpeedSpec(stage=0, offload=True):
            yield Mistake("train.engine.offload", "ZeRO stage 0 shards no optimizer to offload; use stage 1, 2 or 3")
        case _:
            pass
    if job.search is not None and job.search.epochs is not None and job.search.epochs > train.epochs:
        yield Mistake(
            "search.epochs", f"expected at most train.epochs, which is {train.epochs}; got {job.search.epochs}"
        )


def _rest(job: Job) -> Iterator[Mistake]:
    if job.data.split.valid + job.data.split.test >= 1:
        yield Mistake("data.split", "valid and test leave no rows to train on; make their sum less than 1")
    counts = job.device.unit_counts
    if counts[0] != 1 or list(counts) != sorted(set(counts)):
        yield Mistake("device.unit_counts", f"expected rising numbers that start with 1; got {list(counts)}")
