"""Run the network of a bundle on one example: level by level, then the heads.

Legend: T samples of a view, N units, S samples of a unit, C channels, W numbers of a unit's vector, D those of a
sample's state, K outputs of a head.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.array import ArrayInput
from mgdist_edge.bundle import Bundle
from mgdist_edge.calls import Call
from mgdist_edge.cover import cover
from mgdist_edge.errors import BundleError, EdgeError, InputError
from mgdist_edge.exits import Begun
from mgdist_edge.levels import spans
from mgdist_edge.manifest import Level, Manifest
from mgdist_edge.memory import Memory
from mgdist_edge.quiet import quiet
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Forecast, head_outputs
from mgdist_edge.text import TextInput
from mgdist_edge.views import Views, covering, lay, real, weights

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter, SignatureRunner

Floats = NDArray[np.float32]
_NONE: Floats = np.empty((0, 0), np.float32)
Hear = Callable[[str, Mapping[str, NDArray[np.generic]]], None]
HEAD = "head"
"""The signature of the heads that answer for a whole example; ``head_N`` is that of those that label the samples of N
units."""


class Runtime:
    """The device model, with one signature a level and unit count.

    Cost follows the length of the document and not the padded maximum, because only its real units are processed.

    Args:
        bundle: opened, so proved whole. The interpreter maps the file into memory and does not copy it.
        threads: of the interpreter.
        hear: is told the name of each signature that is called, and its inputs.

    Raises:
        BundleError: this LiteRT cannot run the model, or the model is not the one that the manifest describes.
        EdgeError: no LiteRT is installed.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, hear: "Hear | None" = None) -> None:
        self._bundle, self._hear = bundle, hear
        self._levels = bundle.manifest.levels
        self._steps = tuple(_steps(self._levels))
        self._tagged_level = next((level for level in self._levels if level.states), None)
        self._tasks = tuple(bundle.manifest.tasks)
        self._forecasts = [name for name, task in bundle.manifest.tasks.items() if isinstance(task, Forecast)]
        self._whole = bool(_arrays(bundle.manifest))
        self._lock = Lock()
        try:
            with quiet():
                interpreter = _interpreter(bundle, threads)
                interpreter.allocate_tensors()  # where LiteRT makes its remark
            self._calls = {name: Call(runner) for name, runner in _runners(interpreter, bundle).items()}
        except (ValueError, RuntimeError) as error:
            raise _refused(bundle, error) from None
        bundle.require_unchanged()

    def run(self, views: Mapping[str, Views]) -> dict[str, Floats]:
        """Return the outputs of each head, (K,); of one that labels samples (T, K).

        May be called from several threads, which then wait for each other.

        Args:
            views: of each input, by name.

        Raises:
            InputError: the views are not those of this bundle's inputs.
            BundleError: LiteRT stopped in the middle.
        """
        inputs = self._bundle.manifest.inputs
        if set(views) != set(inputs):
            got = ", ".join(views) or "none"
            raise InputError(
                f"expected views of {', '.join(inputs)}; got those of {got}; use the inputs of this bundle"
            )
        for name, fitted in inputs.items():
            if isinstance(fitted, ArrayInput):
                _require_array(fitted, views[name])
                continue
            levels = [level for level in self._levels if level.input == name]
            for each in _apart(self._bundle.manifest, views):
                _require_nested(levels, each[name])
            if isinstance(fitted, TextInput):
                _require_ids(fitted, views[name])
        return self.recall(views, None)

    def recall(self, views: Mapping[str, Views], memory: Memory | Begun | None) -> dict[str, Floats]:
        """Return what ``run`` does, for views that this bundle's inputs gave: they are not looked at again.

        Args:
            views: of each input, by name.
            memory: of units that need not be computed again; those of levels whose samples are labelled always are.

        Raises:
            BundleError: LiteRT stopped in the middle.
        """
        try:
            with self._lock:
                return self._answered(views, memory)
        except (ValueError, RuntimeError) as error:
            raise _refused(self._bundle, error) from None

    def _answered(self, views: Mapping[str, Views], memory: Memory | Begun | None) -> dict[str, Floats]:
        """Return the outputs of one run; or, where channels are apart, of one run each, side by side."""
        if not self._forecasts:
            return self._forward(views, memory)
        runs = [self._forward(each, memory) for each in _apart(self._bundle.manifest, views)]
        found = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
        for name in self._forecasts:
            factor, shift = (each[:, None] for each in _standing(views))
            found[name] = (found[name].reshape(len(factor), -1) * factor + shift).ravel()
        return found

    def _forward(self, views: Mapping[str, Views], memory: Memory | Begun | None) -> dict[str, Floats]:
        finer: NDArray[np.generic] = _NONE
        summaries: dict[str, NDArray[np.generic]] = {}
        states: dict[str, Floats] = {}
        for level, place in self._steps:
            each = views[level.input]
            read, lengths = each.samples[place], each.lengths[place]
            read = finer if read is None else read
            if memory is None or level.states:
                vectors, found = self._called(level, read, lengths)
            else:
                vectors = memory.vectors(level.key, read, lengths, partial(self._vectors, level))
            summaries[level.key] = vectors if len(lengths) == 1 else _averaged(vectors, lengths)
            if level.states:
                states[level.key] = found
            finer = vectors
        if self._tagged_level is None:
            outputs = self._call(HEAD, summaries | _whole(views) if self._whole else summaries)
            return {name: outputs[name][0] for name in self._tasks}
        outputs = self._call(HEAD, summaries | _whole(views)) if HEAD in self._calls else {}
        told = {name: values[0] for name, values in outputs.items()} | self._tagged(self._tagged_level, states, views)
        return {name: told[name] for name in self._tasks}

    def _vectors(self, level: Level, samples: NDArray[np.generic], lengths: NDArray[np.int32]) -> Floats:
        return self._called(level, samples, lengths)[0]

    def _called(self, level: Level, samples: NDArray[np.generic], lengths: NDArray[np.int32]) -> tuple[Floats, Floats]:
        """Return the vectors of a level's units, (N, W), and the states of their samples, (T, D).

        Args:
            level: whose signatures are called.
            samples: (T, C) of all units, one unit after another.
            lengths: (N,) samples of each.
        """
        calls = cover(len(lengths), level.counts)
        units = sum(calls)
        inputs = {_input_name(level): lay(samples, lengths, level.length, units)}
        if level.masked:
            inputs["mask"] = weights(lengths, level.length, units)
        found = self._covered(level.key, calls, inputs, len(lengths))
        return found["vectors"], found["states"][real(lengths, level.length)] if level.states else _NONE

    def _covered(
        self, key: str, calls: tuple[int, ...], inputs: Mapping[str, NDArray[np.generic]], units: int
    ) -> dict[str, Floats]:
        """Call the signatures of a level, or of the heads, until all units are processed.

        Args:
            key: of the signatures, which are called ``{key}_{count}``.
            calls: units that each call takes.
            inputs: by name, (units of all calls, ...), N of them real.
            units: N.

        Returns:
            each output, (N, ...).
        """
        if len(calls) == 1:
            found = self._call(f"{key}_{calls[0]}", inputs)
            return found if calls[0] == units else {name: values[:units] for name, values in found.items()}
        pieces: list[dict[str, Floats]] = []
        start = 0
        for count in calls:
            piece = {name: values[start : start + count] for name, values in inputs.items()}
            pieces.append(self._call(f"{key}_{count}", piece))
            start += count
        return {name: np.concatenate([piece[name] for piece in pieces])[:units] for name in pieces[0]}

    def _call(self, signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, Floats]:
        if self._hear is not None:
            self._hear(signature, inputs)
        return self._calls[signature](inputs)

    def _tagged(self, level: Level, states: Mapping[str, Floats], views: Mapping[str, Views]) -> dict[str, Floats]:
        """Return the outputs (T, K) of the heads that label samples.

        Each sample is told its own state, and at each coarser level the one of the sample that covers it in time.

        Args:
            level: whose samples are labelled.
            states: of that level and of the coarser ones, each (T, D) with its own T.
            views: of the only input.
        """
        ((name, each),) = views.items()
        reach = dict(zip(self._levels, spans(self._bundle.manifest.inputs[name].levels.values()), strict=True))
        lengths = dict(zip(self._levels, each.lengths, strict=True))
        counts = {coarse: np.array([lengths[coarse].sum()]) for coarse in self._levels if coarse.states}
        calls = cover(len(lengths[level]), level.counts)
        units = {}
        for coarse, count in counts.items():
            places = covering(counts[level], reach[level], count, reach[coarse])
            units[coarse.key] = lay(states[coarse.key][places], lengths[level], level.length, sum(calls))
        mask = real(lengths[level], level.length)
        return {name: outputs[mask] for name, outputs in self._covered(HEAD, calls, units, len(mask)).items()}


