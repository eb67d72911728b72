"""The verb ``mgdist-edge watch``."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mgdist_edge.arguments import count
from mgdist_edge.errors import EdgeError

if TYPE_CHECKING:
    from mgdist_edge.store import Version
    from mgdist_edge.watch import Watch


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to the command line."""
    purpose = "install newer bundles as they appear in a folder or at an address"
    verb = verbs.add_parser("watch", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    verb.add_argument("source", metavar="FOLDER_OR_URL", help="a folder of .tflite files, or http(s):// of one file")
    verb.add_argument("--into", metavar="STORE", type=Path, help="folder of the versions; default: as list shows")
    trust = verb.add_mutually_exclusive_group(required=True)
    trust.add_argument("--require-signature", metavar="KEY", type=Path, help="take only what this public key signed")
    trust.add_argument("--allow-unsigned", action="store_true", help="take whatever anybody puts there")
    verb.add_argument("--interval", metavar="S", type=_interval, default=300, help="seconds between looks; default 300")
    verb.add_argument("--once", action="store_true", help="look once, as a timer wants it")
    verb.add_argument("--max-size", metavar="MB", type=count, default=256, help="of a bundle; default 256")
    verb.add_argument("--timeout", metavar="S", type=_interval, default=600, help="for a download; default 600")
    verb.add_argument("--keep", metavar="N", type=count, default=2, help="older versions that stay; default 2")
    verb.set_defaults(verb=_watch)


def _interval(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 86400:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 86400; got {text!r}")
    return int(text)


def _watch(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.store import Store, default_folder
    from mgdist_edge.watch import Limits, Watch

    limits = Limits(asked.max_size * 10**6, float(asked.timeout), asked.keep)
    watch = Watch(asked.source, Store(asked.into or default_folder()), asked.require_signature, limits)
    with watch.alone():
        if asked.once:
            yield _told(watch, watch.look())
        else:
            yield from _for_ever(watch, asked.interval)


def _for_ever(watch: "Watch", seconds: int) -> Iterator[str]:
    """Look again and again; what is wrong is said when it begins, and not at each look."""
    said = ""
    while True:
        try:
            found = watch.look()
        except EdgeError as error:
            if str(error) != said:
                sys.stderr.write(f"mgdist-edge: {error}; what answered goes on\n")
                sys.stderr.flush()
            said = str(error)
        else:
            said = ""
            if found is not None:
                yield _told(watch, found)
        time.sleep(seconds)


def _told(watch: "Watch", found: "Version | None") -> str:
    if found is None:
        return f"{watch.source}: nothing newer"
    return f"{watch.store.path} answers with version {found.number}, {found.digest}"
