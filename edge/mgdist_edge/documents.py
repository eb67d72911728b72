"""Examples for the command line: from a file, a file of JSON lines, or standard input."""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, assert_never
from zipfile import BadZipFile

import numpy as np

from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.raws import Handed, Raw, read_raw
from mgdist_edge.series import SeriesInput
from mgdist_edge.table import TableInput
from mgdist_edge.text import LONGEST, TextInput

LONGEST_LINE = 64 * 2**20
"""Bytes of a JSON line; a file without line ends must not fill the memory."""

LONGEST_TEXT = 4 * LONGEST
"""Bytes that are read of a text file: as many characters as ``mgdist_edge.text`` reads, at four bytes each."""


@dataclass(frozen=True)
class Document:
    """One example as it was given, and where it comes from: ``notes.txt`` or ``docs.jsonl:3``.

    Attributes:
        raw: for the only input; of several inputs, by name.
        where: names it in a message.
    """

    raw: Handed
    where: str


def read_file(path: Path, inputs: Mapping[str, Input]) -> Iterator[Document]:
    """Yield the examples of a file: one a line in a ``.jsonl``, else the file is one.

    A JSON line is an object with a field for each input, named as it is (``text`` for the only input, where that reads
    text), and any other fields; for an only input the value itself will do. Numbers are given as nested lists; blank
    lines are skipped. A ``.npy`` file holds one array, a ``.npz`` file one for each input; what else a file may be,
    such as an image, the input itself knows.

    Raises:
        InputError: the file cannot be read, or holds a line that is not such JSON.
    """
    try:
        if path.suffix == ".jsonl":
            with path.open("rb") as file:
                yield from _json_lines(file, str(path), inputs)
        elif path.suffix == ".npz":
            yield Document(_arrays(path, inputs), str(path))
        elif len(inputs) > 1:
            raise InputError(f"{path}: expected a .jsonl with {', '.join(inputs)} in each line; got another file")
        elif isinstance(_only(inputs), TextInput):
            with path.open("rb") as file:
                yield read_text(file, str(path))
        elif path.suffix == ".npy":
            yield Document(_array(path), str(path))
        else:
            path.open("rb").close()
            yield Document(path, str(path))
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be read; got: {error.strerror}") from None


def _only(inputs: Mapping[str, Input]) -> Input:
    return next(iter(inputs.values()))


def _array(path: Path) -> Raw:
    try:
        found: Raw = np.load(path, allow_pickle=False)
    except ValueError:
        raise InputError(f"{path}: expected a NumPy file with one array; got another kind of file") from None
    return found


def _arrays(path: Path, inputs: Mapping[str, Input]) -> Handed:
    """Return the arrays of one example, one for each input by its name."""
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays: dict[str, Raw] = {name: found[name] for name in found.files}
    except (ValueError, EOFError, BadZipFile):
        raise InputError(f"{path}: expected a NumPy file with an array for each input; got another kind") from None
    if set(arrays) != set(inputs):
        raise InputError(f"{path}: expected arrays {', '.join(inputs)}; got {', '.join(arrays) or 'none'}")
    return arrays if len(inputs) > 1 else next(iter(arrays.values()))


def read_json(raw: bytes, where: str, inputs: Mapping[str, Input]) -> Document:
    """Return the example in some JSON, which is as a line of a ``.jsonl``; see :func:`read_file`.

    Raises:
        InputError: it is not such JSON.
    """
    return Document(_raw_of(_decoded(raw, where), where, inputs), where)


def read_text(file: BinaryIO, where: str) -> Document:
    """Return all of a stream as one document.

    Raises:
        InputError: it is not UTF-8.
    """
    raw = file.read(LONGEST_TEXT)
    return Document(_decoded(raw, where, whole=len(raw) < LONGEST_TEXT), where)


@contextmanager
def naming(document: Document) -> Iterator[None]:
    """Put the place of a document in front of what is wrong with its text."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{document.where}: {error}") from None


def _json_lines(file: BinaryIO, path: str, inputs: Mapping[str, Input]) -> Iterator[Document]:
    found = False
    for number, raw in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
        where = f"{path}:{number}"
        if len(raw) > LONGEST_LINE:
            raise InputError(f"{where}: expected a line of at most {LONGEST_LINE} bytes; got a longer one")
        if raw.strip():
            found = True
            yield read_json(raw, where, inputs)
    if not found:
        raise InputError(f"{path}: expected at least one JSON line; got none")


def _raw_of(line: str, where: str, inputs: Mapping[str, Input]) -> Handed:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected a line of JSON; got: {error}") from None
    if len(inputs) == 1:
        ((name, fitted),) = inputs.items()
        names = (name, fitted.kind)
        given = next((value[each] for each in names if each in value), value) if isinstance(value, dict) else value
        return _taken(given, fitted, line, where)
    if not isinstance(value, dict) or not set(inputs) <= set(value):
        raise InputError(f"{where}: expected an object with {', '.join(inputs)}; got {line.strip()[:60]}")
    return {name: _taken(value[name], fitted, line, where) for name, fitted in inputs.items()}


def _taken(value: object, fitted: Input, line: str, where: str) -> Raw:
    """Return a JSON value as the raw value that an input reads."""
    match fitted:
        case TextInput():
            if not isinstance(value, str):
                raise InputError(f'{where}: expected {{"text": "..."}} or a JSON string; got {line.strip()[:60]}')
            return value
        case TableInput():
            return _row(value, line, where)
        case ImageInput() | SeriesInput() | AudioInput() | ArrayInput():
            return _numbers(value, where)
        case _ as never:
            assert_never(never)


def _row(value: object, line: str, where: str) -> Raw:
    if not isinstance(value, dict) or any(isinstance(cell, list | dict) for cell in value.values()):
        raise InputError(f"{where}: expected an object with one value a column; got {line.strip()[:60]}")
    return value


def _numbers(value: object, where: str) -> Raw:
    """Return the array that JSON holds: as nested lists, or as ``raws.raw_json`` writes it; series also by column."""
    try:
        if isinstance(value, dict) and isinstance(value.get("array"), dict):
            return read_raw(Fields({where: value}, where), where)
        return value if isinstance(value, dict) else np.asarray(value)
    except (ValueError, BundleError):
        raise InputError(f"{where}: expected numbers in lists of one length; got others") from None


def _decoded(raw: bytes, where: str, *, whole: bool = True) -> str:
    """Return the text; where it was cut off, the character that was cut in two is no mistake."""
    try:
        return getincrementaldecoder("utf-8-sig")().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise InputError(f"{where}: expected UTF-8 text; got {byte}; convert it, for instance with iconv") from None
