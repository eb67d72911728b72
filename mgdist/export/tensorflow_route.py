"""Keras 3 models and SavedModels, through TensorFlow's converter; better called through ``apart``."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdist.apart import needs
from mgdist.data.dataset import Dataset
from mgdist.errors import ConvertError, first_line
from mgdist.export.ending import Ending
from mgdist.export.ports import answered, own_model
from mgdist.job.export import OwnModel
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.runtime import HEAD

Call = Callable[[dict[str, Any]], Any]
"""Tensors by the model's own names of its inputs -> its outputs."""
Loaded = tuple[Call, dict[str, tuple[tuple[Any, ...], str]], list[tuple[Any, ...]]]
"""How a model is called, the shape and the type of each input, the shape of each output."""


@needs("tensorflow")
def describe(path: Path) -> OwnModel:
    """Return what is in a model's file.

    Raises:
        ConvertError: it does not load, or its shapes are not fixed.
    """
    _, inputs, outputs = _loaded(path)
    return own_model(path, inputs, outputs)


@needs("tensorflow")
def answers(path: Path, model: OwnModel, dataset: Dataset) -> dict[str, NDArray[np.float32]]:
    """Return what TensorFlow computes for the examples.

    Raises:
        ConvertError: the model does not run on them.
    """
    import tensorflow as tf

    call, inputs, _ = _loaded(path)

    def run(batch: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        given = {port.own: tf.constant(batch[name], inputs[port.own][1]) for name, port in model.inputs.items()}
        return np.asarray(call(given), np.float32).reshape(len(next(iter(batch.values()))), -1)

    try:
        return answered(dataset, run, one=any(shape[0] == 1 for shape, _ in inputs.values()))
    except Exception as error:  # noqa: BLE001  whatever TensorFlow raises
        raise ConvertError(f"{path}: expected a model that runs on the examples; got: {first_line(error)}") from None


@needs("tensorflow")
def flatbuffer(path: Path, model: OwnModel, ending: Ending) -> bytes:
    """Return the device model, with the one signature ``head``.

    Raises:
        ConvertError: an operator does not convert.
    """
    import tensorflow as tf

    call, inputs, _ = _loaded(path)
    specs = {name: tf.TensorSpec((1, *port.shape), port.dtype, name=name) for name, port in model.inputs.items()}

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def head(**given: Any) -> Any:
        outputs = call({port.own: tf.cast(given[name], inputs[port.own][1]) for name, port in model.inputs.items()})
        joined = lambda parts: tf.concat(parts, 1)  # noqa: E731
        return ending.over(tf.reshape(outputs, (1, -1)), tf.nn.softmax, tf.sigmoid, joined)

    try:
        return _converted(tf, head.get_concrete_function(**specs), specs)
    except Exception as error:  # noqa: BLE001  the converter raises errors of many kinds
        said = next((line for line in str(error).splitlines() if "error:" in line), first_line(error))
        reason = said.rpartition("): ")[2][-300:]  # behind the chain of calls, which names nothing of the user's
        raise ConvertError(
            f"{path}: expected operators that convert; got: {reason}; use other layers, or fixed shapes"
        ) from None


def _converted(tf: Any, head: Any, specs: dict[str, Any]) -> bytes:
    """Return a function as a flatbuffer, its variables made constants: the converter leaves those of Keras 3 out."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(head, lower_control_flow=False)
    order = [tensor.name.split(":")[0] for tensor in frozen.inputs]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def named(**given: Any) -> Any:
        return {ONLY_HEAD: frozen(*[given[name] for name in order])[0]}

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(tf.Module(), folder, signatures={HEAD: named.get_concrete_function(**specs)})
        model: bytes = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[HEAD]).convert()
        return model


def _loaded(path: Path) -> Loaded:
    """Return how a model is called, and the shapes and types of its inputs and outputs."""
    try:
        import tensorflow as tf
    except ImportError:
        raise ConvertError(
            f"{path}: expected TensorFlow, which reads it; it is not installed; pip install 'mgdist[tensorflow]'"
        ) from None
    try:
        return _keras(path) if path.is_file() else _saved_model(tf, path)
    except Exception as error:
        if isinstance(error, ConvertError):
            raise
        raise ConvertError(
            f"{path}: expected a model that loads; got: {first_line(error)}; save it again, or as a SavedModel"
        ) from None


def _keras(path: Path) -> Loaded:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConvertError(f"KERAS_BACKEND: expected tensorflow; got {keras.backend.backend()}; set it so")
    model = keras.models.load_model(path, compile=False)
    inputs = {each.name: (tuple(each.shape), str(each.dtype)) for each in model.inputs}
    names = list(inputs)

    def call(given: dict[str, Any]) -> Any:
        found = [given[name] for name in names]
        return model(found if len(found) > 1 else found[0], training=False)

    return call, inputs, [tuple(each.shape) for each in model.outputs]


def _saved_model(tf: Any, path: Path) -> Loaded:
    model = tf.saved_model.load(str(path))
    if not model.signatures:
        raise ConvertError(f"{path}: expected a SavedModel with a signature; got none; use model.export(FOLDER)")
    served = model.signatures.get("serving_default") or next(iter(model.signatures.values()))
    found = served.structured_input_signature[1]
    inputs = {name: (tuple(each.shape), each.dtype.name) for name, each in found.items()}

    def call(given: dict[str, Any]) -> Any:
        assert model is not None, "it holds the variables"
        return next(iter(served(**given).values()))

    return call, inputs, [tuple(each.shape) for each in served.structured_outputs.values()]
