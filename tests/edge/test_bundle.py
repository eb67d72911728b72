import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from mgdist_edge.archive import End, pack_end
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.seal import seal
from mgdist_edge.tasks import Classify
from tests.edge.conftest import LABELS, fitted, golden, manifest
from tests.edge.damage import Pieces, sealed
from tests.edge.damages import TO_BYTES

DAMAGES = 400


@pytest.fixture(scope="module")
def pieces(small: Bundle) -> Pieces:
    return Pieces.of(small.path)


def refusal(path: Path, content: bytes) -> str:
    """Return the one line with which a file is refused, without its path."""
    path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        Bundle.open(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    return line.removeprefix(f"{path}: ")


def test_a_bundle_says_what_was_packed(small: Bundle) -> None:
    parts = small.manifest.parts
    assert replace(small.manifest, parts={}) == manifest()
    assert set(parts) == {"model", "tokenizer.json", "labels.txt", "golden.json", "README.md"}
    assert small.golden == golden()
    assert small.readme == "# A small network\n"
    assert small.size == small.path.stat().st_size
    assert small.manifest.inputs == {ONLY_INPUT: fitted()}
    assert small.manifest.tasks == {ONLY_HEAD: Classify(LABELS)}
    assert small.manifest.labels == LABELS


@pytest.mark.parametrize(
    "damage",
    TO_BYTES.values(),
    ids=TO_BYTES,
)
def test_every_damage_is_refused_with_one_line(small: Bundle, tmp_path: Path, damage: object) -> None:
    whole = small.path.read_bytes()
    random = np.random.default_rng(7)
    different = 0
    for _ in range(DAMAGES // 7 + 1):
        content = damage(bytearray(whole), random)
        if content != whole:
            different += 1
            refusal(tmp_path / "damaged.tflite", content)
    assert different >= DAMAGES // 7 - 2


def test_every_bit_of_the_end_record_and_the_seal_counts(small: Bundle, tmp_path: Path) -> None:
    whole = small.path.read_bytes()
    last = 22 + len(seal("0" * 64))
    for bit in range(8 * last):
        content = bytearray(whole)
        content[-1 - bit // 8] ^= 1 << bit % 8
        refusal(tmp_path / "damaged.tflite", bytes(content))


def test_a_damaged_model_never_reaches_the_interpreter(small: Bundle, tmp_path: Path) -> None:
    content = bytearray(small.path.read_bytes())
    content[1000] ^= 4
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content)
    program = (
        "import sys; from mgdist_edge.errors import BundleError; from mgdist_edge import load\n"
        f"try: load({str(path)!r})\n"
        "except BundleError: print([name for name in sys.modules if 'litert' in name or 'tflite' in name])"
    )
    # The runtime module knows the interpreter by name only; its library is not even in the process.
    environment = {**os.environ, "PYTHONPATH": "edge"}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_damaged_file_is_told_from_its_seal(small: Bundle, tmp_path: Path) -> None:
    content = bytearray(small.path.read_bytes())
    content[1000] ^= 4
    line = refusal(tmp_path / "damaged.tflite", bytes(content))
    start, end = "expected the bytes that were written; got a damaged file: its sha256 is ", "...; copy it again"
    assert line.startswith(start)
    assert line.endswith(end)
    assert ", and its seal says " in line


def test_a_model_without_a_bundle_or_a_cut_off_one_says_so(pieces: Pieces, tmp_path: Path) -> None:
    assert refusal(tmp_path / "plain.tflite", pieces.model) == (
        "expected a bundle of mgdist; got a TFLite model without one, or a file cut short; "
        "copy it again, or make a bundle with mgdist"
    )


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\x03\x04" + bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(500)])
def test_another_kind_of_file_says_so(tmp_path: Path, content: bytes) -> None:
    expected = "expected a bundle of mgdist, which is a TFLite model; got another kind of file"
    assert refusal(tmp_path / "photo.png", content) == expected


def test_a_newer_bundle_asks_for_an_upgrade(pieces: Pieces, small: Bundle, tmp_path: Path) -> None:
    line = "expected a bundle of format 1; got format 2, which is newer; upgrade with pip install --upgrade mgdist-edge"
    newer = pieces.with_manifest(lambda manifest: manifest.update(format=2, network="something new"))
    assert refusal(tmp_path / "newer.tflite", newer.packed()) == line
    # A newer seal may use another hash, and so have another length.
    whole = small.path.read_bytes()
    line = line.replace("format 2", "format 3").replace("format 1", "format 2")
    assert refusal(tmp_path / "newer.tflite", whole[:-87] + b"mgdist-bundle-3 blake3=" + b"0" * 32) == line


def test_a_missing_file_a_directory_and_a_forbidden_one_say_so(tmp_path: Path, small: Bundle) -> None:
    with pytest.raises(BundleError, match=r"none: expected a bundle that can be read; got: No such file or directory$"):
        Bundle.open(tmp_path / "none")
    with pytest.raises(BundleError, match=r"expected a file; got a directory$"):
        Bundle.open(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match=r"expected a file; got something else$"):
        Bundle.open(tmp_path / "pipe")


def test_a_forbidden_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "closed").touch(mode=0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root may read everything, so be nobody for a moment
    try:
        with pytest.raises(BundleError, match=r"closed: expected a bundle that can be read; got: Permission denied$"):
            Bundle.open(tmp_path / "closed")
    finally:
        os.seteuid(user)


# Archives that are wrong on purpose, under a seal that is right.


def zipped(pieces: Pieces, compression: int = zipfile.ZIP_STORED, **extra: bytes) -> bytes:
    """Return a bundle whose archive Python's zipfile wrote."""
    buffer = BytesIO(pieces.model)
    with zipfile.ZipFile(buffer, "a", compression) as file:
        for name, data in (pieces.members | extra).items():
            file.writestr(name, data)
        file.comment = b"?"
    content = buffer.getvalue()[:-23]
    place = zipfile.ZipFile(buffer).start_dir
    return sealed(content[:place], content[place:], len(pieces.members | extra))


def test_compressed_members_are_refused(pieces: Pieces, tmp_path: Path) -> None:
    line = refusal(tmp_path / "zip.tflite", zipped(pieces, zipfile.ZIP_DEFLATED))
    assert line == ("expected manifest.json stored as it is; got it compressed or with extras; make the bundle again")


def test_stored_members_in_another_layout_are_refused(pieces: Pieces, tmp_path: Path) -> None:
    line = refusal(tmp_path / "zip.tflite", zipped(pieces))  # today's date in each header
    assert line.endswith("damaged file: its archive is not laid out as mgdist writes it; copy it again")


@pytest.mark.parametrize(
    "name",
    [
        "evil.py",
        "../../etc/passwd",
        "model",
        "MANIFEST.JSON",
        "manifest.json\0.py",
        "tokenizer..json",
        "tokenizer.a/b.json",
    ],
)
def test_unknown_members_are_refused(pieces: Pieces, tmp_path: Path, name: str) -> None:
    line = refusal(tmp_path / "zip.tflite", Pieces(pieces.model, {**pieces.members, name: b"x"}).packed())
    known = "manifest.json, tokenizer.json, labels.txt, golden.json, README.md"
    assert line == f"expected only {known} in its archive; got {name!r}; make the bundle again"


def doubled(pieces: Pieces) -> bytes:
    from mgdist_edge.archive import pack

    names = [*pieces.members, "labels.txt"]
    bodies, directories, place = [], [], len(pieces.model)
    for name in names:
        body, directory = pack({name: pieces.members[name]}, place)
        bodies.append(body)
        directories.append(directory)
        place += len(body)
    return sealed(pieces.model + b"".join(bodies), b"".join(directories), len(names))


def test_a_member_that_is_there_twice_is_refused(pieces: Pieces, tmp_path: Path) -> None:
    line = refusal(tmp_path / "zip.tflite", doubled(pieces))
    assert line == "expected labels.txt once in its archive; got it twice; make the bundle again"


@pytest.mark.parametrize("name", ["manifest.json", "tokenizer.json", "labels.txt", "golden.json"])
def test_a_missing_member_is_named(pieces: Pieces, tmp_path: Path, name: str) -> None:
    members = {other: data for other, data in pieces.members.items() if other != name}
    line = refusal(tmp_path / "zip.tflite", Pieces(pieces.model, members).packed())
    assert line == f"expected {name} in its archive; got none; make the bundle again"


def test_no_archive_at_all_is_refused(pieces: Pieces, tmp_path: Path) -> None:
    line = refusal(tmp_path / "zip.tflite", sealed(pieces.model, b"", 0))
    assert line == "expected manifest.json in its archive; got none; make the bundle again"


def entry_at(content: bytes, field: int) -> int:
    """Return where a field of the first directory entry lies."""
    return zipfile.ZipFile(BytesIO(content)).start_dir + field


def resealed(content: bytearray) -> bytes:
    place = len(content) - 22 - 87
    directory = int.from_bytes(content[place + 16 : place + 20], "little")
    return sealed(bytes(content[:directory]), bytes(content[directory:place]), content[place + 10])


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        (8, b"\1\0", "got it compressed or with extras"),  # encrypted
        (10, b"\x0c\0", "got it compressed or with extras"),
        (20, b"\xff\xff\0\0", "got it compressed or with extras"),
        (30, b"\4\0", "got it compressed or with extras"),
        (16, b"\0\0\0\0", "its archive is not laid out as mgdist writes it"),  # crc
        (20, b"\1\0\0\0\1\0\0\0", "its archive is not laid out as mgdist writes it"),
        (20, b"\0\0\0\x7f\0\0\0\x7f", "expected manifest.json of at most 16777216 bytes; got 2130706432"),
        (42, b"\0\0\0\0", "its archive begins nowhere"),
        (42, b"\xff\xff\xff\x7f", "its archive begins nowhere"),
        (42, b"\1\0\0\0", "its archive is not laid out as mgdist writes it"),  # a member over the model
        (0, b"PK\3\4", "its archive's directory is broken"),
        (28, b"\xff\xff", "expected only manifest.json, "),
    ],
)
def test_a_directory_that_lies_is_refused(small: Bundle, tmp_path: Path, field: int, value: bytes, line: str) -> None:
    content = bytearray(small.path.read_bytes())
    place = entry_at(bytes(content), field)
    content[place : place + len(value)] = value
    assert line in refusal(tmp_path / "zip.tflite", resealed(content))


