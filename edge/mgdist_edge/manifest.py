"""The manifest of a bundle: what the model is, what it reads, what it answers, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from mgdist_edge.above import require_finer
from mgdist_edge.errors import BundleError
from mgdist_edge.exits import Exit, read_exit
from mgdist_edge.fields import Fields, parse
from mgdist_edge.inputs import Input, read_input
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Task, labels_of, read_task, task_json
from mgdist_edge.text import TextInput
from mgdist_edge.usual import Usual, read_usual, usual_json

FORMAT = 1
"""Version of the bundle's layout; a newer one is refused."""

_MOST_UNITS, _LONGEST, _WIDEST, _MOST_PARTS = 4096, 1_000_000, 1_000_000, 16
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Part:
    """One part of the file, as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Level:
    """One granularity of the network, as signatures of the device model.

    Attributes:
        name: word, sentence, ...; with the input in front where there are several: ``title.word``.
        input: the name of the input that it belongs to.
        reads: ``ids`` or ``samples`` of a raw view, or the ``units`` of the level before it.
        length: S, samples of a unit.
        channels: C of a sample: the n-gram order where the samples are ids, the readings of a sample, or the width of
            the finer level.
        width: numbers of a unit's vector.
        counts: units that one call takes, smallest first.
        masked: whether its units may hold fewer than S samples, so that it must be told which are real. Of ids it sees
            that itself: padding is 0.
        states: D, numbers of each sample's state, where its signatures give them beside the vectors since samples are
            labelled; else 0.
    """

    name: str
    input: str
    reads: Literal["ids", "samples", "units"]
    length: int
    channels: int
    width: int
    counts: tuple[int, ...]
    masked: bool
    states: int = 0

    @property
    def key(self) -> str:
        """The name by which the model calls it; its signatures are ``{key}_{count}``."""
        return self.name.replace(".", "_")


@dataclass(frozen=True)
class Manifest:
    """All that a bundle says of itself.

    Attributes:
        name: of the job.
        created: when, in ISO 8601.
        license: of the model, if it is known.
        tasks: what it answers, by head.
        inputs: what turns raw into views, by name.
        levels: the network's granularities: of each input, finest first.
        method: how the model was compressed, such as ``dynamic_int8``.
        job_digest: of the job that it comes from.
        data_digest: of the data that it was trained on.
        versions: of the programs that made it.
        metrics: measured on the model that ships, such as ``accuracy``.
        parity: how far the device model is from the trained one.
        parts: what the file consists of; ``model`` is the flatbuffer.
        usual: what the answers of a head look like where it was trained, by head; none of those that give numbers.
        exit: when reading may stop; None where all is read.
    """

    name: str
    created: str
    license: str | None
    tasks: Mapping[str, Task]
    inputs: Mapping[str, Input]
    levels: tuple[Level, ...]
    method: str
    job_digest: str
    data_digest: str
    versions: Mapping[str, str]
    metrics: Mapping[str, float]
    parity: Mapping[str, float]
    parts: Mapping[str, Part] = field(default_factory=dict)
    usual: Mapping[str, Usual] = field(default_factory=dict)
    exit: Exit | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the first head's outputs, which labels.txt lists."""
        return labels_of(next(iter(self.tasks.values())))

    def as_json(self) -> dict[str, object]:
        """Return what manifest.json holds; the vocabulary travels as tokenizer.json."""
        return {
            "format": FORMAT,
            "name": self.name,
            "created": self.created,
            "license": self.license,
            "tasks": {name: task_json(task) for name, task in self.tasks.items()},
            "inputs": {name: fitted.as_json() for name, fitted in self.inputs.items()},
            "network": {"levels": [vars(level) | {"counts": list(level.counts)} for level in self.levels]},
            "method": self.method,
            "job_digest": self.job_digest,
            "data_digest": self.data_digest,
            "versions": dict(self.versions),
            "metrics": dict(self.metrics),
            "parity": dict(self.parity),
            "parts": {name: vars(part) for name, part in self.parts.items()},
            **({"usual": usual_json(self.usual)} if self.usual else {}),
            **({"exit": self.exit.as_json()} if self.exit else {}),
        }


def parse_manifest(raw: bytes) -> Fields:
    """Return the fields of manifest.json, if this runtime knows its format.

    Raises:
        BundleError: it is not JSON, or newer than this runtime.
    """
    fields = Fields.of(parse(raw, "manifest.json"), "manifest.json")
    require_known(fields.whole("format", least=1, most=10**9), FORMAT)
    return fields


def require_known(version: int, newest: int) -> None:
    """Refuse a format that this runtime does not know.

    Raises:
        BundleError: it is newer than ``newest``.
    """
    if version > newest:
        upgrade = "upgrade with pip install --upgrade mgdist-edge"
        raise BundleError(f"expected a bundle of format {newest}; got format {version}, which is newer; {upgrade}")


def read_parts(fields: Fields) -> dict[str, Part]:
    """Return the parts that a manifest lists."""
    parts = fields.inner("parts")
    return {name: _read_part(parts.inner(name)) for name in parts}


def _read_part(fields: Fields) -> Part:
    digest = fields.line("sha256")
    if len(digest) != 64 or not _DIGITS.issuperset(digest):
        raise BundleError(f"{fields.where}.sha256: expected 64 hexadecimal digits; got others; make the bundle again")
    return Part(fields.whole("bytes", least=0, most=2**32), digest)


