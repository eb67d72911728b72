"""A variant of what a run shipped that MediaPipe's Text Classifier or Image Classifier loads.

It is one flat signature with TFLite metadata: MediaPipe reads the raw value, cuts it and looks words up by itself, so
what its tokenizer cannot do is refused, and what it does otherwise is measured.

Legend: R rows of a split, K outputs of the head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mgdist.compress.quantize import quantize
from mgdist.data.dataset import Dataset, Shard
from mgdist.errors import ConvertError, JobError
from mgdist.evaluate.scores import quality, score
from mgdist.export.flat import OUTPUT, SIGNATURE, Flat, convert_flat, flat_image, flat_text, most_words
from mgdist.export.metadata import LABELS, VOCABULARY, Pixels, Words, with_metadata
from mgdist.export.verify import answers
from mgdist.export.written import DELIMITER, client_ids, forms, vocabulary_file
from mgdist.job.compress import STATIC, Method
from mgdist.models.network import Network
from mgdist.runs import write
from mgdist_edge.bundle import Bundle
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.quiet import quiet
from mgdist_edge.raws import Raw
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Task, labels_of
from mgdist_edge.text import TextInput

MOST_WORDS, MOST_ROWS = 32_768, 2_000
"""Of a text that a variant reads; of the validation split that it is measured on."""


@dataclass(frozen=True)
class Variant:
    """A file for MediaPipe, and how it answers beside the bundle that it stands for, on validation rows.

    Attributes:
        path: of the file.
        size: its bytes.
        method: format of its weights.
        reads: its input, for people.
        labels: K.
        rows: that both answered.
        equal: of these, how many have the same label.
        difference: the largest one of a probability.
        quality: of the variant on these rows.
        reference: of the bundle on them.
    """

    path: Path
    size: int
    method: Method
    reads: str
    labels: int
    rows: int
    equal: int
    difference: float
    quality: float
    reference: float

    def __str__(self) -> str:
        """Return what people are told."""
        return (
            f"{self.path}: {self.reads} -> {self.labels} labels, {self.method}, {self.size / 1e6:.2f} MB\n"
            f"beside the bundle on {self.rows:,} validation rows: equal labels {self.equal:,} "
            f"({self.equal / self.rows:.2%}), largest difference of a probability {self.difference:.4f}, "
            f"quality {self.quality:.4f} (bundle {self.reference:.4f})"
        )


@dataclass(frozen=True)
class Client:
    """What the client hands the model, and what it needs to be told for that."""

    flat: Flat
    reads: Words | Pixels
    vocabulary: dict[str, int]

    def given(self, raw: Raw) -> NDArray[np.generic]:
        """Return the model's input for a raw value."""
        if isinstance(self.reads, Words):
            return client_ids(str(raw), self.vocabulary, self.flat.example.shape[1])
        assert isinstance(raw, np.ndarray), "images are kept as pixels"
        return np.broadcast_to(raw, (*raw.shape[:2], 3)).astype(np.float32)[None]

    @property
    def files(self) -> dict[str, bytes]:
        """Those that stand behind the model beside its labels."""
        return {VOCABULARY: vocabulary_file(self.vocabulary)} if self.vocabulary else {}