def _averaged(vectors: Floats, lengths: NDArray[np.int32]) -> Floats:
    """Return the mean vector of units, (1, W), weighted by their samples: a bag of words is the exact mean of words."""
    found: Floats = (lengths.astype(np.float32) @ vectors)[None]
    found /= sum(lengths.tolist())  # of as few units as there mostly are, plain numbers take less time
    return found


def _steps(levels: tuple[Level, ...]) -> Iterator[tuple[Level, int]]:
    """Yield each level, and its place among those of its input."""
    seen: Counter[str] = Counter()
    for level in levels:
        yield level, seen[level.input]
        seen[level.input] += 1


def _apart(manifest: Manifest, views: Mapping[str, Views]) -> Iterator[Mapping[str, Views]]:
    """Yield the views of each run: of one channel at a time where each is an example of its own."""
    task = next(iter(manifest.tasks.values()))
    if not (isinstance(task, Forecast) and task.apart):
        yield views
        return
    for channel in range(len(task.columns)):
        yield {
            name: Views(tuple(s if s is None else s[:, channel : channel + 1] for s in each.samples), each.lengths)
            for name, each in views.items()
        }


def _standing(views: Mapping[str, Views]) -> tuple[Floats, Floats]:
    """Return what forecasts are multiplied by, and what is added then, both (C,)."""
    standing = next(iter(views.values())).standing
    if standing is None:
        raise InputError("expected views that say how a series was normalised; got none; use the input of this bundle")
    return standing


