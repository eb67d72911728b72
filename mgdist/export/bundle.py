"""The last step of the line: one .tflite file with the model and all that a device needs beside it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from mgdist.errors import ConvertError
from mgdist.runs import write
from mgdist_edge.archive import LARGEST, End, pack, pack_end
from mgdist_edge.bundle import Bundle, examine
from mgdist_edge.errors import BundleError
from mgdist_edge.golden import Golden
from mgdist_edge.inputs import parts_of
from mgdist_edge.manifest import Manifest, Part
from mgdist_edge.seal import seal


def bundle(
    model: bytes | Path, manifest: Manifest, golden: Golden, destination: Path, *, readme: str | None = None
) -> Bundle:
    """Write a bundle, as a whole or not at all; the same parts give the same bytes.

    Args:
        model: the flatbuffer, or the file that holds it.
        manifest: what the bundle says of itself; its ``parts`` are filled in here.
        golden: examples with the answers of this very model.
        destination: of the file; one that is there is replaced.
        readme: the model card, in Markdown.

    Raises:
        ConvertError: the model is no flatbuffer, a text is not Unicode, or the edge runtime would refuse the bundle.
        OSError: the file cannot be written.
    """
    try:
        content = pack_bundle(model if isinstance(model, bytes) else model.read_bytes(), manifest, golden, readme)
        examine(BytesIO(content))
    except UnicodeEncodeError as error:
        wrong = f"got {error.object[error.start]!r} in the vocabulary, a label or an example; clean the data"
        raise ConvertError(f"{destination}: not written: expected text that UTF-8 can hold; {wrong}") from None
    except BundleError as error:
        raise ConvertError(f"{destination}: not written, the edge runtime would refuse it: {error}") from None
    write(destination, content)
    return Bundle.open(destination)


def pack_bundle(model: bytes, manifest: Manifest, golden: Golden, readme: str | None) -> bytes:
    """Return the bytes of a bundle: flatbuffer, members, directory, end record, seal.

    TFLite readers follow offsets from the start of the file, also to constants that lie behind the flatbuffer's
    tables, so nothing in front of the archive moves.

    Raises:
        ConvertError: the model is no bare flatbuffer, or too large.
    """
    if model[4:8] != b"TFL3" or b"mgdist-bundle-" in model[-200:]:
        raise ConvertError("model: expected a .tflite flatbuffer with nothing behind it; got another kind of file")
    parts = {
        **parts_of(manifest.inputs),
        "labels.txt": "\n".join(manifest.labels).encode(),
        "golden.json": json.dumps(golden.as_json(), ensure_ascii=False, separators=(",", ":")).encode(),
    }
    if readme is not None:
        parts["README.md"] = readme.encode()
    listed = {
        name: Part(len(part), hashlib.sha256(part).hexdigest()) for name, part in ({"model": model} | parts).items()
    }
    parts = {"manifest.json": _json(replace(manifest, parts=listed).as_json())} | parts
    if len(model) + sum(map(len, parts.values())) > LARGEST - 2**20:
        raise ConvertError("model: expected less than 4 GB; got more; make the vocabulary or the width smaller")
    return _sealed(model, parts)


def _sealed(model: bytes, parts: Mapping[str, bytes]) -> bytes:
    body, directory = pack(parts, len(model))
    content = b"".join([model, body, directory])
    end = End(len(parts), len(model) + len(body), len(directory))
    return content + pack_end(end, seal(hashlib.sha256(content).hexdigest()))


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
