from collections.abc import Mapping
from pathlib import Path

import pytest

from mgdist_edge.documents import LONGEST_LINE, LONGEST_TEXT, Document, naming, read_file
from mgdist_edge.errors import InputError
from mgdist_edge.inputs import Input
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.windows import Window

READING = TextInput({PADDING: 0, UNKNOWN: 1}, True, {"word": Window(4, 1)})
ONE, TWO = {ONLY_INPUT: READING}, {"title": READING, "body": READING}


def documents(path: Path, content: bytes, inputs: Mapping[str, Input] = ONE) -> list[Document]:
    path.write_bytes(content)
    return list(read_file(path, inputs))


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    assert documents(path, "a\n\nGröße\n".encode()) == [Document("a\n\nGröße\n", str(path))]


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    assert documents(tmp_path / "a.txt", b"\xef\xbb\xbfa")[0].raw == "a"
    assert documents(tmp_path / "a.jsonl", b'\xef\xbb\xbf"a"')[0].raw == "a"


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
        (b'{"input": 3, "text": "a"}', ':1: expected {"text": "..."} or a JSON string; got {"input": 3'),
        (b"", ": expected at least one JSON line; got none"),
        (b"\n \n", ": expected at least one JSON line; got none"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: bytes, line: str) -> None:
    with pytest.raises(InputError) as caught:
        documents(tmp_path / "docs.jsonl", content)
    assert str(caught.value).startswith(f"{tmp_path}/docs.jsonl{line}")
    assert "\n" not in str(caught.value)


def test_a_line_may_name_the_only_input_too(tmp_path: Path) -> None:
    (found,) = documents(tmp_path / "docs.jsonl", b'{"input": "one", "text": "two", "label": 3}')
    assert found.raw == "one"


def test_a_line_holds_a_value_for_each_of_several_inputs_and_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    found = documents(path, b'{"body": "b", "title": "a", "text": 1}\n\n{"title": "", "body": "c"}', TWO)
    raws = [{"title": "a", "body": "b"}, {"title": "", "body": "c"}]
    assert found == [Document(raws[0], f"{path}:1"), Document(raws[1], f"{path}:3")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"title": "a"}', ':1: expected an object with title, body; got {"title": "a"}'),
        (b'"a"', ':1: expected an object with title, body; got "a"'),
        (b'{"title": "a", "body": "b"}\n["a", "b"]', ':2: expected an object with title, body; got ["a", "b"]'),
        (b'{"title": "a", "body": 3}', ':1: expected {"text": "..."} or a JSON string; got {"title": "a", "body": 3}'),
    ],
)
def test_a_line_that_lacks_an_input_is_named(tmp_path: Path, content: bytes, line: str) -> None:
    with pytest.raises(InputError) as caught:
        documents(tmp_path / "docs.jsonl", content, TWO)
    assert str(caught.value) == f"{tmp_path}/docs.jsonl{line}"


@pytest.mark.parametrize("name", ["notes.txt", "array.npy"])
def test_only_json_lines_hold_several_inputs(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        documents(tmp_path / name, b"a", TWO)
    assert str(caught.value) == f"{tmp_path}/{name}: expected a .jsonl with title, body in each line; got another file"


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
    assert [each.raw for each in found] == ["a" + "ß" * (LONGEST_TEXT // 2 - 1)]


def test_a_missing_file_and_a_directory_say_so(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none.txt: expected a file that can be read; got: No such file or directory$"
    ):
        list(read_file(tmp_path / "none.txt", ONE))
    with pytest.raises(InputError, match=r": expected a file that can be read; got: Is a directory$"):
        list(read_file(tmp_path, ONE))


def test_what_is_wrong_with_a_text_carries_its_place() -> None:
    with pytest.raises(InputError, match=r"^docs.jsonl:7: no$"), naming(Document("", "docs.jsonl:7")):
        raise InputError("no")
