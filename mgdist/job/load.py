"""Reading a job file: all mistakes at once, each with its line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mgdist.errors import JobError, first_line
from mgdist.job.export import ExportJob
from mgdist.job.mistakes import Mistake, mistakes_of
from mgdist.job.point import checked, replace
from mgdist.job.spec import Job

LARGEST = 1_000_000
"""Bytes of a job file at most; a longer one is something else."""
DEEPEST, MOST = 32, 100_000
"""Levels and values of a job at most, aliases written out: a few lines of YAML can stand for billions of values."""


def load(path: str | Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file, with ``dotted.path=value`` overrides laid over it.

    Raises:
        JobError: the file or an override is wrong; one line a mistake,
            ``file:line: path: what was expected; what was found; what to do``.
    """
    marked, document = _parsed(Path(path))
    for override in overrides:
        _override(document, override)
    job, mistakes = checked(document)
    if job is None:
        raise JobError("\n".join(_line(path, marked, mistake, overrides) for mistake in mistakes))
    return job


def load_export(path: Path, overrides: Sequence[str] = ()) -> ExportJob:
    """Read an export: a YAML file, or a model that the overrides say all about.

    Raises:
        JobError: as :func:`load`.
    """
    if path.suffix in (".yaml", ".yml"):
        marked, document = _parsed(path)
    else:
        marked, document = CommentedMap(), {"name": re.sub(r"\W", "_", path.stem), "model": str(path)}
    for override in overrides:
        _override(document, override)
    try:
        return ExportJob.model_validate(document)
    except ValidationError as error:
        mistakes = mistakes_of(error, document, ExportJob)
        raise JobError("\n".join(_line(path, marked, mistake, overrides) for mistake in mistakes)) from None


def _parsed(path: Path) -> tuple[CommentedMap, dict[str, Any]]:
    """Return what a file holds with its lines, and as plain values."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise JobError(f"{path}: expected a job file of at most {LARGEST:,} bytes; it is longer")
        marked = YAML(typ="rt", pure=True).load(raw.decode("utf-8"))
    except OSError as error:
        raise JobError(
            f"{path}: cannot be read: {error.strerror}; name a job file, such as jobs/doc_cls.yaml"
        ) from error
    except UnicodeDecodeError as error:
        raise JobError(f"{path}: expected UTF-8 text; byte {error.start} is not; save the file as UTF-8") from error
    except MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1 if error.problem_mark or error.context_mark else 1
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        raise JobError(f"{path}:{line}: not YAML: {problem}") from error
    except RecursionError as error:
        raise JobError(f"{path}:1: expected at most {DEEPEST} levels, one inside of another; found more") from error
    except (YAMLError, ValueError) as error:
        raise JobError(f"{path}:1: not YAML: {first_line(error)}") from error
    if not isinstance(marked, CommentedMap):
        raise JobError(
            f"{path}:1: expected a mapping of sections such as name, task, data; got {type(marked).__name__}"
        )
    try:
        return marked, _plain(marked)
    except JobError as error:
        raise JobError(f"{path}:1: {error}") from None


def _plain(node: Any) -> Any:
    """Return ruamel's round-trip values as Python's own.

    Raises:
        JobError: they are too many, or nest too deep.
    """
    left = MOST

    def plain(node: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            what = f"at most {MOST:,} values" if left < 0 else f"at most {DEEPEST} levels, one inside of another"
            raise JobError(f"expected {what}, aliases written out; found more")
        if isinstance(node, dict):
            return {plain(key, depth + 1): plain(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list):
            return [plain(value, depth + 1) for value in node]
        return next((kind(node) for kind in (bool, int, float, str) if isinstance(node, kind)), node)

    return plain(node, 0)


def _override(document: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise JobError(f"--set {override}: expected path=value, such as train.lr=0.01")
    try:
        replace(document, path, _plain(YAML(typ="rt", pure=True).load(text)) if text else "")
    except (YAMLError, RecursionError) as error:
        raise JobError(f"--set {override}: the value is not YAML: {first_line(error)}") from error
    except JobError as error:
        raise JobError(f"--set {override}: {error}") from None
    except KeyError as error:
        raise JobError(f"--set {override}: {path}: the job has no such field") from error


def _line(path: str | Path, marked: CommentedMap, mistake: Mistake, overrides: Sequence[str]) -> str:
    for override in reversed(overrides):  # the last one counts
        if mistake.path and override.partition("=")[0] == mistake.path:
            return f"--set {override}: {mistake.path}: {mistake.message}"
    return f"{path}:{_line_of(marked, mistake.path)}: {mistake.path or 'job'}: {mistake.message}"


def _line_of(marked: Any, path: str) -> int:
    """Return the 1-based line of the deepest part of a dotted path that is in the file.

    Keys may hold dots themselves, as those of ``search.space`` do.
    """
    line = 1
    while isinstance(marked, CommentedMap):
        keys = [key for key in marked if path == str(key) or path.startswith(f"{key}.")]
        if not keys:
            return line
        key = max(keys, key=lambda k: len(str(k)))
        line = marked.lc.key(key)[0] + 1
        path, marked = path[len(str(key)) + 1 :], marked[key]
    return line
