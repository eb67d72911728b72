"""WordPiece: the ids of a pre-trained encoder's own tokenizer, in plain Python.

After Devlin et al., "BERT", NAACL 2019, and Wu et al., "Google's Neural Machine Translation System", 2016. The rules
are those of ``tokenizers``' BertNormalizer, BertPreTokenizer and WordPiece, which a test compares. Two differences,
both on purpose: what looks like a special token in a text ("[SEP]") is text, and characters that are newer than
Unicode 8 are told apart by this Python's tables.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, is_whole

PREFIX = "##"
"""In front of a piece that goes on a word."""
MARKS = 2
"""Tokens that each unit gets: one in front and one behind."""

_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_MOST_CHARACTERS = 10_000


class _Table(dict[int, str]):
    """What ``str.translate`` puts in place of each character, worked out when it is first met."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self.rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = self.rule(chr(code))
        return self[code]


@dataclass(frozen=True)
class WordPiece:
    """Rules and vocabulary of a tokenizer.

    Attributes:
        vocabulary: piece -> id; 0 is the padding.
        unknown: the piece of a word that no pieces make.
        begin: the piece in front of each unit.
        end: the piece behind each unit.
        lowercase: read capital letters as small ones.
        strip_accents: read letters without their accents.
        chinese: read each Chinese character as a word.
        longest: characters of a word at most; a longer one is unknown.
    """

    vocabulary: Mapping[str, int]
    unknown: str
    begin: str
    end: str
    lowercase: bool
    strip_accents: bool
    chinese: bool
    longest: int

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's pieces, without those around a unit."""
        found: list[int] = []
        lookup = self.vocabulary.get
        for word in self.words(text):
            whole = lookup(word) if len(word) <= self.longest else None
            found += self._pieces(word) if whole is None else (whole,)
        return found

    def unit(self, ids: list[int]) -> list[int]:
        """Put the tokens in front of and behind a unit's ids."""
        return [self.vocabulary[self.begin], *ids, self.vocabulary[self.end]]

    def words(self, text: str) -> list[str]:
        """Return the normalised words and punctuation marks of a text, in order."""
        text = text.translate(self._clean)
        if self.strip_accents and not text.isascii():
            text = unicodedata.normalize("NFD", text).translate(self._unmarked)
        if self.lowercase:
            # Python alone makes a capital sigma at the end of a word another letter than elsewhere.
            text = text.replace("\u03a3", "\u03c3").lower()
        return text.translate(self._apart).split()

    def _pieces(self, word: str) -> list[int]:
        """Cover a word with the longest pieces that there are, from its front."""
        unknown = [self.vocabulary[self.unknown]]
        if len(word) > self.longest:
            return unknown
        found: list[int] = []
        start, lookup = 0, self.vocabulary.get
        while start < len(word):
            for stop in range(len(word), start, -1):
                piece = lookup(f"{PREFIX}{word[start:stop]}" if start else word[:stop])
                if piece is not None:
                    break
            else:
                return unknown
            found.append(piece)
            start = stop
        return found

    @cached_property
    def _clean(self) -> _Table:
        return _Table(lambda character: _cleaned(character, self.chinese))

    @cached_property
    def _unmarked(self) -> _Table:
        return _Table(lambda character: "" if unicodedata.category(character) == "Mn" else character)

    @cached_property
    def _apart(self) -> _Table:
        return _Table(lambda character: f" {character} " if _is_mark(character) else character)


def _cleaned(character: str, chinese: bool) -> str:
    if character in "\t\n\r":
        return " "
    if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if character.isspace():
        return " "
    if chinese and any(first <= ord(character) <= last for first, last in _CHINESE):
        return f" {character} "
    return character


def _is_mark(character: str) -> bool:
    """Say whether a character stands alone: punctuation, and all ASCII characters that are no letters and digits."""
    category = unicodedata.category(character)
    return category.startswith("P") or (character.isascii() and category.startswith("S"))


def wordpiece_json(pieces: WordPiece) -> dict[str, object]:
    """Return tokenizer.json as values, in the file format of ``tokenizers``; it gives the very same ids."""
    mark = {name: {"SpecialToken": {"id": name, "type_id": 0}} for name in (pieces.begin, pieces.end)}
    special = {name: {"id": name, "ids": [pieces.vocabulary[name]], "tokens": [name]} for name in mark}
    around: list[Any] = [mark[pieces.begin], {"Sequence": {"id": "A", "type_id": 0}}, mark[pieces.end]]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": pieces.chinese,
            "strip_accents": pieces.strip_accents,
            "lowercase": pieces.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around,
            "pair": [*around, {"Sequence": {"id": "B", "type_id": 1}}, mark[pieces.end]],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": PREFIX, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": pieces.unknown,
            "continuing_subword_prefix": PREFIX,
            "max_input_chars_per_word": pieces.longest,
            "vocab": dict(sorted(pieces.vocabulary.items(), key=lambda item: item[1])),
        },
    }


def read_wordpiece(fields: Fields, ids: int | None = None) -> WordPiece:
    """Return the rules and the vocabulary of a tokenizer.json of ``tokenizers``, such as a checkpoint's.

    Args:
        fields: of the file.
        ids: how many there were before the vocabulary was pruned; None where every id from 0 has its piece.

    Raises:
        BundleError: it is not one of a BERT-like encoder; says the field.
    """
    model, normal = fields.inner("model"), fields.inner("normalizer")
    for part, name, expected in (
        (model, "type", "WordPiece"),
        (model, "continuing_subword_prefix", PREFIX),
        (normal, "type", "BertNormalizer"),
        (fields.inner("pre_tokenizer"), "type", "BertPreTokenizer"),
    ):
        if (got := part.line(name)) != expected:
            raise BundleError(f"{part.where}.{name}: expected {expected}; got {got!r}")
    if not normal.truth("clean_text"):
        raise BundleError(f"{normal.where}.clean_text: expected true; got false")
    lowercase = normal.truth("lowercase")
    accents = normal.values.get("strip_accents")
    begin, end = _marks(fields.inner("post_processor"))
    found = WordPiece(
        vocabulary=_vocabulary(model, ids),
        unknown=model.line("unk_token"),
        begin=begin,
        end=end,
        lowercase=lowercase,
        strip_accents=lowercase if accents is None else normal.truth("strip_accents"),
        chinese=normal.truth("handle_chinese_chars"),
        longest=model.whole("max_input_chars_per_word", least=1, most=_MOST_CHARACTERS),
    )
    for piece in (found.unknown, begin, end):
        if piece not in found.vocabulary:
            raise BundleError(f"{model.where}.vocab: expected {piece} in it; it is missing")
    return found


def _marks(post: Fields) -> tuple[str, str]:
    """Return the pieces in front of and behind a unit."""
    if post.line("type") == "BertProcessing":
        return post.many("cls", least=2, most=2).line("0"), post.many("sep", least=2, most=2).line("0")
    single = post.many("single", least=3, most=3)
    return tuple(single.inner(place).inner("SpecialToken").line("id") for place in ("0", "2"))  # type: ignore[return-value]


def _vocabulary(model: Fields, most: int | None) -> dict[str, int]:
    pieces = model.inner("vocab").values
    ids = [value for value in pieces.values() if is_whole(value, 0, (most or len(pieces)) - 1)]
    if len(pieces) < 4 or len(set(ids)) != len(pieces):
        raise BundleError(f"{model.where}.vocab: expected every id from 0 once; got others")
    return dict(zip(pieces, ids, strict=True))
