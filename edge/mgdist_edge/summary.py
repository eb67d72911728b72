"""What is in a bundle, in lines for people."""

from collections.abc import Iterator
from typing import assert_never

from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput
from mgdist_edge.bundle import Bundle
from mgdist_edge.exits import Exit
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.manifest import Level
from mgdist_edge.series import SeriesInput
from mgdist_edge.table import TableInput
from mgdist_edge.tasks import labels_of
from mgdist_edge.text import TextInput


def summary(bundle: Bundle) -> Iterator[str]:
    """Yield the lines that ``mgdist-edge show`` prints."""
    manifest = bundle.manifest
    facts = {
        "name": manifest.name,
        "created": manifest.created,
        "license": manifest.license or "not stated",
        **_named("head", {name: f"{task.kind}: {_some(labels_of(task))}" for name, task in manifest.tasks.items()}),
        **_named("input", {name: _input(fitted) for name, fitted in manifest.inputs.items()}),
        **{f"level {level.name}": _level(level) for level in manifest.levels},
        **({"exit": _exit(manifest.exit)} if manifest.exit else {}),
        "method": manifest.method,
        "size": f"{bundle.size:,} bytes, of which the model {manifest.parts['model'].bytes:,}",
        "sha256": bundle.sha256,
        "signature": "none" if bundle.signer is None else f"claims key {bundle.signer}",
        "golden": f"{len(bundle.golden.examples)} examples, tolerance {bundle.golden.tolerance}",
        **{f"metric {name}": f"{value:g}" for name, value in manifest.metrics.items()},
        **{f"parity {name}": f"{value:g}" for name, value in manifest.parity.items()},
        "made with": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "job": manifest.job_digest,
        "data": manifest.data_digest,
    }
    widest = max(map(len, facts))
    yield from (f"{name:<{widest}}  {fact}" for name, fact in facts.items())


def _named(kind: str, facts: dict[str, str]) -> dict[str, str]:
    """Put in front of each name what it is, where there are several: a head may be called ``size``."""
    return {f"{kind} {name}": fact for name, fact in facts.items()} if len(facts) > 1 else facts


def _input(fitted: Input) -> str:
    match fitted:
        case TextInput(pieces=pieces) if pieces is not None:
            return f"text, {len(fitted.vocabulary):,} pieces of words"
        case TextInput():
            return f"text, {len(fitted.vocabulary):,} words, {fitted.buckets:,} hashed n-grams"
        case ImageInput(size=(height, width)):
            return f"image, {height} x {width} pixels, {len(fitted.mean)} channels"
        case SeriesInput(columns=columns, length=length):
            return f"series, {length or 'any number of'} readings of {', '.join(columns)}"
        case AudioInput(spectrum=spectrum):
            return f"audio, {spectrum.rate} readings a second, {spectrum.bands} mel bands"
        case TableInput(columns=names):
            return f"table, {len(names)} columns: {_some(names)}"
        case ArrayInput(shape, dtype, divide):
            return f"array, {' x '.join(map(str, shape))} {dtype}{'' if divide == 1 else f', divided by {divide:g}'}"
        case _ as never:
            assert_never(never)


def _exit(exit: Exit) -> str:
    return f"after {' or '.join(map(str, exit.units))} units, once a label has {exit.confidence:.1%}"


def _some(labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:8])
    return shown if len(labels) <= 8 else f"{shown}, ... ({len(labels)} in all)"


def _level(level: Level) -> str:
    counts = ", ".join(map(str, level.counts))
    states = f"states of {level.states}, " if level.states else ""
    return f"units of {level.length} samples, {states}vectors of {level.width}, {counts} units a call"
