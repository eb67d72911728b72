"""What a pre-trained encoder and its tokenizer ask of the rest of a job."""

from collections.abc import Iterator

from mgdist.job.checkpoint import Checkpoint, read_checkpoint
from mgdist.job.encoders import LevelSpec, PretrainedSpec
from mgdist.job.mistakes import Mistake
from mgdist.job.shapes import Shape, shapes
from mgdist.job.spec import Job
from mgdist.job.text import GRANULARITIES, TextSpec, WordPieceSpec

_MARKS = 2


def pretrained_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what does not fit a checkpoint that the job names."""
    for name, spec in job.inputs.items():
        if isinstance(spec, TextSpec) and isinstance(spec.tokenizer, WordPieceSpec):
            at, before = (f"data.inputs.{name}", f"{name}.") if job.data.inputs else ("data.input", "")
            yield from _tokenizer(at, spec, spec.tokenizer)
            level = job.levels_of(name).get(GRANULARITIES[0])
            if level is not None and level.length <= _MARKS:
                path = f"granularities.{before}{GRANULARITIES[0]}.length"
                yield Mistake(path, f"expected more than {_MARKS}, the tokens around a unit; got {level.length}")
    for shape in shapes(job):
        if isinstance(shape.spec.encoder, PretrainedSpec):
            yield from _encoder(job, shape, shape.spec.encoder)


def _tokenizer(at: str, spec: TextSpec, tokenizer: WordPieceSpec) -> Iterator[Mistake]:
    for field in ("vocabulary", "min_count", "lowercase"):
        if getattr(spec, field) != TextSpec.model_fields[field].default:
            yield Mistake(f"{at}.{field}", "the wordpiece tokenizer brings its own; leave it out")
    try:
        read_checkpoint(tokenizer.path)
    except ValueError as error:
        yield Mistake(f"{at}.tokenizer.path", str(error))


def _encoder(job: Job, shape: Shape, encoder: PretrainedSpec) -> Iterator[Mistake]:
    path = f"granularities.{shape.name}"
    try:
        known = read_checkpoint(encoder.path)
    except ValueError as error:
        yield Mistake(f"{path}.encoder.path", str(error))
        return
    tokenizer = getattr(job.inputs[shape.input], "tokenizer", None)
    if shape.reads != "raw" or not isinstance(tokenizer, WordPieceSpec):
        yield Mistake(f"{path}.encoder", "expected a text's words from data.input.tokenizer kind wordpiece; got others")
    elif tokenizer.path != encoder.path:
        yield Mistake(f"{path}.encoder.path", f"expected the tokenizer's folder {tokenizer.path}; got {encoder.path}")
    else:
        yield from _widths(job, path, shape, known)
        yield from _embedding(job)
    yield from _layers(path, shape.spec, encoder, known)


def _widths(job: Job, path: str, shape: Shape, known: Checkpoint) -> Iterator[Mistake]:
    expected = f"expected {known.width}, as wide as the checkpoint"
    if shape.states != known.width:
        yield Mistake("model.width" if shape.spec.width is None else f"{path}.width", f"{expected}; got {shape.states}")
    if shape.channels != known.width and job.model.embedding.width is not None:
        yield Mistake("model.embedding.width", f"{expected}; got {shape.channels}")
    elif shape.channels != known.width and shape.spec.width is not None:
        yield Mistake("model.embedding.width", f"{expected}; got model.width, which is {shape.channels}")


def _embedding(job: Job) -> Iterator[Mistake]:
    asked = job.model.embedding
    for field, value in (("ngrams", asked.ngrams), ("bayes", asked.bayes), ("idf", asked.idf or None)):
        if value is not None:
            yield Mistake(f"model.embedding.{field}", "a pre-trained encoder has its own embedding; leave it out")


def _layers(path: str, level: LevelSpec, encoder: PretrainedSpec, known: Checkpoint) -> Iterator[Mistake]:
    if encoder.layers is not None and encoder.layers > known.layers:
        yield Mistake(
            f"{path}.encoder.layers", f"expected at most the checkpoint's {known.layers}; got {encoder.layers}"
        )
    kept = min(encoder.layers or known.layers, known.layers)
    if isinstance(encoder.train, int) and encoder.train > kept:
        yield Mistake(
            f"{path}.encoder.train", f"expected all, none, or at most the {kept} layers; got {encoder.train}; use all"
        )
    if level.length > known.positions:
        yield Mistake(f"{path}.length", f"expected at most the checkpoint's {known.positions}; got {level.length}")
