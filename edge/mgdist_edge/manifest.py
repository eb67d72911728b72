"""The manifest of a bundle: what the model is, what it reads, what it answers, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, parse
from mgdist_edge.inputs import read_input
from mgdist_edge.text import TextInput

FORMAT = 1
"""Version of the bundle's layout; a newer one is refused."""

_MOST_CLASSES, _MOST_UNITS, _WIDEST = 100_000, 4096, 1_000_000
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
        name: word, sentence, ...; its signatures are ``{name}_{count}``.
        length: S, samples of a unit.
        channels: C of a sample: the n-gram order where the samples are ids, else the width of the finer level.
        width: numbers of a unit's vector.
        counts: units that one call takes, smallest first; the last level takes one.
    """

    name: str
    length: int
    channels: int
    width: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Manifest:
    """All that a bundle says of itself.

    Attributes:
        name: of the job.
        created: when, in ISO 8601.
        license: of the model, if it is known.
        task: what it answers: ``classify``.
        labels: of the K classes, in the order of the probabilities.
        input: what turns raw into views.
        levels: the network's granularities, finest first.
        method: how the model was compressed, such as ``dynamic_int8``.
        job_digest: of the job that it comes from.
        data_digest: of the data that it was trained on.
        versions: of the programs that made it.
        metrics: measured on the model that ships, such as ``accuracy``.
        parity: how far the device model is from the trained one.
        parts: what the file consists of; ``model`` is the flatbuffer.
    """

    name: str
    created: str
    license: str | None
    task: str
    labels: tuple[str, ...]
    input: TextInput
    levels: tuple[Level, ...]
    method: str
    job_digest: str
    data_digest: str
    versions: Mapping[str, str]
    metrics: Mapping[str, float]
    parity: Mapping[str, float]
    parts: Mapping[str, Part] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return what manifest.json holds; the vocabulary travels as tokenizer.json."""
        return {
            "format": FORMAT,
            "name": self.name,
            "created": self.created,
            "license": self.license,
            "task": {"kind": self.task},
            "labels": list(self.labels),
            "input": self.input.as_json(),
            "network": {
                "levels": [vars(level) | {"counts": list(level.counts)} for level in self.levels],
                "classes": len(self.labels),
            },
            "method": self.method,
            "job_digest": self.job_digest,
            "data_digest": self.data_digest,
            "versions": dict(self.versions),
            "metrics": dict(self.metrics),
            "parity": dict(self.parity),
            "parts": {name: vars(part) for name, part in self.parts.items()},
        }


def parse_manifest(raw: bytes) -> Fields:
    """Return the fields of manifest.json, if this runtime knows its format.

    Raises:
        BundleError: it is not JSON, or newer than this runtime.
    """
    fields = Fields.of(parse(raw, "manifest.json"), "manifest.json")
    require_known(fields.whole("format", least=1, most=10**9))
    return fields


def require_known(version: int) -> None:
    """Refuse a format that this runtime does not know.

    Raises:
        BundleError: it is newer.
    """
    if version > FORMAT:
        upgrade = "upgrade with pip install --upgrade mgdist-edge"
        raise BundleError(f"expected a bundle of format {FORMAT}; got format {version}, which is newer; {upgrade}")


def read_parts(fields: Fields) -> dict[str, Part]:
    """Return the parts that a manifest lists."""
    parts = fields.inner("parts")
    return {name: _read_part(parts.inner(name)) for name in parts}


def _read_part(fields: Fields) -> Part:
    digest = fields.line("sha256")
    if len(digest) != 64 or not _DIGITS.issuperset(digest):
        raise BundleError(f"{fields.where}.sha256: expected 64 hexadecimal digits; got others; make the bundle again")
    return Part(fields.whole("bytes", least=0, most=2**32), digest)


def read_manifest(fields: Fields, tokenizer: bytes) -> Manifest:
    """Return the manifest, with every field checked.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or contradicts another.
    """
    network = fields.inner("network")
    listed = network.many("levels", least=1, most=8)
    levels = tuple(_read_level(listed.inner(place)) for place in listed)
    labels = _read_labels(fields)
    network.whole("classes", least=len(labels), most=len(labels))
    fitted = read_input(fields.inner("input").values, tokenizer)
    _require_chain(fitted, levels)
    if (task := fields.inner("task").line("kind")) != "classify":
        raise BundleError(f"manifest.json: task.kind: expected classify; got {task!r}; upgrade mgdist-edge")
    return Manifest(
        name=fields.line("name"),
        created=fields.line("created"),
        license=None if fields.values.get("license") is None else fields.line("license"),
        task=task,
        labels=labels,
        input=fitted,
        levels=levels,
        method=fields.line("method"),
        job_digest=fields.line("job_digest"),
        data_digest=fields.line("data_digest"),
        versions=_read_lines(fields.inner("versions")),
        metrics=_read_numbers(fields.inner("metrics")),
        parity=_read_numbers(fields.inner("parity")),
        parts=read_parts(fields),
    )


def _read_lines(fields: Fields) -> dict[str, str]:
    return {name: fields.line(name) for name in fields}


def _read_numbers(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields}


def _read_labels(fields: Fields) -> tuple[str, ...]:
    listed = fields.many("labels", least=2, most=_MOST_CLASSES)
    labels = tuple(listed.line(place) for place in listed)
    if len(set(labels)) != len(labels):
        raise BundleError("manifest.json: labels: expected different ones; got one twice; make the bundle again")
    return labels


def _read_level(fields: Fields) -> Level:
    listed = fields.many("counts", least=1, most=6)
    counts = tuple(listed.whole(place, least=1, most=_MOST_UNITS) for place in listed)
    if counts != tuple(sorted(set(counts))):
        raise BundleError(f"{listed.where}: expected rising numbers; got {list(counts)}; make the bundle again")
    return Level(
        name=fields.line("name"),
        length=fields.whole("length", least=1, most=_MOST_UNITS),
        channels=fields.whole("channels", least=1, most=_WIDEST),
        width=fields.whole("width", least=1, most=_WIDEST),
        counts=counts,
    )


def _require_chain(fitted: TextInput, levels: tuple[Level, ...]) -> None:
    """Refuse levels that do not fit the input, or each other."""
    sizes = {level.name: level.length for level in levels}
    if list(sizes.items()) != list(fitted.levels.items()) or len(sizes) != len(levels):
        raise _unfit("the levels of the input, and their lengths", f"{list(sizes.items())}")
    channels = [fitted.order, *(level.width for level in levels[:-1])]
    if channels != [level.channels for level in levels]:
        raise _unfit(f"channels {channels}", f"{[level.channels for level in levels]}")
    if levels[-1].counts != (1,):
        raise _unfit("counts [1] in the last level", f"{list(levels[-1].counts)}")


def _unfit(expected: str, got: str) -> BundleError:
    return BundleError(f"manifest.json: network.levels: expected {expected}; got {got}; make the bundle again")
