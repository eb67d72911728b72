"""What is in a bundle, in lines for people."""

from collections.abc import Iterator

from mgdist_edge.bundle import Bundle
from mgdist_edge.manifest import Level


def summary(bundle: Bundle) -> Iterator[str]:
    """Yield the lines that ``mgdist-edge show`` prints."""
    manifest = bundle.manifest
    facts = {
        "name": manifest.name,
        "created": manifest.created,
        "license": manifest.license or "not stated",
        "task": f"{manifest.task}: {_some(manifest.labels)}",
        "input": f"text, {len(manifest.input.vocabulary):,} words, {manifest.input.buckets:,} hashed n-grams",
        **{f"level {level.name}": _level(level) for level in manifest.levels},
        "method": manifest.method,
        "size": f"{bundle.size:,} bytes, of which the model {manifest.parts['model'].bytes:,}",
        "golden": f"{len(bundle.golden.examples)} examples, tolerance {bundle.golden.tolerance}",
        **{f"metric {name}": f"{value:g}" for name, value in manifest.metrics.items()},
        **{f"parity {name}": f"{value:g}" for name, value in manifest.parity.items()},
        "made with": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "job": manifest.job_digest,
        "data": manifest.data_digest,
    }
    widest = max(map(len, facts))
    yield from (f"{name:<{widest}}  {fact}" for name, fact in facts.items())


def _some(labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:8])
    return shown if len(labels) <= 8 else f"{shown}, ... ({len(labels)} in all)"


def _level(level: Level) -> str:
    counts = ", ".join(map(str, level.counts))
    return f"units of {level.length} samples, vectors of {level.width}, {counts} units a call"
