"""The archive behind the flatbuffer: a zip of stored members, laid out in one way only.

::

    model | header, member | header, member | ... | directory | end record, comment

TFLite readers stop at the end of the flatbuffer, zip readers begin at the end record, so both are served by one
file (the convention of TFLite metadata). With no compression, no extra fields and one date for all, the same
members give the same bytes, and a reader can demand exactly these bytes.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from mgdist_edge.errors import BundleError

_HEADER = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_MIDDLE = re.compile(r"(?<=^tokenizer)\.[A-Za-z0-9_-]{1,64}(?=\.json$)")
_VERSION, _MADE_BY_UNIX = 20, 0x0314
_MIDNIGHT, _FIRST_OF_1980 = 0, 0x0021
_READABLE_FILE = 0o100644 << 16
LARGEST = 2**32 - 2
"""Bytes of a whole file; larger ones need another kind of zip."""


@dataclass(frozen=True)
class Member:
    """Where a member lies: its name, where its header begins in the file, and its bytes without the header."""

    name: str
    header: int
    size: int

    @property
    def begins(self) -> int:
        """Place of the member's first byte in the file."""
        return self.header + _HEADER.size + len(self.name)


@dataclass(frozen=True)
class End:
    """What the end record says: how many members, and where their directory lies in the file."""

    members: int
    directory: int
    size: int


def pack(members: Mapping[str, bytes], start: int) -> tuple[bytes, bytes]:
    """Lay out members, with the first header at byte ``start`` of the file; return them and their directory."""
    body, directory = bytearray(), bytearray()
    for name, data in members.items():
        sizes = (_MIDNIGHT, _FIRST_OF_1980, crc32(data), len(data), len(data), len(name), 0)
        place = start + len(body)
        directory += _ENTRY.pack(
            b"PK\1\2", _MADE_BY_UNIX, _VERSION, 0, 0, *sizes, 0, 0, 0, _READABLE_FILE, place
        ) + name.encode("ascii")
        body += _HEADER.pack(b"PK\3\4", _VERSION, 0, 0, *sizes) + name.encode("ascii") + data
    return bytes(body), bytes(directory)


def pack_end(end: End, comment: bytes) -> bytes:
    """Return the last bytes of the file."""
    return _END.pack(b"PK\5\6", 0, 0, end.members, end.members, end.size, end.directory, len(comment)) + comment


def read_end(raw: bytes, comment: int, place: int) -> End:
    """Return what the end record says.

    Args:
        raw: the last bytes of the file, from the end record on.
        comment: bytes of the comment behind it.
        place: where the end record begins in the file.

    Raises:
        BundleError: it is not the one that ``pack_end`` writes, or the directory does not end where it begins.
    """
    members, size, directory = _END.unpack(raw[: _END.size])[4:7]
    end = End(members, directory, size)
    if pack_end(end, raw[_END.size :]) != raw or len(raw) != end_size(comment) or directory + size != place:
        raise damaged("its archive has no valid end")
    return end


def end_size(comment: int) -> int:
    """Return the bytes of the end record and a comment of ``comment`` bytes."""
    return _END.size + comment


def read_directory(raw: bytes, end: End, limits: Mapping[str, int]) -> list[Member]:
    """Return the members that the directory lists, in the order of the file.

    Args:
        raw: the bytes of the directory.
        end: the end record.
        limits: the names that may occur, each with the bytes that it may have; of ``tokenizer.title.json`` it is
            that of ``tokenizer.json``.

    Raises:
        BundleError: a member is unknown, there twice, too large, compressed or encrypted, or the directory is damaged.
    """
    members: list[Member] = []
    while raw:
        member, used = _read_entry(raw, limits)
        if member.name in [earlier.name for earlier in members]:
            raise BundleError(f"expected {member.name} once in its archive; got it twice; make the bundle again")
        members.append(member)
        raw = raw[used:]
    if len(members) != end.members:
        raise damaged(f"its archive lists {len(members)} members, and its end says {end.members}")
    return members


def _read_entry(raw: bytes, limits: Mapping[str, int]) -> tuple[Member, int]:
    if len(raw) < _ENTRY.size or not raw.startswith(b"PK\1\2"):
        raise damaged("its archive's directory is broken")
    _, _, _, flags, method, _, _, _, packed, size, named, extra, remark, *_, header = _ENTRY.unpack(raw[: _ENTRY.size])
    name = raw[_ENTRY.size : _ENTRY.size + named].decode("ascii", "backslashreplace")
    limit = limits.get(_MIDDLE.sub("", name))
    if limit is None:
        raise BundleError(f"expected only {', '.join(limits)} in its archive; got {name[:60]!r}; make the bundle again")
    if flags or method or packed != size or extra or remark:
        raise BundleError(f"expected {name} stored as it is; got it compressed or with extras; make the bundle again")
    if size > limit:
        raise BundleError(f"expected {name} of at most {limit} bytes; got {size}; make the bundle again")
    return Member(name, header, size), _ENTRY.size + named


def damaged(why: str) -> BundleError:
    """Return the error for a file that is not as it was written."""
    return BundleError(f"expected the bytes that were written; got a damaged file: {why}; copy it again")
