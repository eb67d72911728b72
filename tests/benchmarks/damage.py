"""Damaged bundles: is each refused with one line, and does none crash the process or answer otherwise?

    python -m tests.benchmarks damage BUNDLE [--each N]

Each file is loaded in a process of its own, with its golden examples replayed; what answers is asked all golden
examples, and compared with the whole bundle. Damage to the bytes is what disks and networks do. Damage under hashes
that are right is what a person does; so is a forged model, which is loaded with --require-signature only, since
nothing but the signature can tell it.
"""

import argparse
import os
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mgdist.export.sign import new_keys, sign
from mgdist_edge import load, runtime
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import EdgeError
from tests.benchmarks.setting import table, told
from tests.edge.damage import Pieces
from tests.edge.damages import TO_BYTES, UNDER_RIGHT_HASHES, forged_model

OUTCOMES = ("refused before", "refused by LiteRT or its shapes", "refused by golden", "as before", "OTHERWISE", "CRASH")
BEFORE, LOADED, GOLDEN, SAME, OTHERWISE, CRASH = range(6)
MEMORY, SECONDS = 8 * 2**30, 60


def main() -> int:
    """Print the table; the exit code is 1 where a file crashed the process or was answered for otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--each", type=int, default=220, help="files of each kind of damage; default 220")
    asked = parser.parse_args()
    counts = Counter[tuple[str, int]]()
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-damage-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = "/dev/null/none"  # nothing is remembered
        whole = asked.bundle.read_bytes()
        _, public, _ = new_keys(folder)
        signed = sign(asked.bundle, folder / "mgdist.key", folder / "signed.tflite").path.read_bytes()
        sound = {"whole": (whole, None), "whole, signed": (signed, public)}
        for kind, (content, keys) in sound.items():
            counts[kind, outcome(content, folder, asked.bundle, keys)] += 1
        for kind, content, keys in damaged(asked.bundle, whole, signed, public, asked.each):
            counts[kind, outcome(content, folder, asked.bundle, keys)] += 1
        kinds = list(dict.fromkeys(kind for kind, _ in counts))
        rows = [[kind, *(counts[kind, each] for each in range(6))] for kind in kinds]
        hurt = [row for row in rows if row[0] not in sound]
        table(["damage", "files", *OUTCOMES], [[row[0], sum(row[1:]), *row[1:]] for row in rows])
        print(
            f"\n{sum(sum(row[1:]) for row in hurt):,} damaged files; as before: it answers, and as the whole one does."
        )
    return int(any(row[1 + OTHERWISE] + row[1 + CRASH] for row in rows))


def damaged(
    path: Path, whole: bytes, signed: bytes, public: Path, each: int
) -> Iterator[tuple[str, bytes, Path | None]]:
    """Yield the kind of damage, the file, and the key that is asked for."""
    random, pieces = np.random.default_rng(13), Pieces.of(path)
    for name, damage in TO_BYTES.items():
        for _ in range(each):
            if (content := damage(bytearray(whole), random)) != whole:
                yield name, content, None
    for name, hurt in UNDER_RIGHT_HASHES.items():
        for _ in range(each):
            content = hurt(pieces, random)
            yield f"{name}, right hashes", content, None
            yield f"{name}, right hashes, signature asked for", content, public
    for _ in range(each):
        yield "forged_model, right hashes, signature asked for", forged_model(pieces, random), public
        content = TO_BYTES["tail_flipped"](bytearray(signed), random)
        yield "tail_flipped of a signed one", content, None


def outcome(content: bytes, folder: Path, whole: Path, keys: Path | None) -> int:
    """Load a file in a process of its own, and say what became of it."""
    path = folder / "damaged.tflite"
    path.write_bytes(content)
    child = os.fork()
    if child == 0:
        os._exit(found(path, whole, keys))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if 0 <= code < CRASH else CRASH


def found(path: Path, whole: Path, keys: Path | None) -> int:
    """Return the outcome; in the child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    made, make = [False], runtime._interpreter

    def making(*arguments: object) -> object:
        made[0] = True
        return make(*arguments)  # type: ignore[arg-type]

    runtime._interpreter = making  # type: ignore[assignment]
    try:
        predictor = load(path, require_signature=keys)
    except EdgeError as error:
        if not str(error).isprintable() or len(str(error)) > 1000:
            return CRASH
        return GOLDEN if "golden answers" in str(error) else LOADED if made[0] else BEFORE
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is no refusal
        print(f"{type(error).__name__}: {error}"[:300], file=sys.stderr)
        return CRASH
    examples = Bundle.open(whole).golden.examples
    expected = load(whole, replay=False)
    for example in examples:
        raw = next(iter(example.raws.values())) if len(example.raws) == 1 else example.raws
        try:
            same = predictor.predict(raw).answers == expected.predict(raw).answers
        except EdgeError:
            continue
        if not same:
            return OTHERWISE
    return SAME


if __name__ == "__main__":
    sys.exit(main())
