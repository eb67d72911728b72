"""Programs of ``torch.export``, through litert-torch; better called through ``apart``."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mgdist.apart import needs
from mgdist.data.dataset import Dataset
from mgdist.errors import ConvertError, first_line
from mgdist.export.ending import Ending
from mgdist.export.litert_route import Signature, joined
from mgdist.export.ports import answered, own_model
from mgdist.job.export import OwnModel
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.runtime import HEAD


class Program(nn.Module):
    """A program that is called with arrays by the bundle's names, and answers for the head."""

    def __init__(self, program: Any, model: OwnModel, ending: Ending) -> None:
        super().__init__()
        self.module, self.spec, self.ending = program.module(), program.call_spec.in_spec, ending
        types = {name: value.dtype for name, value in _values(program).items()}
        order = {port.own: name for name, port in model.inputs.items()}
        self.order = [(order[own], types[own]) for own in program.graph_signature.user_inputs]

    def train(self, mode: bool = True) -> "Program":
        """Return the program as it is: it was exported in one mode, and torch refuses to be asked for another."""
        return self

    def forward(self, **given: Tensor) -> dict[str, Tensor]:
        """Return the outputs of the head, (B, K)."""
        found = [given[name].to(dtype) for name, dtype in self.order]
        args, kwargs = torch.utils._pytree.tree_unflatten(found, self.spec)
        outputs = self.module(*args, **kwargs)
        outputs = outputs.reshape(found[0].shape[0], -1)
        return {ONLY_HEAD: self.ending.over(outputs, lambda x: torch.softmax(x, 1), torch.sigmoid, _side_by_side)}


def _side_by_side(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, 1)


@needs("litert_torch")
def describe(path: Path) -> OwnModel:
    """Return what is in a program's file.

    Raises:
        ConvertError: it does not load, or its shapes are not fixed.
    """
    program = _loaded(path)
    values = _values(program)
    inputs = {own: (_shape(values[own]), _type(values[own])) for own in program.graph_signature.user_inputs}
    return own_model(path, inputs, [_shape(values[own]) for own in program.graph_signature.user_outputs])


@needs("litert_torch")
def answers(path: Path, model: OwnModel, dataset: Dataset) -> dict[str, NDArray[np.float32]]:
    """Return what torch computes for the examples.

    Raises:
        ConvertError: the program does not run on them.
    """
    program = _loaded(path)
    network = Program(program, model, Ending())
    one = any(_shape(_values(program)[own])[0] == 1 for own in program.graph_signature.user_inputs)

    def run(batch: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = network(**{n: torch.from_numpy(a) for n, a in batch.items()})[ONLY_HEAD].numpy()
        return found

    try:
        with torch.inference_mode():
            return answered(dataset, run, one=one)
    except Exception as error:  # noqa: BLE001  whatever torch raises
        raise ConvertError(f"{path}: expected a program that runs on the examples; got: {first_line(error)}") from None


@needs("litert_torch")
def flatbuffer(path: Path, model: OwnModel, ending: Ending) -> bytes:
    """Return the device model, with the one signature ``head``.

    Raises:
        ConvertError: an operator does not convert.
    """
    network = Program(_loaded(path), model, ending).requires_grad_(False)
    inputs = {
        name: torch.zeros((1, *port.shape), dtype=getattr(torch, port.dtype)) for name, port in model.inputs.items()
    }
    try:
        return joined([Signature(HEAD, network, inputs)])
    except Exception as error:  # noqa: BLE001  torch, jax and MLIR each raise errors of their own
        raise ConvertError(
            f"{path}: expected operators that convert; got: {first_line(error)}; use other layers"
        ) from None


def _loaded(path: Path) -> Any:
    try:
        return torch.export.load(path)
    except Exception as error:  # noqa: BLE001  zip, JSON and torch each raise errors of their own
        raise ConvertError(
            f"{path}: expected a program of torch.export.save; got: {first_line(error)}; save it again"
        ) from None


def _values(program: Any) -> dict[str, Any]:
    """Return what is known of each value of a program, by name."""
    tensors = [node for node in program.graph.nodes if hasattr(node.meta.get("val"), "dtype")]
    return {node.name: node.meta["val"] for node in tensors}


def _shape(value: Any) -> tuple[Any, ...]:
    return tuple(size if isinstance(size, int) else None for size in value.shape)


def _type(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")
