"""Documents for the command line: from a text file, a file of JSON lines, or standard input."""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mgdist_edge.errors import InputError
from mgdist_edge.text import LONGEST

LONGEST_LINE = 64 * 2**20
"""Bytes of a JSON line; a file without line ends must not fill the memory."""

LONGEST_TEXT = 4 * LONGEST
"""Bytes that are read of a text file: as many characters as ``mgdist_edge.text`` reads, at four bytes each."""


@dataclass(frozen=True)
class Document:
    """A text, and where it comes from: ``notes.txt`` or ``docs.jsonl:3``."""

    text: str
    where: str


def read_file(path: Path) -> Iterator[Document]:
    """Yield the documents of a file: one a line in a ``.jsonl``, else the file is one.

    A JSON line is ``{"text": ...}``, with any other fields, or a string; blank lines are skipped.

    Raises:
        InputError: the file cannot be read, is not UTF-8, or holds a line that is not such JSON.
    """
    try:
        with path.open("rb") as file:
            yield from _json_lines(file, str(path)) if path.suffix == ".jsonl" else [read_text(file, str(path))]
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be read; got: {error.strerror}") from None


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


def _json_lines(file: BinaryIO, path: str) -> Iterator[Document]:
    found = False
    for number, raw in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
        where = f"{path}:{number}"
        if len(raw) > LONGEST_LINE:
            raise InputError(f"{where}: expected a line of at most {LONGEST_LINE} bytes; got a longer one")
        if raw.strip():
            found = True
            yield Document(_text_of(_decoded(raw, where), where), where)
    if not found:
        raise InputError(f"{path}: expected at least one JSON line; got none")


def _text_of(line: str, where: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected a line of JSON; got: {error}") from None
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise InputError(f'{where}: expected {{"text": "..."}} or a JSON string; got {line.strip()[:60]}')
    return text


def _decoded(raw: bytes, where: str, *, whole: bool = True) -> str:
    """Return the text; where it was cut off, the character that was cut in two is no mistake."""
    try:
        return getincrementaldecoder("utf-8-sig")().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise InputError(f"{where}: expected UTF-8 text; got {byte}; convert it, for instance with iconv") from None