def read_manifest(fields: Fields, parts: Mapping[str, bytes]) -> Manifest:
    """Return the manifest, with every field checked.

    Args:
        fields: of manifest.json.
        parts: the other files of the bundle.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or contradicts another.
    """
    asked, heads = fields.inner("inputs"), fields.inner("tasks")
    inputs = {name: read_input(name, asked.inner(name), parts) for name in asked}
    tasks = {name: read_task(heads.inner(name)) for name in heads}
    for name, task in tasks.items():
        if isinstance(task, Classify) and task.above is not None:
            require_finer(task.above, {each: found.outputs for each, found in tasks.items()}, f"{heads.where}.{name}")
    for said, found in ((asked, inputs), (heads, tasks)):
        if not 1 <= len(found) <= _MOST_PARTS:
            raise BundleError(f"{said.where}: expected 1 to {_MOST_PARTS}; got {len(found)}; make the bundle again")
    listed = fields.inner("network").many("levels", least=0, most=8 * _MOST_PARTS)
    levels = tuple(_read_level(listed.inner(place)) for place in listed)
    _require_chains(inputs, levels)
    _require_states(tasks, levels)
    return Manifest(
        name=fields.line("name"),
        created=fields.line("created"),
        license=None if fields.values.get("license") is None else fields.line("license"),
        tasks=tasks,
        inputs=inputs,
        levels=levels,
        method=fields.line("method"),
        job_digest=fields.line("job_digest"),
        data_digest=fields.line("data_digest"),
        versions=_read_lines(fields.inner("versions")),
        metrics=_read_numbers(fields.inner("metrics")),
        parity=_read_numbers(fields.inner("parity")),
        parts=read_parts(fields),
        usual=read_usual(fields.inner("usual"), tasks) if "usual" in fields.values else {},
        exit=read_exit(fields.inner("exit"), tasks, inputs) if "exit" in fields.values else None,
    )


def _read_lines(fields: Fields) -> dict[str, str]:
    return {name: fields.line(name) for name in fields}


def _read_numbers(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields}


def _read_level(fields: Fields) -> Level:
    listed = fields.many("counts", least=1, most=6)
    counts = tuple(listed.whole(place, least=1, most=_MOST_UNITS) for place in listed)
    if counts != tuple(sorted(set(counts))):
        raise BundleError(f"{listed.where}: expected rising numbers; got {list(counts)}; make the bundle again")
    if (reads := fields.line("reads")) not in ("ids", "samples", "units"):
        raise BundleError(f"{fields.where}.reads: expected ids, samples or units; got {reads!r}; upgrade mgdist-edge")
    return Level(
        name=fields.line("name"),
        input=fields.line("input"),
        reads=cast(Literal["ids", "samples", "units"], reads),
        length=fields.whole("length", least=1, most=_LONGEST),
        channels=fields.whole("channels", least=1, most=_WIDEST),
        width=fields.whole("width", least=1, most=_WIDEST),
        counts=counts,
        masked=fields.truth("masked"),
        states=fields.whole("states", least=0, most=_WIDEST) if "states" in fields.values else 0,
    )


def _require_chains(inputs: Mapping[str, Input], levels: tuple[Level, ...]) -> None:
    """Refuse levels that do not fit their inputs, or each other."""
    expected = [shape for name, fitted in inputs.items() for shape in _shapes(name, fitted, len(inputs) > 1)]
    found = [(level.name, level.input, level.reads, level.length) for level in levels]
    if found != expected:
        raise _unfit(f"the levels of the inputs, {expected}", f"{found}")
    finer = 0
    for level in levels:
        fitted = inputs[level.input]
        channels = finer if level.reads == "units" else fitted.channels[level.name.rsplit(".", 1)[-1]]
        if channels != level.channels:
            raise _unfit(f"{channels} channels in level {level.name}", f"{level.channels}")
        finer = level.width


def _require_states(tasks: Mapping[str, Task], levels: tuple[Level, ...]) -> None:
    """Refuse levels that do not give the states that labels of samples are made of."""
    if (tagged := tagged_level(tasks)) is None:
        return
    names = [level.name for level in levels]
    if tagged not in names or {level.input for level in levels} != {levels[0].input}:
        raise _unfit(f"a level {tagged} of the only input, whose samples are labelled", ", ".join(names))
    given = [level.name for level in levels if level.states]
    if given != names[names.index(tagged) :]:
        raise _unfit(f"states of {tagged} and of all coarser levels", ", ".join(given) or "none")


def tagged_level(tasks: Mapping[str, Task]) -> str | None:
    """Return the level whose samples the heads label; None where they label none.

    Raises:
        BundleError: two heads label those of different levels.
    """
    found = sorted({task.level for task in tasks.values() if isinstance(task, Tag)})
    if len(found) > 1:
        raise _unfit("one level whose samples are labelled", ", ".join(found))
    return found[0] if found else None


def _shapes(name: str, fitted: Input, several: bool) -> list[tuple[str, str, str, int]]:
    """Return the name, the input, what is read, and the samples of a unit, of each level of an input."""
    raw = "ids" if isinstance(fitted, TextInput) else "samples"
    return [
        (
            f"{name}.{level}" if several else level,
            name,
            "units" if window.scale is None else raw,
            window.length**fitted.axes,
        )
        for level, window in fitted.levels.items()
    ]


def _unfit(expected: str, got: str) -> BundleError:
    return BundleError(f"manifest.json: network.levels: expected {expected}; got {got}; make the bundle again")