def _input_name(level: Level) -> str:
    return "ids" if level.reads == "ids" else "samples"


def _require_ids(fitted: TextInput, views: Views) -> None:
    """Refuse ids that the interpreter would stumble over, or answer wrongly for."""
    (ids, *_) = views.samples
    assert ids is not None, "the finest level reads a raw view"
    if ids.dtype != np.int32:
        raise InputError(f"expected int32 ids; got {ids.dtype}")
    lowest, highest = int(ids.min(initial=0)), int(ids.max(initial=0))
    if lowest < 0 or highest >= fitted.rows:
        wrong = lowest if lowest < 0 else highest
        raise InputError(f"expected ids from 0 to {fitted.rows - 1}; got {wrong}; use the input of this bundle")


def _require_nested(levels: list[Level], views: Views) -> None:
    """Refuse views that do not lead from the samples to the coarsest units."""
    if not len(views.lengths) == len(views.samples) == len(levels):
        raise InputError(f"expected lengths of {len(levels)} levels; got {len(views.lengths)}")
    left = 0
    for level, samples, lengths in zip(levels, views.samples, views.lengths, strict=True):
        if (samples is None) != (level.reads == "units"):
            raise InputError(f"expected {level.reads} at level {level.name}; got otherwise")
        if samples is not None:
            if samples.shape[1:] != (level.channels,):
                raise InputError(f"expected {level.reads} of shape (T, {level.channels}); got {samples.shape}")
            left = len(samples)
        if not len(lengths) or lengths.min() < 1 or lengths.max() > level.length or lengths.sum() != left:
            expected = f"{level.name} units of 1 to {level.length} samples, {left} in all"
            raise InputError(f"expected {expected}; got {len(lengths)} units of {lengths.sum()} samples")
        left = len(lengths)


