import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

from mgdist_edge.archive import End, pack, pack_end

MEMBERS = {"manifest.json": b'{"format": 1}', "labels.txt": b"", "README.md": bytes(range(256)) * 40}


def archive(front: bytes) -> bytes:
    body, directory = pack(MEMBERS, len(front))
    return front + body + directory + pack_end(End(3, len(front) + len(body), len(directory)), b"a comment")


def test_it_is_a_zip_for_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(archive(b"some model" * 1000))
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert found.comment == b"a comment"
        assert {name: found.read(name) for name in found.namelist()} == MEMBERS
        assert {info.compress_type for info in found.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert found.infolist()[0].header_offset == 10_000
    told = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=True)
    assert "No errors detected" in told.stdout
    assert "warning" not in told.stdout + told.stderr


def test_python_writes_the_same_members_to_the_same_places() -> None:
    buffer = BytesIO(b"some model")
    with zipfile.ZipFile(buffer, "a") as written:
        for name, data in MEMBERS.items():
            written.writestr(zipfile.ZipInfo(name), data)
    ours = zipfile.ZipFile(BytesIO(archive(b"some model"))).infolist()
    theirs = zipfile.ZipFile(buffer).infolist()
    assert [(i.filename, i.header_offset, i.CRC) for i in ours] == [
        (i.filename, i.header_offset, i.CRC) for i in theirs
    ]
