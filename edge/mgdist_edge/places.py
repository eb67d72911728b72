"""Where a part of an example stands in the raw value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Characters of a text, or readings of a series or recording.

    Attributes:
        start: the first one, from 0.
        stop: the first one behind it.
    """

    start: int
    stop: int

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        return {"from": self.start, "to": self.stop}


@dataclass(frozen=True)
class Box:
    """Pixels of an image, at the size that the bundle reads.

    Attributes:
        row: the first one, from 0.
        column: the first one, from 0.
        height: rows.
        width: columns.
    """

    row: int
    column: int
    height: int
    width: int

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        return dict(vars(self))


@dataclass(frozen=True)
class Column:
    """A column of a table, by its name."""

    name: str

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        return {"name": self.name}


Place = Span | Box | Column
