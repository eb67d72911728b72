"""TFLite metadata: what a file says of itself to clients that know nothing of mgdist, such as MediaPipe.

After the schema ``metadata_schema.fbs`` of TensorFlow Lite: a flatbuffer in a buffer of the model, and the files
that it names as an uncompressed zip behind the model.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from mgdist.compress.flatbuffer import packed, read

NAME, IDENTIFIER = "TFLITE_METADATA", b"M001"
LABELS, VOCABULARY = "labels.txt", "vocab.txt"
"""Names of the files behind the model."""
_AXIS_LABELS, _VOCABULARY, _RGB = 2, 5, 1
_FEATURE, _IMAGE, _NORMALIZATION, _REGEX = 1, 2, 1, 6
_FIRST_OF_1980 = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Number:
    """A number of a table."""

    kind: Literal["Int8", "Uint8", "Uint32"]
    value: int


@dataclass(frozen=True)
class Table:
    """A table of a flatbuffer: the values by their place in the schema."""

    fields: Mapping[int, "Value"]


Value = str | Number | Table | Sequence[Table] | Sequence[float]


@dataclass(frozen=True)
class Words:
    """An input of text, which the client cuts into words and looks up.

    Attributes:
        delimiter: what MediaPipe puts between brackets and searches for, in the syntax of RE2.
    """

    delimiter: str


@dataclass(frozen=True)
class Pixels:
    """An input of an image: red, green and blue from 0 to 255."""

    height: int
    width: int


def with_metadata(model: bytes, reads: Words | Pixels, *, name: str, about: str, files: Mapping[str, bytes]) -> bytes:
    """Return a model that tells a client how to read for it, and what its only output's numbers mean.

    Args:
        model: a bare flatbuffer.
        reads: what its only input is.
        name: of the model.
        about: a line for people.
        files: those that stand behind it: ``labels.txt``, one label a line, and of words ``vocab.txt``.
    """
    builder = flatbuffers.Builder(1024)
    builder.Finish(_put(builder, _table_of(reads, name, about)), IDENTIFIER)
    whole = read(model)
    whole.metadata = [each for each in whole.metadata or [] if each.name not in (NAME, NAME.encode())]
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = NAME, len(whole.buffers)
    buffer.data = list(builder.Output())
    whole.metadata.append(entry)
    whole.buffers.append(buffer)
    return _followed(packed(whole), files)


def _followed(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a model with files behind it, the same bytes each time."""
    out = BytesIO(model)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _FIRST_OF_1980), content)
    return out.getvalue()


def _table_of(reads: Words | Pixels, name: str, about: str) -> Table:
    """Return ModelMetadata."""
    labels = Table({0: LABELS, 2: Number("Int8", _AXIS_LABELS)})
    output = Table({0: "probability", 3: _content(_FEATURE, Table({})), 6: [labels]})
    graph = Table({2: [_input(reads)], 3: [output]})
    return Table({0: name, 1: about, 3: [graph], 7: "1.2.1"})


def _input(reads: Words | Pixels) -> Table:
    match reads:
        case Words(delimiter):
            vocabulary = Table({0: VOCABULARY, 2: Number("Int8", _VOCABULARY)})
            tokenizer = _unit(_REGEX, Table({0: delimiter, 1: [vocabulary]}))
            return Table({0: "ids", 3: _content(_FEATURE, Table({})), 4: [tokenizer]})
        case Pixels(height, width):
            size = Table({0: Number("Uint32", width), 1: Number("Uint32", height)})
            content = _content(_IMAGE, Table({0: Number("Int8", _RGB), 1: size}))
            return Table({0: "image", 3: content, 4: [_unit(_NORMALIZATION, Table({0: [0.0], 1: [1.0]}))]})


def _content(kind: int, properties: Table) -> Table:
    return Table({0: Number("Uint8", kind), 1: properties})


def _unit(kind: int, options: Table) -> Table:
    return Table({0: Number("Uint8", kind), 1: options})


def _put(builder: flatbuffers.Builder, value: str | Table | Sequence[Table] | Sequence[float]) -> int:
    """Write a value and all that is in it; return its place."""
    match value:
        case str():
            return int(builder.CreateString(value))
        case Table(fields):
            places = {slot: _put(builder, each) for slot, each in fields.items() if not isinstance(each, Number)}
            builder.StartObject(max(fields, default=-1) + 1)
            for slot, each in fields.items():
                if isinstance(each, Number):
                    getattr(builder, f"Prepend{each.kind}Slot")(slot, each.value, 0)
                else:
                    builder.PrependUOffsetTRelativeSlot(slot, places[slot], 0)
            return int(builder.EndObject())
        case _:
            entries = [_put(builder, each) if isinstance(each, Table) else each for each in value]
            builder.StartVector(4, len(entries), 4)
            for entry in reversed(entries):
                (builder.PrependFloat32 if isinstance(entry, float) else builder.PrependUOffsetTRelative)(entry)
            return int(builder.EndVector())
