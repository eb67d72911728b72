"""JSON from a file that somebody may have edited: every field is taken with its type and its bounds."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from mgdist_edge.errors import BundleError

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MISSING = object()
_HUGE = 1e300


def parse(raw: bytes, where: str) -> object:
    """Return the JSON value in ``raw``.

    Raises:
        BundleError: it is not JSON in UTF-8; NaN and Infinity are not JSON either.
    """
    try:
        return json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: expected JSON; {error}; make the bundle again") from None


def _refuse(constant: str) -> object:
    raise ValueError(f"got {constant}")


@dataclass(frozen=True)
class Fields:
    """A JSON object, read field by field.

    Attributes:
        values: the object.
        where: the file, and the path of the object in it, such as ``manifest.json: network``.

    Every method raises ``BundleError`` with the field's path, what was expected, and what is there.
    """

    values: Mapping[str, object]
    where: str

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields, each a line of text."""
        for name in self.values:
            if not is_line(name):
                raise _wrong(self.where, "names of one line", name)
            yield name

    @classmethod
    def of(cls, value: object, where: str) -> "Fields":
        """Return the fields of ``value``, which must be an object."""
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return cls(value, where)

    def inner(self, name: str) -> "Fields":
        """Return the object in field ``name``."""
        return Fields.of(self._value(name), self._at(name))

    def many(self, name: str, *, least: int, most: int) -> "Fields":
        """Return the list ``name``, as long as ``least`` to ``most``, as fields that are called 0, 1, ..."""
        value = self._value(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self._wrong(name, f"a list of {least} to {most} values")
        return Fields({str(place): each for place, each in enumerate(value)}, self._at(name))

    def line(self, name: str) -> str:
        """Return one line of text without control characters, not empty."""
        value = self._value(name)
        if not isinstance(value, str) or not is_line(value):
            raise self._wrong(name, "a line of text")
        return value

    def text(self, name: str) -> str:
        """Return a text of any length."""
        value = self._value(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def whole(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number from ``least`` to ``most``."""
        value = self._value(name)
        if not is_whole(value, least, most):
            raise self._wrong(name, f"a whole number from {least} to {most}")
        return int(value)

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_HUGE < value < _HUGE:
            raise self._wrong(name, "a number")
        return float(value)

    def truth(self, name: str) -> bool:
        """Return true or false."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def _value(self, name: str) -> object:
        return self.values.get(name, _MISSING)

    def _at(self, name: str) -> str:
        return f"{self.where}{'.' if ': ' in self.where else ': '}{name}"

    def _wrong(self, name: str, expected: str) -> BundleError:
        return _wrong(self._at(name), expected, self._value(name))


def is_line(value: str) -> bool:
    """Say whether a text is one line that a terminal can show."""
    return bool(value) and _UNPRINTABLE.search(value) is None


def is_whole(value: object, least: int, most: int) -> TypeGuard[int]:
    """Say whether a JSON value is a whole number from ``least`` to ``most``."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _wrong(where: str, expected: str, got: object) -> BundleError:
    shown = "nothing" if got is _MISSING else _short(repr(got))
    return BundleError(f"{where}: expected {expected}; got {shown}; make the bundle again")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
