"""The fitted input in a bundle: a few fields of the manifest, and tokenizer.json.

The vocabulary travels in the file format of Hugging Face's ``tokenizers``, so that other programs read it too; its
word ids are those of ``mgdist_edge.text``.
"""

import json
from collections.abc import Mapping

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields, is_whole, parse
from mgdist_edge.text import PADDING, UNKNOWN, TextInput

_LEVELS = ("word", "sentence", "paragraph")
_LONGEST = 4096
_MOST_IDS = 2**31 - 1
_PATTERN = r"[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s\x{1C}-\x{1F}]"
"""What ``text.WORDS`` means in Python, said so that the Rust library means it too: there ``\\w`` also holds
combining marks, and ``\\s`` lacks four control characters."""


def read_input(fields: Mapping[str, object], tokenizer: bytes | str) -> TextInput:
    """Return the input that a manifest and a tokenizer.json describe.

    Args:
        fields: the manifest's ``input``, as ``TextInput.as_json`` gives it.
        tokenizer: the text of tokenizer.json.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds.
    """
    asked = Fields(fields, "manifest.json: input")
    if (kind := asked.line("kind")) != "text":
        raise BundleError(f"manifest.json: input.kind: expected text; got {kind!r}; upgrade mgdist-edge")
    order = asked.whole("order", least=1, most=3)
    vocabulary, lowercase = _read_tokenizer(tokenizer.encode() if isinstance(tokenizer, str) else tokenizer)
    if asked.truth("lowercase") != lowercase:
        expected = "one, if the manifest's input has lowercase"
        raise BundleError(f"tokenizer.json: normalizer: expected {expected}; got otherwise; make the bundle again")
    buckets = asked.whole("buckets", least=0 if order == 1 else 1, most=_MOST_IDS - len(vocabulary))
    return TextInput(vocabulary, lowercase, _read_levels(asked.inner("levels")), order, buckets)


def _read_levels(levels: Fields) -> dict[str, int]:
    names = tuple(levels.values)
    if "word" not in names or names != tuple(name for name in _LEVELS if name in names):
        expected = "word, sentence and paragraph in this order, the last two if wanted"
        raise BundleError(f"{levels.where}: expected {expected}; got {names}; make the bundle again")
    return {name: levels.whole(name, least=1, most=_LONGEST) for name in names}


def _read_tokenizer(raw: bytes) -> tuple[dict[str, int], bool]:
    """Return the vocabulary, and whether it is one of small letters."""
    fields = Fields.of(parse(raw, "tokenizer.json"), "tokenizer.json")
    model = fields.inner("model")
    words = model.inner("vocab").values
    ids = [value for value in words.values() if is_whole(value, 0, len(words) - 1)]
    if len(set(ids)) != len(words) or words.get(PADDING) != 0 or words.get(UNKNOWN) != 1:
        expected = f"{PADDING}: 0, {UNKNOWN}: 1, and every other id up to {len(words) - 1} once"
        raise BundleError(f"tokenizer.json: model.vocab: expected {expected}; got others; make the bundle again")
    return dict(zip(words, ids, strict=True)), fields.values.get("normalizer") is not None


def tokenizer_json(fitted: TextInput) -> str:
    """Return tokenizer.json, in the file format of ``tokenizers``; ``tokenizers.Tokenizer.from_str`` reads it.

    It gives the ids of single words; n-grams and the cutting into units stay with ``mgdist_edge.text``.
    """
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
