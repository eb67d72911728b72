"""What all benchmarks tell and read alike: where the data is, what ran on what, tables in Markdown."""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from mgdist.job.load import load
from mgdist.job.spec import Job

ROOT = Path(__file__).parents[2]
VERSIONS = ("torch", "ray", "deepspeed", "litert-torch", "ai-edge-litert", "ai-edge-quantizer", "numpy")


def parser(told: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    """Return the options that benchmarks share.

    Args:
        told: what the benchmark's module says of itself.
        data: whether it reads the real sets.
    """
    found = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as of mgdist submit")
    if data:
        found.add_argument(
            "--data", type=Path, required=True, help="folder that holds ag_news/, 20newsgroups/, imdb/: *.parquet"
        )
    return found


def overrides(job: Path, data: Path | None, more: Sequence[str] = ()) -> list[str]:
    """Return what is laid over a job: its files are looked for below a folder."""
    source = load(job).data.source
    if data is None or source.kind != "files":
        return list(more)
    files = {name: getattr(source, name) for name in ("train", "valid", "test")}
    return [f"data.source.{name}={data.resolve() / path}" for name, path in files.items() if path] + list(more)


def job_of(name: str, options: argparse.Namespace, *more: str) -> Job:
    """Return a job of ``jobs/``, with its data and the overrides of the command line."""
    path = ROOT / "jobs" / f"{name}.yaml"
    return load(path, overrides(path, getattr(options, "data", None), [*more, *options.set]))


def environment() -> dict[str, str]:
    """Return an environment in which ``python -m mgdist`` is that of this checkout."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'edge'}"}


def mgdist(*arguments: object) -> list[str]:
    """Return a command of this checkout."""
    return [sys.executable, "-m", "mgdist", *map(str, arguments)]


@contextmanager
def told() -> Iterator[None]:
    """Print under what conditions the block ran, and for how long."""
    begin, load_before = perf_counter(), os.getloadavg()[0]
    yield
    numbers = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    print(f"\nCommit {_commit()}; Python {platform.python_version()}, {numbers}.")
    cores = len(os.sched_getaffinity(0))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores ({cores} used); load {load_before:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after; {perf_counter() - begin:.0f} s in all."
    )


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "mgdist", "edge", "jobs") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table; numbers stand on the right."""
    print("\n| " + " | ".join(head) + " |")
    numeric = [all(isinstance(row[place], float | int | None) for row in rows) for place in range(len(head))]
    print("|" + "|".join("---:" if number else "---" for number in numeric) + "|")
    for row in rows:
        print("| " + " | ".join(_shown(value) for value in row) + " |")


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
