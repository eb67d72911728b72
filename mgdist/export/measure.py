"""Measuring candidates: each format of the weights as a bundle, run by the edge runtime on the validation split.

Legend: R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.compress.candidate import Candidate, Layer
from mgdist.compress.layers import layers_of
from mgdist.compress.mixed import furthest, plain, steps
from mgdist.compress.quantize import Calls, Format, Quantized, quantize
from mgdist.data.dataset import Dataset, Shard
from mgdist.errors import ConvertError
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.scores import Heads, consistent, quality, score
from mgdist.export.bundle import bundle
from mgdist.export.calibrate import calls_of
from mgdist.export.litert_route import Converted
from mgdist.export.measured import Answers, Measured
from mgdist.export.verify import Speed, answers, measure, parity
from mgdist.job.compress import STATIC, Method
from mgdist.job.export import Asked
from mgdist.runs import job_digest, versions, write
from mgdist_edge.bundle import Bundle
from mgdist_edge.golden import Example, Golden
from mgdist_edge.manifest import Level, Manifest
from mgdist_edge.raws import Raw, raw_json

GOLDEN_EXAMPLES, FEWEST_GOLDEN = 8, 2
"""Golden examples in a bundle: as many as stay below GOLDEN_BYTES, between the two."""
GOLDEN_BYTES, LONGEST_GOLDEN = 64_000, 20_000
"""Bytes that all examples may take with their answers, and the input of one alone."""
DIGITS = 12
"""Bytes of an output in JSON, about."""
TIMED = 300
"""Examples that a candidate is timed on."""
SENSED = 100
"""Training examples that the sensitivity of a layer is measured on."""


Spread = Callable[[Sequence[Callable[[], Answers]]], list[Answers]]
"""Does some works beside each other, and returns what they gave, in their order."""


@dataclass(frozen=True)
class Weighed:
    """A model in another format, packed: its size is known, and nothing else of what it costs.

    Attributes:
        made: what was quantized.
        packed: as a bundle.
    """

    made: Quantized
    packed: Bundle


@dataclass(frozen=True)
class Measuring:
    """What candidates are made of and measured with.

    Attributes:
        job: as it was trained.
        dataset: that it was trained on.
        converted: the network, float32.
        trained: the trained network's outputs on the validation split.
        reference: quality there that the budget is counted from.
        created: when, in ISO 8601.
        folder: that the candidates are written into.
        measured: what was measured before.
        step: of pruning that the network is left from; 0 of the trained one.
        aware: whether the network was fine-tuned for the one method that the job tries.
    """

    job: Asked
    dataset: Dataset
    converted: Converted
    trained: Outputs
    reference: float
    created: str
    folder: Path
    measured: Measured
    step: int = 0
    aware: bool = False

    def weighed(self, method: Method, formats: Mapping[str, Format] | None = None) -> Weighed:
        """Quantize the model and pack it; leaves METHOD.tflite and METHOD.bundle.tflite.

        Args:
            method: the format.
            formats: of each layer, for mixed; None where the accuracy budget decides them.

        Raises:
            ConvertError: it does not quantize, or there are too few examples to calibrate on.
        """
        if formats is None:
            formats = self.mixed() if method == "mixed" else {}
        calls = self.calls(method) if method in STATIC else {}
        path = flatbuffer(self.folder, method)
        made = quantize(self.converted.path, method, path, formats=formats, calls=calls, aware=self.aware)
        return Weighed(made, self._packed(made))

    def speed(self, weighed: Weighed) -> Speed:
        """Return the latency and the memory of a bundle.

        Raises:
            ConvertError: the edge runtime refuses it.
        """
        return self.measured.speed(weighed.packed, partial(measure, weighed.packed.path, self.timed))

    def answer(self, weighed: Sequence[Weighed], spread: Spread) -> None:
        """Let models that are not known yet answer for the validation split beside each other; none is timed then."""
        unknown = [each.packed for each in weighed if not self.measured.knows_answers(each.packed)]
        if len(unknown) > 1:
            works = [partial(answered, each.path, self.dataset.folder) for each in unknown]
            for packed, found in zip(unknown, spread(works), strict=True):
                self.measured.answers(packed, partial(dict, found))

    def candidate(self, weighed: Weighed) -> Candidate:
        """Score a bundle, and tell all that is known of it; leaves METHOD.npz, its outputs."""
        made, packed, speed = weighed.made, weighed.packed, self.speed(weighed)
        device, scores = self._scored(packed)
        np.savez(outputs_path(self.folder, made.method), allow_pickle=False, **device)
        return Candidate(
            method=made.method,
            quality=quality(scores),
            sha256=packed.manifest.parts["model"].sha256,
            size=packed.size,
            latency=speed.latency,
            memory=speed.memory,
            weights=made.weights.shares,
            parity=parity(self.dataset.tasks, device, self.trained),
            consistent=consistent(scores),
            layers=made.layers,
            floats=made.weights.floats,
            step=self.step,
            aware=self.aware,
        )

    def mixed(self) -> dict[str, Format]:
        """Return the format of each layer with which the model is smallest and keeps the accuracy budget."""
        found, lowest = layers_of(self.converted.path), self.reference - self.job.compress.max_accuracy_drop
        rows = _spread(self.dataset.train, SENSED)
        whole = self._outputs(plain(found), rows)

        def harm(layer: Layer, format: Format) -> float:
            told = self._outputs({**plain(found), layer.name: format}, rows)
            return sum(float(np.abs(told[name] - whole[name]).mean()) for name in whole)

        def keeps(formats: Mapping[str, Format]) -> bool:
            return quality(self._scored(Bundle.open(self._tried(formats)))[1]) >= lowest - 1e-9

        return furthest(steps(found, harm), found, keeps)

    def calls(self, method: Method) -> Calls:
        """Return what the signatures are given on training examples, to calibrate on.

        Raises:
            ConvertError: there are too few.
        """
        wanted = self.job.compress.calibrate
        rows = _spread(self.dataset.train, wanted)
        if len(rows) < wanted:
            raise ConvertError(
                f"compress.calibrate: expected {wanted} training examples to calibrate {method} on; got {len(rows)}; "
                "ask for fewer, give more rows, or leave the method out"
            )
        float32 = Bundle.open(self._tried(plain(layers_of(self.converted.path))))
        return calls_of(float32, (self.dataset.train.views(row) for row in rows))

    @cached_property
    def timed(self) -> Path:
        """Evenly chosen examples of the validation split, written for timing."""
        return write_examples(self.dataset.valid, TIMED, self.folder / "timed.jsonl")

    def _packed(self, made: Quantized) -> Bundle:
        about = self._about(made.method)
        return bundle(made.path, about, self._golden, bundle_path(self.folder, made.method))

    def _about(self, method: Method) -> Manifest:
        return manifest_of(self.job, self.dataset, self.converted.levels, method, self.created)

    @cached_property
    def _golden(self) -> Golden:
        return golden_of(self.dataset.valid, self.trained)

    def _tried(self, formats: Mapping[str, Format]) -> Path:
        """Return a bundle of the model with such formats, which is soon forgotten."""
        bare = quantize(self.converted.path, "mixed", self.folder / "tried.tflite", formats=formats).path
        return bundle(bare, self._about("mixed"), self._golden, self.folder / "tried.bundle.tflite").path

    def _outputs(self, formats: Mapping[str, Format], rows: range) -> dict[str, NDArray[np.float32]]:
        return answers(self._tried(formats), self.dataset.train, rows)

    def _scored(self, packed: Bundle) -> tuple[Answers, Heads]:
        device = self.measured.answers(packed, partial(answers, packed.path, self.dataset.valid))
        return device, score(self.dataset.tasks, device, self.dataset.valid.targets)


def answered(bundle: Path, data: Path) -> Answers:
    """Return what a bundle answers for the validation split of a data set, in whatever process this is."""
    return answers(bundle, Dataset.open(data).valid)


def write_examples(shard: Shard, most: int, path: Path) -> Path:
    """Write evenly chosen examples of a split as the edge runtime reads them, one JSON value a line."""
    lines = ({name: raw_json(raw) for name, raw in shard.raw(row).items()} for row in _spread(shard, most))
    write(path, "".join(json.dumps(line) + "\n" for line in lines))
    return path


def _spread(shard: Shard, most: int) -> range:
    """Return evenly chosen rows of a split."""
    return range(0, len(shard), max(1, len(shard) // most))[:most]


def flatbuffer(folder: Path, method: Method) -> Path:
    """Return where a candidate's bare model lies."""
    return folder / f"{method}.tflite"


