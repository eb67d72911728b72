"""The cells of a table: a number, a category or a date, told from a missing one.

A cell is missing where it is None, NaN, or one of the texts that the job lists as such. A number may be written as
text, as CSV files and web forms have it; everything else of the wrong type is an error.
"""

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import isfinite, isnan

import numpy as np

from mgdist_edge.errors import InputError

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?", re.ASCII
)
PARTS = ("year", "month", "day", "weekday", "hour", "elapsed")
"""What is read of a date; ``elapsed`` are days since 1970 with the time of day, in UTC where a zone is given."""
_EPOCH = datetime(1970, 1, 1)


def number_of(cell: object, missing: Collection[str]) -> float | None:
    """Return a cell as a number; None where it is missing.

    Raises:
        InputError: it is no number, or not a finite one.
    """
    if type(cell) is not float and type(cell) is not int:
        cell = _plain(cell, missing)
        if cell is None:
            return None
        if isinstance(cell, str) and NUMBER.fullmatch(cell):
            cell = float(cell)
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise InputError(f"expected a number; got {_shown(cell)}")
    try:
        number = float(cell)
    except OverflowError:
        number = float("inf")
    if isnan(number):
        return None
    if not isfinite(number):
        raise InputError(f"expected a finite number; got {_shown(cell)}")
    return number


def category_of(cell: object, missing: Collection[str]) -> str | None:
    """Return the name of a cell's category; None where it is missing.

    1, 1.0 and "1" are one category, as are True and "true".

    Raises:
        InputError: it is neither a text, a number nor a truth value.
    """
    if type(cell) is str:
        return None if cell in missing else cell
    cell = _plain(cell, missing)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if isnan(cell) else str(int(cell)) if cell.is_integer() else repr(cell)
    if cell is None or isinstance(cell, str | int):
        return None if cell is None else str(cell)
    raise InputError(f"expected a text or a number as a category; got {_shown(cell)}")


def moment_of(cell: object, missing: Collection[str]) -> tuple[float, ...] | None:
    """Return the ``PARTS`` of a date; None where it is missing. Monday is weekday 0.

    Raises:
        InputError: it is not a date in ISO 8601, or one that no calendar has.
    """
    cell = _plain(cell, missing)
    if cell is None or (isinstance(cell, float) and isnan(cell)):
        return None
    if isinstance(cell, date):
        cell = cell.isoformat()
    parts = _parts(cell) if isinstance(cell, str) else None
    if parts is None:
        raise InputError(f"expected a date such as 2026-11-23 or 2026-11-23T20:30; got {_shown(cell)}")
    return parts


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[float, ...] | None:
    """Return the parts of a date; None where it is none. A column repeats its dates, so they are remembered."""
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    *numbers, _, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    elapsed = (moment - _EPOCH - zone) / timedelta(days=1)
    return (*map(float, (moment.year, moment.month, moment.day, moment.weekday(), moment.hour)), elapsed)


def _plain(cell: object, missing: Collection[str]) -> object:
    """Return a cell as Python has it; None where it is a text that stands for a missing one."""
    if isinstance(cell, np.datetime64):
        return None if np.isnat(cell) else str(cell)
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if isinstance(cell, str) and cell in missing else cell


def _shown(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."
