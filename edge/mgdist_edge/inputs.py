"""The fitted inputs in a bundle: a few fields of the manifest, and tokenizer.json where one reads text.

The vocabulary travels in the file format of Hugging Face's ``tokenizers``, so that other programs read it too; its
word ids are those of ``mgdist_edge.text``.
"""

import json
from collections.abc import Mapping

from mgdist_edge.array import ArrayInput, read_array
from mgdist_edge.audio import AudioInput, read_audio
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, is_whole, parse
from mgdist_edge.image import ImageInput, read_image
from mgdist_edge.kept import Kept, read_kept
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.series import SeriesInput, read_series
from mgdist_edge.table import TableInput, read_table
from mgdist_edge.text import PADDING, SENTENCE_ENDS, UNKNOWN, WINDOWS, TextInput
from mgdist_edge.windows import Window
from mgdist_edge.wordpiece import MARKS, WordPiece, read_wordpiece, wordpiece_json

Input = TextInput | ImageInput | SeriesInput | AudioInput | TableInput | ArrayInput
"""What turns raw into views."""

_LEVELS = ("word", "sentence", "paragraph")
_LONGEST = 4096
_MOST_IDS = 2**31 - 1
_PATTERN = r"[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s\x{1C}-\x{1F}]"
"""What ``text.WORDS`` means in Python, said so that the Rust library means it too: there ``\\w`` also holds
combining marks, and ``\\s`` lacks four control characters."""


def parts_of(inputs: Mapping[str, Input]) -> dict[str, bytes]:
    """Return the files that the inputs bring along, by name: the vocabularies."""
    return {
        part_name(name): tokenizer_json(fitted).encode()
        for name, fitted in inputs.items()
        if isinstance(fitted, TextInput)
    }


def part_name(name: str) -> str:
    """Return the name of a text input's vocabulary in the bundle."""
    return "tokenizer.json" if name == ONLY_INPUT else f"tokenizer.{name}.json"


def read_input(name: str, asked: Fields, parts: Mapping[str, bytes]) -> Input:
    """Return the input that a manifest and the files beside it describe.

    Args:
        name: of the input.
        asked: the manifest's fields of it, as its ``as_json`` gives them.
        parts: the files of the bundle.

    Raises:
        BundleError: a field or a file is missing, of the wrong type, or out of bounds.
    """
    match asked.line("kind"):
        case "text":
            if part_name(name) not in parts:
                raise BundleError(f"expected {part_name(name)} in its archive; got none; make the bundle again")
            return _read_text(asked, parts[part_name(name)], part_name(name))
        case "image":
            return read_image(asked)
        case "series":
            return read_series(asked)
        case "audio":
            return read_audio(asked)
        case "table":
            return read_table(asked)
        case "array":
            return read_array(asked)
        case kind:
            known = "text, image, series, audio, table or array"
            raise BundleError(f"{asked.where}.kind: expected {known}; got {kind!r}; upgrade mgdist-edge")


def _read_text(asked: Fields, tokenizer: bytes, file: str) -> TextInput:
    order = asked.whole("order", least=1, most=3)
    kept = None
    if "kept" in asked.values:
        kept = read_kept(asked.inner("kept"), asked.whole("buckets", least=0, most=_MOST_IDS))
    fields = Fields.of(parse(tokenizer, file), file)
    pieces = _read_pieces(fields, kept) if fields.inner("model").line("type") == "WordPiece" else None
    vocabulary, lowercase = (pieces.vocabulary, pieces.lowercase) if pieces else _read_words(fields, kept)
    if kept and not all(kept.ids[id] for id in vocabulary.values()):
        raise BundleError(f"{asked.where}.kept.bits: expected one set for each word of {file}; make the bundle again")
    if asked.truth("lowercase") != lowercase:
        expected = "one, if the manifest's input has lowercase"
        raise BundleError(f"{file}: normalizer: expected {expected}; got otherwise; make the bundle again")
    known = kept.words if kept else len(vocabulary)
    buckets = asked.whole("buckets", least=0 if order == 1 else 1, most=_MOST_IDS - known)
    levels = _read_levels(asked.inner("levels"))
    if pieces and levels["word"].length <= MARKS:
        raise BundleError(f"{asked.where}.levels.word: expected more than {MARKS} tokens; make the bundle again")
    return TextInput(vocabulary, lowercase, levels, order, buckets, pieces, kept, _read_cut(asked))


def _read_cut(asked: Fields) -> bool:
    """Return whether units are windows, wherever sentences end."""
    if "cut" in asked.values and (cut := asked.line("cut")) not in (SENTENCE_ENDS, WINDOWS):
        raise BundleError(f"{asked.where}.cut: expected {SENTENCE_ENDS} or {WINDOWS}; got {cut!r}; upgrade mgdist-edge")
    return "cut" in asked.values and cut == WINDOWS


def _read_levels(levels: Fields) -> dict[str, Window]:
    names = tuple(levels.values)
    if "word" not in names or names != tuple(name for name in _LEVELS if name in names):
        expected = "word, sentence and paragraph in this order, the last two if wanted"
        raise BundleError(f"{levels.where}: expected {expected}; got {names}; make the bundle again")
    return {
        name: Window(levels.whole(name, least=1, most=_LONGEST), None if place else 1)
        for place, name in enumerate(names)
    }


def _read_pieces(fields: Fields, kept: Kept | None) -> WordPiece:
    pieces = read_wordpiece(fields, kept.words if kept else None)
    if 0 in (pieces.vocabulary[name] for name in (pieces.unknown, pieces.begin, pieces.end)):
        raise BundleError(f"{fields.where}: model.vocab: expected 0 to be the padding; make the bundle again")
    return pieces


def _read_words(fields: Fields, kept: Kept | None) -> tuple[dict[str, int], bool]:
    """Return the vocabulary, and whether it is one of small letters."""
    model = fields.inner("model")
    words = model.inner("vocab").values
    last = (kept.words if kept else len(words)) - 1
    ids = [value for value in words.values() if is_whole(value, 0, last)]
    if len(set(ids)) != len(words) or words.get(PADDING) != 0 or words.get(UNKNOWN) != 1:
        expected = f"{PADDING}: 0, {UNKNOWN}: 1, and every other id up to {last} once"
        raise BundleError(f"{fields.where}: model.vocab: expected {expected}; got others; make the bundle again")
    return dict(zip(words, ids, strict=True)), fields.values.get("normalizer") is not None


def tokenizer_json(fitted: TextInput) -> str:
    """Return tokenizer.json, in the file format of ``tokenizers``; ``tokenizers.Tokenizer.from_str`` reads it.

    It gives the ids of single words; n-grams and the cutting into units stay with ``mgdist_edge.text``.
    """
    if fitted.pieces:
        return json.dumps(wordpiece_json(fitted.pieces), ensure_ascii=False, separators=(",", ":"))
    words = sorted(fitted.vocabulary.items(), key=lambda item: item[1])
    content: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"} if fitted.lowercase else None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": _PATTERN}, "behavior": "Removed", "invert": True},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": dict(words), "unk_token": UNKNOWN},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