def test_a_local_header_that_differs_from_the_directory_is_refused(small: Bundle, tmp_path: Path) -> None:
    content = bytearray(small.path.read_bytes())
    place = zipfile.ZipFile(small.path).infolist()[1].header_offset
    content[place + 30 : place + 44] = b"../../.bashrc\0"
    assert "not laid out as mgdist writes it" in refusal(tmp_path / "zip.tflite", resealed(content))


def test_bytes_that_no_member_owns_are_refused(pieces: Pieces, tmp_path: Path) -> None:
    from mgdist_edge.archive import pack

    body, directory = pack(pieces.members, len(pieces.model))
    line = refusal(tmp_path / "zip.tflite", sealed(pieces.model + body + b"hidden", directory, len(pieces.members)))
    assert "not laid out as mgdist writes it" in line


def test_an_end_record_that_counts_wrong_is_refused(small: Bundle, tmp_path: Path) -> None:
    whole = small.path.read_bytes()
    place = len(whole) - 22 - 87
    size, directory = (int.from_bytes(whole[place + at : place + at + 4], "little") for at in (12, 16))
    wrong = whole[:place] + pack_end(End(7, directory, size), whole[-87:])
    line = refusal(tmp_path / "zip.tflite", wrong)
    assert "its archive lists 5 members, and its end says 7" in line
    wrong = whole[:place] + pack_end(End(5, directory + 1, size), whole[-87:])
    assert "its archive has no valid end" in refusal(tmp_path / "zip.tflite", wrong)


