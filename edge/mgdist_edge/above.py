"""Heads of coarser labels: each label of a finer head belongs to one of theirs.

Legend: F labels of the finer head, K labels of the coarser one.
"""

from dataclasses import dataclass

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields

_MOST = 100_000


@dataclass(frozen=True)
class Above:
    """What a head of coarser labels stands above.

    Attributes:
        head: the name of the finer head.
        parents: (F,) for each of its labels, the place of the coarser one that it belongs to.
    """

    head: str
    parents: tuple[int, ...]

    def as_json(self) -> dict[str, object]:
        """Return what a manifest holds."""
        return {"head": self.head, "parents": list(self.parents)}


def read_above(fields: Fields, labels: int) -> Above:
    """Return what a manifest says of it.

    Args:
        fields: as :meth:`Above.as_json` gives them.
        labels: K.

    Raises:
        BundleError: a field is missing, of the wrong type, or out of bounds.
    """
    listed = fields.many("parents", least=1, most=_MOST)
    return Above(fields.line("head"), tuple(listed.whole(place, least=0, most=labels - 1) for place in listed))


def require_finer(above: Above, outputs: dict[str, int], where: str) -> None:
    """Refuse a head that stands above one that is not there, or that has other labels.

    Args:
        above: of the head.
        outputs: numbers of each head.
        where: the path of the head in the manifest.

    Raises:
        BundleError: says what was expected.
    """
    if outputs.get(above.head) != len(above.parents):
        expected = f"a parent for each label of a head {above.head!r}"
        raise BundleError(f"{where}.above: expected {expected}; got {len(above.parents)}; make the bundle again")
