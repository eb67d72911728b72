"""Docstrings of installed packages: real text with real labels on any machine, without a download.

Source is read and parsed, never run. Parsing is spread over processes that are started afresh, since a
fork would copy the locks of whatever threads the caller has, such as those of a starting Ray.
"""

import ast
import gc
import inspect
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.machinery import PathFinder
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from mgdist import __version__
from mgdist.data.sources.examples import Columns, Given, Row, gather
from mgdist.errors import DataError
from mgdist.job.data import DocstringsSpec
from mgdist.runs import write

COLUMNS = ("text", "library", "subpackage")
TRIPLE = re.compile(r'"""|\'\'\'')
PROCESSES = 2
FEW = 200
"""Files that a process parses at a time; so few alone are parsed here, sooner than a process starts."""


class Docstring(NamedTuple):
    """A docstring, cleaned of its indentation, and where it is from."""

    text: str
    library: str
    subpackage: str


class Module(NamedTuple):
    """A source file, and the labels of what it holds."""

    path: Path
    library: str
    subpackage: str


def read_docstrings(spec: DocstringsSpec, columns: Columns, cache: Path, *, skip: bool) -> Given:
    """Read the docstrings of a job's packages.

    Each text comes once, in the order of packages, files and lines.

    Raises:
        DataError: a package is not installed, or a column is none of text, library and subpackage.
    """
    picks = columns.pick(COLUMNS, "docstrings")
    rows = (
        Row(f"docstrings:{number}", [found[pick] for pick in picks])
        for number, found in enumerate(_cached(spec, cache), 1)
    )
    return Given(gather(rows, columns, skip=skip))


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Return the version of each installed package.

    Raises:
        DataError: one is not installed.
    """
    from importlib.metadata import packages_distributions, version

    distributions = packages_distributions()
    found = {}
    for package in packages:
        root_of(package)
        names = sorted(set(distributions.get(package, ())))
        found[package] = ", ".join(f"{name} {version(name)}" for name in names)
    return found


def root_of(package: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises:
        DataError: it is not installed, or is no package with a folder of its own.
    """
    spec = PathFinder.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        what = "is not installed" if spec is None else "is a single module"
        raise DataError(
            f"data.source.packages: {package!r} {what}; expected import names of installed packages, "
            "such as numpy; install it, or take it off the list"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _cached(spec: DocstringsSpec, cache: Path) -> list[Docstring]:
    about = json.dumps([__version__, versions_of(spec.packages), list(spec.packages), spec.min_characters])
    path = cache / f"docstrings-{sha256(about.encode()).hexdigest()[:16]}.json"
    try:
        return [Docstring(*found) for found in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):  # not there yet, or damaged: read anew
        found = _collected(spec)
        with suppress(OSError):  # without a cache the next run is only slower
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, json.dumps(found))
        return found


def _collected(spec: DocstringsSpec) -> list[Docstring]:
    modules = [module for package in spec.packages for module in _modules(package)]
    unique: dict[str, Docstring] = {}
    for docstring in _parsed(modules, spec.min_characters):
        unique.setdefault(docstring.text, docstring)
    return list(unique.values())


def _parsed(modules: Sequence[Module], shortest: int) -> Iterator[Docstring]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = [modules[start : start + FEW] for start in range(0, len(modules), FEW)]
    if len(parts) == 1:
        yield from parse(modules, shortest)
        return
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        yield from chain.from_iterable(pool.map(parse, parts, repeat(shortest)))


def _modules(package: str) -> list[Module]:
    """Return a package's source files in the order of their names, but for its tests."""
    root = root_of(package)
    found = []
    for path in sorted(root.rglob("*.py")):
        folders = path.relative_to(root).parts[:-1]
        if not {"test", "tests"}.intersection(folders):
            found.append(Module(path, package, ".".join((package, *folders[:1]))))
    return found


def parse(modules: Sequence[Module], shortest: int) -> list[Docstring]:
    """Return the docstrings of some modules that have at least ``shortest`` characters."""
    gc.disable()  # a syntax tree is a million objects that all live as long: 1.4 times as fast
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's code, such as "\d" in a plain string
        found = [
            Docstring(text, module.library, module.subpackage)
            for module in modules
            for text in docstrings(module.path.read_text(encoding="utf-8", errors="replace"), shortest)
        ]
    gc.enable()
    return found


def docstrings(source: str, shortest: int) -> Iterator[str]:
    """Yield the docstrings of a module's source that have at least ``shortest`` characters, in order of line."""
    if max(map(len, TRIPLE.split(source))) < shortest:
        return  # nothing so long between triple quotes: not worth a syntax tree
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # written for another Python, or a template
        return
    for node in (tree, *_definitions(tree.body)):
        text = ast.get_docstring(node, clean=False)
        if text and len(text) >= shortest and len(text := inspect.cleandoc(text)) >= shortest:
            yield text


def _definitions(body: Sequence[ast.AST]) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the classes and functions among some statements and inside of them; expressions hold none."""
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
        for inner in ("body", "orelse", "finalbody", "handlers"):
            found = getattr(statement, inner, None)
            if isinstance(found, list):  # an expression such as a lambda has one body, no list
                yield from _definitions(found)
