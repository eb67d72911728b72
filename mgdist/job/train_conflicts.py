"""Fields of a training's scale that contradict each other."""

import math
from collections.abc import Iterator

from mgdist.job.mistakes import Mistake
from mgdist.job.train import DeepSpeedSpec, TrainSpec, WorkersSpec


def scale_mistakes(train: TrainSpec) -> Iterator[Mistake]:
    """Yield what workers, batch, engine and precision of a training contradict each other in."""
    yield from _workers(train)
    match train.engine:
        case DeepSpeedSpec(stage=0, offload=offload) if offload:
            yield Mistake("train.engine.offload", "ZeRO stage 0 shards no optimizer to offload; use stage 1, 2 or 3")
        case DeepSpeedSpec(stage=stage, offload="parameters") if stage != 3:
            yield Mistake("train.engine.offload", f"only ZeRO stage 3 offloads parameters; got stage {stage}")
        case _:
            pass
    if train.precision == "float16" and isinstance(train.engine, DeepSpeedSpec):
        yield Mistake("train.precision", "float16 needs engine torch, which scales the loss; use bfloat16")


def _workers(train: TrainSpec) -> Iterator[Mistake]:
    batch, workers = train.batch_size, train.workers
    if not isinstance(workers, WorkersSpec):
        if batch % (workers * train.accumulate):
            together = workers * train.accumulate
            yield Mistake("train.batch_size", f"expected a multiple of workers x accumulate = {together}; got {batch}")
    elif workers.min > workers.max:
        yield Mistake("train.workers", f"expected min <= max; got {workers.min} and {workers.max}")
    elif any(batch % count for count in range(workers.min, workers.max + 1)):
        whole = math.lcm(*range(workers.min, workers.max + 1))
        yield Mistake(
            "train.batch_size",
            f"expected a multiple of {whole}, which any {workers.min} to {workers.max} workers share; got {batch}",
        )


def accumulated(train: TrainSpec, workers: int) -> int:
    """Return the forward passes of one step, such that fewer workers have no more examples in each than most workers.

    Args:
        train: whose batch stays the stated one.
        workers: that there are; they divide the batch.
    """
    share = train.batch_size // workers
    most = max(1, train.batch_size // (train.most_workers * train.accumulate))
    return next(count for count in range(math.ceil(share / most), share + 1) if share % count == 0)