def mediapipe(
    network: Network,
    dataset: Dataset,
    bundle: Path,
    destination: Path,
    *,
    method: Method,
    budget: float,
    words: int | None = None,
    aware: bool = False,
) -> Variant:
    """Write the variant, if it answers as the bundle does.

    Args:
        network: that the bundle was converted from.
        dataset: that it reads.
        bundle: that the variant stands for.
        destination: of the file.
        method: format of the weights.
        budget: share of the validation rows whose label may be another one.
        words: that are read of a text; None for as many as the bundle reads.
        aware: the network was fine-tuned for this method.

    Raises:
        JobError: MediaPipe cannot do what this network needs, or an option is wrong.
        ConvertError: it does not convert, or too many labels are other ones.
    """
    require_expressible(dataset.inputs, dataset.tasks)
    if method == "mixed" or method in STATIC:
        raise JobError(f"--method: expected a format that needs no measuring; got {method}; say --method int8_dynamic")
    ((name, task),), ((_, fitted),) = dataset.tasks.items(), dataset.inputs.items()
    client = _client(network, fitted, task, dataset.train, words)
    with TemporaryDirectory() as folder:
        float32, quantized = Path(folder) / "float32.tflite", Path(folder) / "variant.tflite"
        write(float32, convert_flat(client.flat))
        model = quantize(float32, method, quantized, aware=aware).path.read_bytes()
    about = f"{Bundle.open(bundle).manifest.name}, for MediaPipe; made by mgdist"
    files = {LABELS: "\n".join(labels_of(task)).encode(), **client.files}
    content = with_metadata(model, client.reads, name=bundle.stem, about=about, files=files)
    rows = range(0, len(dataset.valid), -(-len(dataset.valid) // MOST_ROWS))
    here, there = _answers(content, client, dataset.valid, rows), answers(bundle, dataset.valid, rows)[name]
    found = _compared(dataset, name, rows, here, there)
    shape = tuple(client.flat.example.shape)
    variant = Variant(
        destination, len(content), method, f"{client.flat.name} {shape}", len(labels_of(task)), len(rows), *found
    )
    if variant.equal < (1 - budget) * len(rows):
        raise ConvertError(
            f"{destination}: not written: expected the bundle's label for {1 - budget:.2%} of {len(rows)} validation "
            f"rows; got it for {variant.equal / len(rows):.2%}; say --method float32, --words for longer texts, or a "
            "larger --budget"
        )
    write(destination, content)
    return variant


def require_expressible(inputs: Mapping[str, Input], tasks: Mapping[str, Task]) -> None:
    """Refuse what MediaPipe's tokenizer or its tasks cannot do.

    Raises:
        JobError: says which field of the job to change, one line each.
    """
    wrong = []
    if len(inputs) != 1 or len(tasks) != 1:
        wrong.append("expected one input and one head; got several; MediaPipe's classifiers read one and answer one")
    for task in tasks.values():
        if not isinstance(task, Classify | Ordinal | MultiLabel):
            wrong.append(f"task.kind: expected classify, ordinal or multi_label; got {task.kind}")
    for fitted in inputs.values():
        wrong += _inexpressible(fitted)
    if wrong:
        raise JobError("\n".join(f"for MediaPipe: {line}" for line in wrong))


def _inexpressible(fitted: Input) -> list[str]:
    wrong = []
    match fitted:
        case TextInput():
            if fitted.pieces is not None:
                wrong.append("data.input.tokenizer: expected words, which a regex tokenizer finds; got wordpiece")
            if len(fitted.levels) > 1 and not fitted.windows:
                wrong.append(
                    "data.input.cut: expected windows, since MediaPipe's tokenizer does not tell where sentences end; "
                    "got sentences; set data.input.cut: windows and submit the job again"
                )
            if fitted.order > 1:
                wrong.append(
                    "model.embedding.ngrams: expected null, since MediaPipe's tokenizer knows no hashed n-grams; got "
                    f"order {fitted.order}; leave them out and submit the job again"
                )
        case ImageInput():
            pass
        case _:
            wrong.append(f"data.input.kind: expected text or image; got {fitted.kind}")
    return wrong


def _client(network: Network, fitted: Input, task: Task, train: Shard, words: int | None) -> Client:
    match fitted:
        case TextInput():
            texts = (str(raws) for raws in next(iter(train.raws.values())))
            flat = flat_text(network, fitted, task, _words(fitted, words))
            return Client(flat, Words(DELIMITER), forms(fitted, texts))
        case ImageInput(size=(height, width)):
            if words is not None:
                raise JobError("--words: expected a job that reads text; got one that reads images; leave it out")
            return Client(flat_image(network, fitted, task), Pixels(height, width), {})
        case _:
            raise AssertionError("refused before")


def _words(fitted: TextInput, words: int | None) -> int:
    window, most = fitted.levels["word"].length, most_words(fitted)
    asked = most if words is None else words
    if asked % window or not 0 < asked <= min(most, MOST_WORDS):
        expected = f"a multiple of {window}, the words of a window, up to {min(most, MOST_WORDS) // window * window}"
        raise JobError(f"--words: expected {expected}; got {asked}")
    return asked


def _answers(content: bytes, client: Client, shard: Shard, rows: Sequence[int]) -> NDArray[np.float32]:
    """Return the outputs (R, K) of the packed file for some rows, read as the client reads them."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()  # where LiteRT makes its remark
        run = interpreter.get_signature_runner(SIGNATURE)
    ((_, raws),) = shard.raws.items()
    found = [run(**{client.flat.name: client.given(raws[row])})[OUTPUT] for row in rows]
    return np.concatenate(found)


def _compared(
    dataset: Dataset, name: str, rows: range, here: NDArray[np.float32], there: NDArray[np.float32]
) -> tuple[int, float, float, float]:
    """Return how many labels are equal, the largest difference, and the quality of both."""
    task, targets = dataset.tasks[name], dataset.valid.targets[name][list(rows)]
    match task:
        case MultiLabel():
            same = ((here >= 0.5) == (there >= 0.5)).all(1)
        case _:
            same = here.argmax(1) == there.argmax(1)
    mine, theirs = (quality(score({name: task}, {name: each}, {name: targets})) for each in (here, there))
    return int(same.sum()), float(np.abs(here - there).max()), mine, theirs