def bundle_path(folder: Path, method: Method) -> Path:
    """Return where a candidate as a bundle lies."""
    return folder / f"{method}.bundle.tflite"


def outputs_path(folder: Path, method: Method) -> Path:
    """Return where a candidate's outputs on the validation split lie; the golden examples are some of them."""
    return folder / f"{method}.npz"


def manifest_of(job: Asked, dataset: Dataset, levels: tuple[Level, ...], method: Method, created: str) -> Manifest:
    """Return what a bundle of a job says of itself, before it was measured."""
    return Manifest(
        name=job.name,
        created=created,
        license=job.run.license,
        tasks=dataset.tasks,
        inputs=dataset.inputs,
        levels=levels,
        method=method,
        job_digest=job_digest(job),
        data_digest=dataset.digest,
        versions=versions(),
        metrics={},
        parity={},
    )


def golden_of(shard: Shard, outputs: Outputs) -> Golden:
    """Pick examples from short to long, with the outputs given; fewer where they would be most of a small bundle."""
    answers = sum(DIGITS * values[:1].size for values in outputs.values() if len(values) == len(shard))
    sizes = [_size(shard.raw(row)) for row in range(len(shard))]
    ranked = sorted(range(len(shard)), key=sizes.__getitem__)
    ranked = [row for row in ranked if sizes[row] <= LONGEST_GOLDEN] or ranked[:1]
    for many in range(min(GOLDEN_EXAMPLES, len(ranked)), 0, -1):
        places = np.linspace(0, len(ranked) - 1, many).astype(int)
        rows = [ranked[place] for place in dict.fromkeys(places.tolist())]
        if many <= FEWEST_GOLDEN or sum(sizes[row] + answers for row in rows) <= GOLDEN_BYTES:
            break
    return Golden(tuple(Example(shard.raw(row), _expected(shard, outputs, row)) for row in rows))


def _expected(shard: Shard, outputs: Outputs, row: int) -> dict[str, tuple[float, ...]]:
    """Return the outputs of one row; of labelled samples with four digits, since there are many.

    Others have those that tell one float32 from the next, and no more.
    """
    found = {name: shard.outputs_of(name, values, np.array([row])) for name, values in outputs.items()}
    return {name: tuple(_shortest(each if len(each) == 1 else each.round(4))) for name, each in found.items()}


def _shortest(values: NDArray[np.floating]) -> list[float]:
    return [float(str(value)) for value in values.astype(np.float32).ravel()]


def _size(raws: Mapping[str, Raw]) -> int:
    """Return about how much of a file an example takes."""
    return sum(raw.nbytes if isinstance(raw, np.ndarray) else len(raw) for raw in raws.values())
