import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir

import fsspec
import pytest

from mgdist.data.digest import digest
from mgdist.data.inspect import inspect
from mgdist.data.sources.files import find
from mgdist.data.sources.read import read
from mgdist.errors import DataError
from tests.data.rows import files

FIELD = "data.source.train"


def lines(*labels: str) -> str:
    return "text,label\n" + "".join(f"about {label},{label}\n" for label in labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.csv").write_text(lines("b1", "b2"))
    (tmp_path / "a.csv").write_text(lines("a1"))
    (tmp_path / "sub" / "c.jsonl").write_text('{"text": "about c", "label": "c1"}\n')
    (tmp_path / "_SUCCESS.csv").write_text("not data")
    (tmp_path / "readme.txt").write_text("not data")
    return tmp_path


@pytest.mark.parametrize(
    ("address", "labels"),
    [
        ("b.csv", ["b1", "b2"]),
        ("*.csv", None),
        ("[ab].csv", ["a1", "b1", "b2"]),
        ("**/*.jsonl", ["c1"]),
        ("", ["a1", "b1", "b2", "c1"]),
        ("sub", ["c1"]),
    ],
    ids=["a file", "a glob that hits a note", "a glob", "a deep glob", "a folder", "a folder in it"],
)
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_address_is_a_file_a_folder_or_a_glob(
    folder: Path, scheme: str, address: str, labels: list[str] | None
) -> None:
    job = files(f"{scheme}{folder}/{address}")
    if labels is None:
        with pytest.raises(DataError, match=r"_SUCCESS\.csv has no column 'text'"):
            read(job)
    else:
        assert read(job).train.targets["answer"] == labels


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/mgdist", recursive=True)


def test_any_file_system_of_fsspec_can_be_read(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe({"/mgdist/one.csv": lines("a", "b").encode(), "/mgdist/two.csv": lines("c").encode()})
    given = read(files("memory://mgdist/*.csv", test="memory://mgdist/two.csv"))
    assert given.train.targets["answer"] == ["a", "b", "c"]
    assert given.test is not None
    assert given.test.raws["input"] == ["about c"]
    assert given.valid is None


def test_a_home_folder_may_be_written_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert read(files("~/a.csv")).train.targets["answer"] == ["a1"]


def test_places_start_from_this_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "bad.csv").write_text("text,label\nabout,\n")
    with pytest.raises(DataError, match=r"^bad\.csv:2: label: empty; mend the record"):
        read(files("bad.csv"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("none.csv", "no such file or folder; check the path, which starts where mgdist is called"),
        ("none-*.csv", "no file matches; check the pattern"),
        ("readme.txt", "expected files that end in .parquet, .csv, .jsonl or .npz; got readme.txt"),
        ("empty", "expected files that end in .parquet, .csv, .jsonl or .npz; got an empty folder"),
    ],
)
def test_what_is_not_there_is_said_with_the_field_of_the_job(folder: Path, address: str, said: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        find(f"{folder}/{address}", FIELD)
    assert str(caught.value) == f"{FIELD}: {folder}/{address}: {said}"


def test_an_unknown_protocol_is_said() -> None:
    with pytest.raises(DataError, match=r"^data\.source\.train: nowhere://a\.csv: Protocol not known: nowhere"):
        find("nowhere://a.csv", FIELD)


def test_a_protocol_whose_package_is_missing_is_said() -> None:
    with pytest.raises(DataError, match=r"^data\.source\.train: dropbox://a\.csv: .*install"):
        find("dropbox://a.csv", FIELD)


@pytest.fixture
def locked(folder: Path) -> Iterator[Path]:
    """A file that no one may read; root may read everything, so become someone else for a while."""
    for path in takewhile(lambda path: path != Path(gettempdir()), (folder, *folder.parents)):
        path.chmod(0o755)
    (folder / "a.csv").chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder / "a.csv"
    os.seteuid(user)


def test_a_file_that_may_not_be_read_is_said(locked: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv: cannot be read: Permission denied; check the address and who may"):
        read(files(locked))
    with pytest.raises(DataError, match=r"^data\.source\.train: .*a\.csv: cannot be read: Permission denied"):
        digest(files(locked))


def test_only_the_training_files_need_the_column_of_the_groups(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label,site\nhello,a,n\n")
    (tmp_path / "test.csv").write_text("text,label\nbye,a\n")
    job = files(tmp_path / "train.csv", test=tmp_path / "test.csv", data__split={"by": "site"})
    inspect(job)
    given = read(job)
    assert given.test is not None
    assert (given.train.groups, given.test.groups) == (["n"], None)
    with pytest.raises(DataError, match=r"^data\.split\.by: .*test\.csv has no column 'site'; it has text, label$"):
        inspect(files(tmp_path / "test.csv", data__split={"by": "site"}))
