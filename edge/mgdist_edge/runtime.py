"""Run the network of a bundle on one example: level by level, then the head.

Legend: T samples of an example, O n-gram order, N units, S samples of a unit, C channels, D width of a unit's vector,
K classes.
"""

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.bundle import Bundle
from mgdist_edge.cover import cover
from mgdist_edge.errors import BundleError, EdgeError, InputError
from mgdist_edge.manifest import Level
from mgdist_edge.quiet import quiet
from mgdist_edge.views import Views, pad

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter, SignatureRunner

Floats = NDArray[np.float32]


class Runtime:
    """The device model, with one signature a level and unit count.

    Cost follows the length of the document and not the padded maximum, because only its real units are processed.

    Args:
        bundle: opened, so proved whole. The interpreter maps the file into memory and does not copy it.
        threads: of the interpreter.

    Raises:
        BundleError: this LiteRT cannot run the model, or the model is not the one that the manifest describes.
        EdgeError: no LiteRT is installed.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        self._bundle = bundle
        self._levels = bundle.manifest.levels
        self._lock = Lock()
        try:
            with quiet():
                interpreter = _interpreter(bundle, threads)
                interpreter.allocate_tensors()  # where LiteRT makes its remark
            self._runners = _runners(interpreter, bundle)
        except (ValueError, RuntimeError) as error:
            raise _refused(bundle, error) from None
        bundle.require_unchanged()

    def run(self, views: Views) -> Floats:
        """Return the probability of each class, (K,).

        May be called from several threads, which then wait for each other.

        Raises:
            InputError: the views are not those of this bundle's input.
            BundleError: LiteRT stopped in the middle.
        """
        self._require_fit(views)
        try:
            with self._lock:
                return self._forward(views)
        except (ValueError, RuntimeError) as error:
            raise _refused(self._bundle, error) from None

    def _forward(self, views: Views) -> Floats:
        samples: NDArray[np.generic] = views.samples
        summaries: dict[str, Floats] = {}
        for level, lengths in zip(self._levels, views.lengths, strict=True):
            vectors = self._vectors(level, *pad(samples, lengths, level.length))
            # Weighted by their samples, so that a bag of words is the exact mean of all words.
            shares = (lengths / lengths.sum()).astype(np.float32)
            summaries[level.name] = (shares @ vectors)[None]
            samples = vectors
        probabilities: Floats = self._runners["head"](**summaries)["probabilities"][0]
        return probabilities

    def _vectors(self, level: Level, units: NDArray[np.generic], mask: NDArray[np.bool_]) -> Floats:
        """Return the vectors of a level's units.

        Args:
            level: the first one takes ids only, since 0 marks its padding.
            units: (N, S, C).
            mask: (N, S).

        Returns:
            (N, D).
        """
        inputs = {"ids": units} if level is self._levels[0] else {"samples": units, "mask": mask.astype(np.float32)}
        vectors, start = np.empty((len(units), level.width), np.float32), 0
        for count in cover(len(units), level.counts):
            piece = {name: _rows(values, start, count) for name, values in inputs.items()}
            found = self._runners[f"{level.name}_{count}"](**piece)["vectors"]
            vectors[start : start + count] = found[: len(units) - start]
            start += count
        return vectors

    def _require_fit(self, views: Views) -> None:
        """Refuse what the interpreter would stumble over, or answer wrongly."""
        fitted = self._bundle.manifest.input
        if views.samples.dtype != np.int32 or views.samples.shape[1:] != (fitted.order,):
            expected = f"int32 ids of shape (T, {fitted.order})"
            raise InputError(f"expected {expected}; got {views.samples.dtype} of shape {views.samples.shape}")
        lowest, highest = int(views.samples.min(initial=0)), int(views.samples.max(initial=0))
        if lowest < 0 or highest >= fitted.rows:
            wrong = lowest if lowest < 0 else highest
            raise InputError(f"expected ids from 0 to {fitted.rows - 1}; got {wrong}; use the input of this bundle")
        _require_nested(self._levels, views)


def _require_nested(levels: tuple[Level, ...], views: Views) -> None:
    """Refuse lengths that do not lead from the samples to one unit."""
    if len(views.lengths) != len(levels):
        raise InputError(f"expected lengths of {len(levels)} levels; got {len(views.lengths)}")
    left = len(views.samples)
    for level, lengths in zip(levels, views.lengths, strict=True):
        if not len(lengths) or lengths.min() < 1 or lengths.max() > level.length or lengths.sum() != left:
            expected = f"{level.name} units of 1 to {level.length} samples, {left} in all"
            raise InputError(f"expected {expected}; got {len(lengths)} units of {lengths.sum()} samples")
        left = len(lengths)
    if left != 1:
        raise InputError(f"expected one {levels[-1].name} unit; got {left}")


def _rows(values: NDArray[np.generic], start: int, count: int) -> NDArray[np.generic]:
    """Return ``count`` units from ``start`` on; beyond the last they are zeros."""
    rows = values[start : start + count]
    if len(rows) == count:
        return rows
    return np.concatenate([rows, np.zeros((count - len(rows), *values.shape[1:]), values.dtype)])


def _interpreter(bundle: Bundle, threads: int) -> "Interpreter":
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            raise EdgeError("expected the package ai-edge-litert; got none; pip install ai-edge-litert") from None
    return Interpreter(model_path=str(bundle.path), num_threads=threads)


def _runners(interpreter: "Interpreter", bundle: Bundle) -> "dict[str, SignatureRunner]":
    """Return a runner for every signature that the manifest promises, if it reads what was promised."""
    found = interpreter.get_signature_list()
    runners: dict[str, SignatureRunner] = {}
    for name, shapes in _promised(bundle.manifest.levels).items():
        if name not in found:
            raise ValueError(f"it has no signature {name}, which its manifest promises")
        runners[name] = interpreter.get_signature_runner(name)
        details = runners[name].get_input_details()
        read = {name: tuple(int(size) for size in detail["shape"]) for name, detail in details.items()}
        if read != shapes:
            raise ValueError(f"its signature {name} reads {read}, and its manifest promises {shapes}")
    return runners


def _promised(levels: tuple[Level, ...]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes that each signature reads, by name."""
    promised: dict[str, dict[str, tuple[int, ...]]] = {"head": {level.name: (1, level.width) for level in levels}}
    for level in levels:
        for count in level.counts:
            mask = (count, level.length)
            units = (*mask, level.channels)
            promised[f"{level.name}_{count}"] = (
                {"ids": units} if level is levels[0] else {"samples": units, "mask": mask}
            )
    return promised


def _refused(bundle: Bundle, error: Exception) -> BundleError:
    advice = "upgrade ai-edge-litert, or make the bundle again"
    return BundleError(f"{bundle.path}: expected a model that LiteRT can run; got: {_line(error)}; {advice}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
