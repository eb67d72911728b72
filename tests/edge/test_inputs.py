import ast
import inspect
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.inputs import Input, part_name, parts_of, read_input, tokenizer_json
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.text import PADDING, UNKNOWN, TextInput, words
from mgdist_edge.windows import Window
from tests.edge.conftest import documents

HARD = [
    "naïve façade Straße ǅ ŉ İstanbul ΟΔΟΣ ὈΔΥΣΣΕΎΣ",
    "हिन्दी में लिखा गया ภาษาไทย עִבְרִית العربية",
    "e\u0301 combining, ﬁ ligature, x² ½ Ⅷ ⑨ ٣",
    "snake_case __init__ ‿undertie⁀ a\u200db \ufeffBOM \u00adsoft",
    "tabs\tand\x1cseparators\x1d\x1e\x1f\x85\xa0\u2028end",
    "emoji 👩‍🚀 and 中文字 ひらがな 한국어 <PAD> <UNKNOWN>",
    '"quotes" (parens) [x] $5.00 … — a--b\r\n\r\nnext',
]


def fitted(texts: list[str], lowercase: bool) -> TextInput:
    found = sorted({word for text in texts for word in words(text, lowercase=lowercase)})[::2]
    vocabulary = {word: place for place, word in enumerate([PADDING, UNKNOWN, *found])}
    return TextInput(vocabulary, lowercase, {"word": Window(4096, 1)}, 2, 50)


def read(asked: dict[str, object], tokenizer: str) -> Input:
    """Return the only input of a bundle with these fields and this vocabulary."""
    fields = Fields.of(asked, f"manifest.json: inputs.{ONLY_INPUT}")
    return read_input(ONLY_INPUT, fields, {"tokenizer.json": tokenizer.encode()})


def ids(reading: TextInput, text: str) -> list[int]:
    return [reading.vocabulary.get(word, 1) for word in words(text, lowercase=reading.lowercase)]


def docstrings() -> list[str]:
    """Return the docstrings of the modules of a large package, read from its source."""
    folder = Path(inspect.getfile(np)).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    kinds = ast.FunctionDef | ast.ClassDef | ast.Module
    return [text for node in nodes if isinstance(node, kinds) and (text := ast.get_docstring(node))]


@pytest.mark.parametrize("lowercase", [True, False])
def test_the_tokenizers_library_gives_the_same_ids(lowercase: bool) -> None:
    texts = docstrings() + documents() + HARD
    assert len(texts) > 1000
    reading = fitted(texts, lowercase)
    tokenizer = Tokenizer.from_str(tokenizer_json(reading))
    for text in texts:
        assert tokenizer.encode(text).ids == ids(reading, text), text


def test_every_character_that_python_knows_is_the_same_kind_for_the_tokenizers_library() -> None:
    # Later versions of Unicode, which the library may know, give letters to what is unassigned here.
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    assert len(known) > 280_000
    tokenizer = Tokenizer.from_str(tokenizer_json(fitted(HARD, lowercase=False)))
    text = "".join(f"a{character}b\n" for character in known)
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
    assert pieces == words(text, lowercase=False)


@pytest.mark.parametrize("lowercase", [True, False])
def test_an_input_is_read_as_it_was_written(lowercase: bool) -> None:
    reading = fitted(HARD, lowercase)
    again = read(reading.as_json(), tokenizer_json(reading))
    assert again == reading
    assert list(again.levels) == list(reading.levels)
    windows = replace(reading, windows=True)
    assert read(windows.as_json(), tokenizer_json(windows)) == windows


def test_a_unit_of_words_covers_one_word_each_and_a_coarser_one_the_units_before_it() -> None:
    levels = {"word": Window(9, 1), "sentence": Window(8, None), "paragraph": Window(7, None)}
    reading = TextInput({PADDING: 0, UNKNOWN: 1}, True, levels)
    assert reading.as_json()["levels"] == {"word": 9, "sentence": 8, "paragraph": 7}
    assert read(reading.as_json(), tokenizer_json(reading)) == reading


def test_the_vocabulary_of_the_only_input_and_those_of_several_are_files_of_their_own() -> None:
    one, other = fitted(HARD, lowercase=True), fitted(HARD, lowercase=False)
    assert parts_of({ONLY_INPUT: one}) == {"tokenizer.json": tokenizer_json(one).encode()}
    parts = parts_of({"title": one, "body": other})
    assert list(parts) == ["tokenizer.title.json", "tokenizer.body.json"] == list(map(part_name, ("title", "body")))
    for name, reading in {"title": one, "body": other}.items():
        assert read_input(name, Fields.of(reading.as_json(), f"inputs.{name}"), parts) == reading


