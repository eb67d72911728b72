"""The inputs of a user's own model by name, and batches of examples for it."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset, Shard
from mgdist.data.stored import Dense
from mgdist.errors import ConvertError
from mgdist.job.export import OwnModel, Port
from mgdist_edge.names import ONLY_INPUT

AT_A_TIME, SEEN = 256, 200
"""Examples of one run; training examples whose outputs are looked at."""


def own_model(path: Path, found: Mapping[str, tuple[tuple[Any, ...], str]], outputs: list[tuple[Any, ...]]) -> OwnModel:
    """Return a model by what its framework tells of it.

    Args:
        path: of the file.
        found: input -> shape with the batch in front, where None is not fixed, and type.
        outputs: the shape of each output.

    Raises:
        ConvertError: a shape is not fixed, a type is none that the device gives, or there are several outputs.
    """
    inputs = {}
    for own, (shape, dtype) in found.items():
        name = ONLY_INPUT if len(found) == 1 else re.sub(r"\W", "_", own).lower()
        inputs[name] = Port(own, _fixed(path, own, shape), _device_type(path, own, dtype))
    if len(outputs) != 1 or len(inputs) != len(found):
        raise ConvertError(f"{path}: expected inputs of different names and one output; got {len(outputs)} outputs")
    sizes = list(outputs[0][1:])
    if any(not isinstance(size, int) for size in sizes):
        raise ConvertError(f"{path}: expected an output of fixed shape but for the batch; got {outputs[0]}")
    return OwnModel(inputs, int(np.prod(sizes, dtype=np.int64)))


def _fixed(path: Path, own: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    if not 2 <= len(shape) <= 5 or any(not isinstance(size, int) for size in shape[1:]):
        raise ConvertError(
            f"{path}: input {own}: expected 1 to 4 fixed axes behind the batch; got {shape}; save it with them fixed"
        )
    if shape[0] not in (None, 1):
        raise ConvertError(f"{path}: input {own}: expected a batch of any size or 1; got {shape[0]}; save it with 1")
    return tuple(shape[1:])


def _device_type(path: Path, own: str, dtype: str) -> Any:
    known = {"float32": "float32", "int32": "int32", "int64": "int32"}
    if dtype not in known:
        raise ConvertError(f"{path}: input {own}: expected float32, int32 or int64; got {dtype}; cast inside the model")
    return known[dtype]


def answered(
    dataset: Dataset, run: Callable[[dict[str, NDArray[Any]]], NDArray[np.float32]], *, one: bool = False
) -> dict[str, NDArray[np.float32]]:
    """Return the outputs (R, K) for some training rows and for all rows of the other splits.

    Args:
        dataset: of the examples.
        run: the model: a batch of arrays by input -> outputs.
        one: it takes one example at a time.
    """
    shards = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    return {
        name: np.concatenate([run(batch) for batch in _batches(shard, SEEN if name == "train" else len(shard), one)])
        for name, shard in shards.items()
    }


def _batches(shard: Shard, most: int, one: bool) -> Iterator[dict[str, NDArray[Any]]]:
    count, step = min(most, len(shard)), 1 if one else AT_A_TIME
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        found = {}
        for name, stored in shard.inputs.items():
            assert isinstance(stored, Dense), "arrays are of one size"
            cut = stored.cutter.cut(stored.raws[rows])[0]
            assert cut is not None, "an array is read as it is"
            found[name] = cut
        yield found