def _require_array(fitted: ArrayInput, views: Views) -> None:
    """Refuse anything but the one array that the head reads."""
    (array, *_) = views.samples
    if views.lengths or array is None or array.shape != fitted.shape or array.dtype != fitted.dtype:
        got = "another" if array is None else f"{array.dtype} {array.shape}"
        raise InputError(f"expected an array of {fitted.dtype} {fitted.shape}; got {got}; use the input of this bundle")


def _whole(views: Mapping[str, Views]) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that the head reads as they are, (1, ...) each."""
    arrays = {name: each.samples[0] for name, each in views.items() if not each.lengths}
    return {name: array[None] for name, array in arrays.items() if array is not None}


def litert_version() -> str:
    """Return which LiteRT runs here, and its version."""
    names = ("ai_edge_litert", "tflite_runtime")
    return " ".join(f"{each} {getattr(sys.modules[each], '__version__', '?')}" for each in names if each in sys.modules)


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
    """Return a runner for every signature that the manifest promises, if it reads and gives what was promised."""
    found = interpreter.get_signature_list()
    runners: dict[str, SignatureRunner] = {}
    for name, shapes in _promised(bundle.manifest).items():
        if name not in found:
            raise ValueError(f"it has no signature {name}, which its manifest promises")
        runners[name] = interpreter.get_signature_runner(name)
        read = _shapes(runners[name].get_input_details())
        if read != shapes:
            raise ValueError(f"its signature {name} reads {read}, and its manifest promises {shapes}")
    for name, answers in _answers(bundle.manifest).items():
        given = _shapes(runners[name].get_output_details())
        if given != answers:
            raise ValueError(f"its {name} gives {given}, and its manifest promises {answers}")
    return runners


def _shapes(details: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(int(size) for size in detail["shape"]) for name, detail in details.items()}


def _promised(manifest: Manifest) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes that each signature reads, by name."""
    promised: dict[str, dict[str, tuple[int, ...]]] = {}
    for level in manifest.levels:
        for count in level.counts:
            mask = (count, level.length)
            promised[f"{level.key}_{count}"] = {_input_name(level): (*mask, level.channels)} | (
                {"mask": mask} if level.masked else {}
            )
    told = {level.key: level for level in manifest.levels}
    for name, answers in _answers(manifest).items():
        if name == HEAD:
            promised[name] = {key: (1, level.width) for key, level in told.items()} | _arrays(manifest)
        elif name not in promised:
            first = next(iter(answers.values()))
            promised[name] = {key: (*first[:2], level.states) for key, level in told.items() if level.states}
    return promised


def _arrays(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays that the head reads as they are, by input."""
    return {name: (1, *each.shape) for name, each in manifest.inputs.items() if isinstance(each, ArrayInput)}


def _answers(manifest: Manifest) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes that the signatures of the heads give, and of the levels whose states are read, by name."""
    tags = {name: task for name, task in manifest.tasks.items() if isinstance(task, Tag)}
    whole: dict[str, tuple[int, ...]] = {
        name: (1, head_outputs(task)) for name, task in manifest.tasks.items() if name not in tags
    }
    promised: dict[str, dict[str, tuple[int, ...]]] = {HEAD: whole} if whole else {}
    read = [level for level in manifest.levels if level.states]
    for level in read:
        for count in level.counts:
            of_level = {"vectors": (count, level.width), "states": (count, level.length, level.states)}
            promised[f"{level.key}_{count}"] = of_level
    for count in read[0].counts if read else ():
        promised[f"{HEAD}_{count}"] = {name: (count, read[0].length, task.outputs) for name, task in tags.items()}
    return promised


def _refused(bundle: Bundle, error: Exception) -> BundleError:
    advice = "upgrade ai-edge-litert, or make the bundle again"
    return BundleError(f"{bundle.path}: expected a model that LiteRT can run; got: {_line(error)}; {advice}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
