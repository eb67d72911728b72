"""Ways to damage a bundle, each by a random generator: some to its bytes, some under hashes that are right."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mgdist_edge.archive import pack
from tests.edge.damage import Pieces, sealed

Bytes = Callable[[bytearray, np.random.Generator], bytes]
Parts = Callable[[Pieces, np.random.Generator], bytes]


def flipped(content: bytearray, random: np.random.Generator) -> bytes:
    place = int(random.integers(len(content)))
    content[place] ^= 1 << int(random.integers(8))
    return bytes(content)


def cut_short(content: bytearray, random: np.random.Generator) -> bytes:
    return bytes(content[: int(random.integers(len(content)))])


def zeroed_tail(content: bytearray, random: np.random.Generator) -> bytes:
    count = int(random.integers(1, len(content)))
    return bytes(content[:-count]) + bytes(count)


def extended(content: bytearray, random: np.random.Generator) -> bytes:
    return bytes(content) + random.bytes(int(random.integers(1, 200)))


def exchanged(content: bytearray, random: np.random.Generator) -> bytes:
    size = int(random.integers(1, 2000))
    one, other = sorted(random.choice(len(content) - size, 2, replace=False).tolist())
    content[one : one + size], content[other : other + size] = content[other : other + size], content[one : one + size]
    return bytes(content)


def overwritten(content: bytearray, random: np.random.Generator) -> bytes:
    size = int(random.integers(1, 5000))
    place = int(random.integers(len(content)))
    content[place : place + size] = random.bytes(size)
    return bytes(content)


def tail_flipped(content: bytearray, random: np.random.Generator) -> bytes:
    """Flip a bit of the directory, the end record, or the seal."""
    place = len(content) - 1 - int(random.integers(500))
    content[place] ^= 1 << int(random.integers(8))
    return bytes(content)


def swapped_parts(pieces: Pieces, random: np.random.Generator) -> bytes:
    """Give a part the content of another one, or some bytes more or less; every second time it is listed as it is."""
    names = [name for name in pieces.members if name != "manifest.json"]
    one, other = random.choice(names, 2, replace=False).tolist()
    data = [pieces.members[other], pieces.members[one] + b" ", pieces.members[one][:-1], b""][int(random.integers(4))]
    if random.integers(2):
        return pieces.with_member(one, data).packed()
    return Pieces(pieces.model, {**pieces.members, one: data}).packed()


def zip_tricks(pieces: Pieces, random: np.random.Generator) -> bytes:
    """Name a member otherwise or twice, leave one out, hide bytes between them, or let the directory lie."""
    members, names = dict(pieces.members), list(pieces.members)
    match int(random.integers(5)):
        case 0:
            evil = [
                "../../etc/passwd",
                "/etc/cron.d/x",
                "evil.py",
                "manifest.json\0",
                "MANIFEST.JSON",
                "model",
                "a" * 9999,
            ]
            return Pieces(pieces.model, {**members, evil[int(random.integers(len(evil)))]: b"x"}).packed()
        case 1:
            del members[names[int(random.integers(len(names)))]]
            return Pieces(pieces.model, members).packed()
        case 2:
            body, directory = pack(members, len(pieces.model))
            hidden = random.bytes(int(random.integers(1, 999)))
            return sealed(pieces.model + body + hidden, directory, len(members))
        case 3:
            body, directory = pack(members, len(pieces.model))
            again, entry = pack({names[0]: members[names[0]]}, len(pieces.model) + len(body))
            return sealed(pieces.model + body + again, directory + entry, len(members) + 1)
        case _:
            return _lying(pieces, random)


def _lying(pieces: Pieces, random: np.random.Generator) -> bytes:
    """Overwrite some bytes of the directory, under a seal that is right."""
    body, directory = pack(pieces.members, len(pieces.model))
    changed, place = bytearray(directory), int(random.integers(len(directory)))
    size = int(random.integers(1, 5))
    changed[place : place + size] = random.bytes(size)
    return sealed(pieces.model + body, bytes(changed[: len(directory)]), len(pieces.members))


HUGE = (10**9, 2**31, 2**32 + 1, 2**63, 10**30, 10**300, -1, -(2**63), 1e308, -0.5, 0)


def huge_counts(pieces: Pieces, random: np.random.Generator) -> bytes:
    """Put a number that is far too large, or negative, in place of one or of a list, or a list that is far too long."""
    name = ("manifest.json", "golden.json", "tokenizer.json")[int(random.integers(3))]
    name = name if name in pieces.members else "manifest.json"
    value = json.loads(pieces.members[name])
    holder, key = _numbers(value, random)
    if random.integers(4) == 0:
        holder[key] = [1] * 200_000
    else:
        holder[key] = HUGE[int(random.integers(len(HUGE)))]
    if name == "manifest.json":
        return Pieces(pieces.model, {**pieces.members, name: json.dumps(value).encode()}).packed()
    return pieces.with_member(name, json.dumps(value).encode()).packed()


def _numbers(value: object, random: np.random.Generator) -> tuple[object, object]:
    """Return a random number of some JSON by what holds it, and its key or place there."""
    found: list[tuple[object, object]] = []
    rest = [value]
    while rest:
        holder = rest.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, each in pairs:
            if isinstance(each, dict | list):
                rest.append(each)
            elif isinstance(each, int | float) and not isinstance(each, bool) and key not in ("bytes", "sha256"):
                found.append((holder, key))
    return found[int(random.integers(len(found)))]


def forged_model(pieces: Pieces, random: np.random.Generator) -> bytes:
    """Flip bits of the model, and make every hash right: nobody but the maker's signature can tell."""
    model = bytearray(pieces.model)
    for _ in range(int(random.integers(1, 9))):
        model[int(random.integers(8, len(model)))] ^= 1 << int(random.integers(8))
    return Pieces(bytes(model), pieces.members).listed().packed()


TO_BYTES: Mapping[str, Bytes] = MappingProxyType(
    {each.__name__: each for each in (flipped, tail_flipped, cut_short, zeroed_tail, extended, exchanged, overwritten)}
)
UNDER_RIGHT_HASHES: Mapping[str, Parts] = MappingProxyType(
    {each.__name__: each for each in (swapped_parts, zip_tricks, huge_counts)}
)