def test_a_vocabulary_that_is_missing_is_named() -> None:
    reading = fitted(HARD, lowercase=True)
    with pytest.raises(BundleError) as caught:
        read_input("title", Fields.of(reading.as_json(), "inputs.title"), parts_of({"body": reading}))
    assert str(caught.value) == "expected tokenizer.title.json in its archive; got none; make the bundle again"


def test_what_is_wrong_with_a_vocabulary_names_its_file() -> None:
    reading = fitted(HARD, lowercase=True)
    with pytest.raises(BundleError, match=r"^tokenizer\.title\.json: model: expected an object; got nothing; make"):
        read_input("title", Fields.of(reading.as_json(), "inputs.title"), {"tokenizer.title.json": b"{}"})


def test_the_same_input_gives_the_same_file() -> None:
    reading = fitted(HARD, lowercase=True)
    shuffled = TextInput(dict(reversed(reading.vocabulary.items())), True, reading.levels, 2, 50)
    assert tokenizer_json(shuffled) == tokenizer_json(reading)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"kind": "smell"},
            "manifest.json: inputs.input.kind: expected text, image, series, audio, table or array; got 'smell'",
        ),
        ({"order": 4}, "manifest.json: inputs.input.order: expected a whole number from 1 to 3; got 4; make"),
        ({"order": True}, "manifest.json: inputs.input.order: expected a whole number from 1 to 3; got True; make"),
        ({"buckets": 0}, "manifest.json: inputs.input.buckets: expected a whole number from 1 to 21474836"),
        ({"buckets": 2**31}, "manifest.json: inputs.input.buckets: expected a whole number from 1 to 21474836"),
        (
            {"cut": "chapters"},
            "manifest.json: inputs.input.cut: expected sentences or windows; got 'chapters'; upgrade mgdist-edge",
        ),
        ({"lowercase": 1}, "manifest.json: inputs.input.lowercase: expected true or false; got 1; make"),
        (
            {"lowercase": False},
            "tokenizer.json: normalizer: expected one, if the manifest's input has lowercase; got oth",
        ),
        (
            {"levels": {"word": 0}},
            "manifest.json: inputs.input.levels.word: expected a whole number from 1 to 4096; got 0",
        ),
        (
            {"levels": {"sentence": 4}},
            "manifest.json: inputs.input.levels: expected word, sentence and paragraph in this order",
        ),
        (
            {"levels": {"sentence": 4, "word": 4}},
            "manifest.json: inputs.input.levels: expected word, sentence and paragraph",
        ),
        (
            {"levels": {"word": 4, "page": 4}},
            "manifest.json: inputs.input.levels: expected word, sentence and paragraph",
        ),
        ({"levels": []}, "manifest.json: inputs.input.levels: expected an object; got []; make the bundle again"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, object], line: str) -> None:
    reading = fitted(HARD, lowercase=True)
    with pytest.raises(BundleError) as caught:
        read({**reading.as_json(), **changed}, tokenizer_json(reading))
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(
    "vocabulary",
    [
        {},
        {PADDING: 0},
        {PADDING: 1, UNKNOWN: 0},
        {PADDING: 0, UNKNOWN: 1, "a": 3},
        {PADDING: 0, UNKNOWN: 1, "a": 1},
        {PADDING: 0, UNKNOWN: 1, "a": -1},
        {PADDING: 0, UNKNOWN: 1, "a": "2"},
        {PADDING: 0, UNKNOWN: 1, "a": 2.0},
        {PADDING: False, UNKNOWN: True},
    ],
)
def test_a_vocabulary_with_gaps_is_refused(vocabulary: dict[str, object]) -> None:
    reading = fitted(HARD, lowercase=True)
    file = json.loads(tokenizer_json(reading))
    file["model"]["vocab"] = vocabulary
    with pytest.raises(BundleError, match=r"^tokenizer.json: model.vocab: expected <PAD>: 0, <UNKNOWN>: 1, and every"):
        read(reading.as_json(), json.dumps(file))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"model": 1}', '{"model": {"vocab": []}}', "{", "[" * 100_000, "NaN"]
)
def test_a_file_that_is_no_tokenizer_is_one_line(text: str) -> None:
    with pytest.raises(BundleError, match=r"^tokenizer\.json: [^\n]*; make the bundle again$"):
        read(fitted(HARD, lowercase=True).as_json(), text)
