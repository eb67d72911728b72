from pathlib import Path

import pytest

from mgdist_edge.documents import LONGEST_LINE, LONGEST_TEXT, Document, naming, read_file
from mgdist_edge.errors import InputError


def documents(path: Path, content: bytes) -> list[Document]:
    path.write_bytes(content)
    return list(read_file(path))


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    assert documents(path, "a\n\nGröße\n".encode()) == [Document("a\n\nGröße\n", str(path))]


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    assert documents(tmp_path / "a.txt", b"\xef\xbb\xbfa")[0].text == "a"
    assert documents(tmp_path / "a.jsonl", b'\xef\xbb\xbf"a"')[0].text == "a"


def test_json_lines_are_objects_with_a_text_or_strings(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    found = documents(path, b'{"id": 1, "text": "one"}\n\n"two"\r\n   \n{"text": ""}')
    assert found == [Document("one", f"{path}:1"), Document("two", f"{path}:3"), Document("", f"{path}:5")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'"a"\n{"text"', ":2: expected a line of JSON; got: Expecting ':' delimiter: line 1 column 8 (char 7)"),
        (b"not json", ":1: expected a line of JSON; got: Expecting value: line 1 column 1 (char 0)"),
        (b"[" * 100_000, ":1: expected a line of JSON; got: "),
        (b'"a"\n"b"\n3', ':3: expected {"text": "..."} or a JSON string; got 3'),
        (b'{"txt": "a"}', ':1: expected {"text": "..."} or a JSON string; got {"txt": "a"}'),
        (b'{"text": null}', ':1: expected {"text": "..."} or a JSON string; got {"text": null}'),
        (b'"a"\n"\xff"', ":2: expected UTF-8 text; got byte 0xff; convert it, for instance with iconv"),
        (b"", ": expected at least one JSON line; got none"),
        (b"\n \n", ": expected at least one JSON line; got none"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: bytes, line: str) -> None:
    with pytest.raises(InputError) as caught:
        documents(tmp_path / "docs.jsonl", content)
    assert str(caught.value).startswith(f"{tmp_path}/docs.jsonl{line}")
    assert "\n" not in str(caught.value)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"docs.jsonl:1: expected a line of at most {LONGEST_LINE} bytes; got a longer"
    ):
        documents(tmp_path / "docs.jsonl", b'"' + b"a" * LONGEST_LINE)


@pytest.mark.parametrize("content", [b"caf\xe9", b"\xff\xfea\0b\0", b"a\xc3"])
def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"notes.txt: expected UTF-8 text; got byte 0x..; convert it, for instance"):
        documents(tmp_path / "notes.txt", content)


def test_of_a_huge_text_only_the_beginning_is_read(tmp_path: Path) -> None:
    # A character that the limit cuts in two is no mistake of the file.
    found = documents(tmp_path / "huge.txt", b"a" + "ß".encode() * LONGEST_TEXT)
    assert [each.text for each in found] == ["a" + "ß" * (LONGEST_TEXT // 2 - 1)]


def test_a_missing_file_and_a_directory_say_so(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none.txt: expected a file that can be read; got: No such file or directory$"
    ):
        list(read_file(tmp_path / "none.txt"))
    with pytest.raises(InputError, match=r": expected a file that can be read; got: Is a directory$"):
        list(read_file(tmp_path))


def test_what_is_wrong_with_a_text_carries_its_place() -> None:
    with pytest.raises(InputError, match=r"^docs.jsonl:7: no$"), naming(Document("", "docs.jsonl:7")):
        raise InputError("no")