# Parts that are not those of the manifest, in an archive that is right.


@pytest.mark.parametrize("name", ["tokenizer.json", "labels.txt", "golden.json", "README.md"])
def test_a_part_that_was_exchanged_is_named(pieces: Pieces, tmp_path: Path, name: str) -> None:
    members = {**pieces.members, name: pieces.members[name] + b" "}
    line = refusal(tmp_path / "swapped.tflite", Pieces(pieces.model, members).packed())
    assert line == f"expected the {name} that its manifest lists; got another one; make the bundle again"


def test_the_model_of_another_bundle_is_refused(pieces: Pieces, tmp_path: Path) -> None:
    other = bytearray(pieces.model)
    other[-1] ^= 1
    line = refusal(tmp_path / "swapped.tflite", Pieces(bytes(other), pieces.members).packed())
    assert line == "expected the model that its manifest lists; got another one; make the bundle again"


def test_a_part_that_is_not_listed_is_refused(pieces: Pieces, tmp_path: Path) -> None:
    unlisted = pieces.with_manifest(lambda manifest: manifest["parts"].pop("README.md"))
    line = refusal(tmp_path / "swapped.tflite", unlisted.packed())
    assert line == "expected the README.md that its manifest lists; got another one; make the bundle again"


def test_labels_that_contradict_the_manifest_are_refused(pieces: Pieces, tmp_path: Path) -> None:
    other = pieces.with_member("labels.txt", b"a\nb\nc\nd")
    line = refusal(tmp_path / "swapped.tflite", other.packed())
    assert line == "labels.txt: expected the labels of the manifest; got others; make the bundle again"


def test_nothing_is_written_beside_a_bundle_that_is_opened(small: Bundle) -> None:
    Bundle.open(small.path)
    assert [path.name for path in small.path.parent.iterdir()] == ["small.tflite"]
