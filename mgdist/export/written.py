"""How MediaPipe's regex tokenizer is told to read words as mgdist reads them.

It searches for a delimiter again and again and takes what stands before it; so a mark of punctuation, which is a word
to mgdist, would be lost, and it knows no small letters. Both are cured without any code of the client:

- It puts brackets around the pattern of the delimiter, and a word ends where the first group begins. So the pattern
  closes that bracket and opens another: what matches is a word *and* the space behind it, with an empty group between.
- Every way to write a word with capitals stands in the vocabulary, with the id of its small letters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.text import UNKNOWN, TextInput, words

_WORD = r"\p{L}\p{N}_"
_SPACE = r"\s\v\x{1C}-\x{1F}\x{85}\p{Z}"
DELIMITER = rf"?:[{_WORD}]+|[^{_WORD}{_SPACE}])()(?:[{_SPACE}]*"
"""In the syntax of RE2. Space in front of the first word is read as a part of it, which makes it unknown."""
_FIRST = re.compile(r"\s*(?:\w+|[^\w\s])")


def forms(fitted: TextInput, texts: Iterable[str]) -> dict[str, int]:
    """Return a client's vocabulary: each way to write a word -> its id.

    Args:
        fitted: of words.
        texts: where words are found as people write them; what is not seen there is known in small letters, and as
            :func:`_capitals` says.
    """
    known = fitted.vocabulary
    found = dict(known)
    if fitted.lowercase:
        for written in {word for text in texts for word in words(text, lowercase=False)}:
            if (id := known.get(_lower(written))) is not None:
                found.setdefault(written, id)
        for word, id in known.items():
            for written in _capitals(word):
                if _lower(written) == word:
                    found.setdefault(written, id)
    return found


def _capitals(word: str) -> Iterator[str]:
    """Yield the ways in which people write a word with capitals: WORD, Word, WOrd by mistake, and WORDs of several."""
    yield from (word.upper(), word.capitalize(), word[:2].upper() + word[2:])
    if word.endswith("s"):
        yield f"{word[:-1].upper()}s"


def _lower(word: str) -> str:
    return (words(word, lowercase=True) or [""])[0]


def vocabulary_file(forms: Mapping[str, int]) -> bytes:
    """Return ``vocab.txt``: a line for each form, and its id behind a space."""
    return "".join(f"{word} {id}\n" for word, id in forms.items()).encode()


def client_ids(text: str, forms: Mapping[str, int], count: int) -> NDArray[np.int32]:
    """Return the ids (1, N) that the client gives the model for a text: padding behind, or what is too long cut off.

    Args:
        text: of any length.
        forms: its vocabulary.
        count: N.
    """
    text = text.partition("\0")[0]  # where C sees the end
    found = words(text, lowercase=False)
    if found and text[0].isspace() and (first := _FIRST.match(text)):
        found[0] = first[0]
    ids = np.zeros((1, count), np.int32)
    read = [forms.get(word, forms[UNKNOWN]) for word in found[:count]]
    ids[0, : len(read)] = read
    return ids
