import os
from pathlib import Path

import fsspec

from mgdist.data.digest import digest
from tests.data.rows import animals, files, job, write_jsonl


def test_files_count_with_their_content_and_not_with_their_time_or_name(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", animals(20))
    two = write_jsonl(tmp_path / "two.jsonl", animals(20))
    first = digest(files(one))
    os.utime(one, (0, 0))
    assert digest(files(one)) == digest(files(two)) == first
    write_jsonl(one, animals(22))
    assert digest(files(one)) != first


def test_a_split_more_is_another_source(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "one.jsonl", animals(20))
    assert len({digest(files(train)), digest(files(train, test=train)), digest(files(train, valid=train))}) == 3


def test_a_file_elsewhere_counts_with_what_its_file_system_tells() -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/digest/a.csv", b"text,label\n")
    first = digest(files("memory://digest/a.csv"))
    assert digest(files("memory://digest/a.csv")) == first
    system.pipe("/digest/a.csv", b"text,label\na,b\n")
    assert digest(files("memory://digest/a.csv")) != first


def test_docstrings_count_with_their_packages() -> None:
    one, two = (
        digest(job({"kind": "docstrings", "packages": packages}, task__label="library"))
        for packages in (["fsspec", "aiohttp"], ["fsspec", "networkx"])
    )
    assert one != two


def test_a_local_hugging_face_folder_counts_with_its_files(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(20))
    asked = job({"kind": "huggingface", "name": str(tmp_path)})
    first = digest(asked)
    assert digest(asked) == first
    write_jsonl(train, animals(22))
    assert digest(asked) != first
