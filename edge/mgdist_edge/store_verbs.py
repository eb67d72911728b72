"""The verbs of ``mgdist-edge`` that work on a store: install, list, rollback."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from mgdist_edge.errors import BundleError


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add them to the command line."""
    install = _verb(verbs, "install", _install, "let a bundle answer from now on, if it is right on this device")
    install.add_argument("bundle", metavar="BUNDLE", type=Path, help="the .tflite file")
    install.add_argument("--into", metavar="STORE", type=Path, help="folder of the versions; default: as list shows")
    install.add_argument("--keep", metavar="N", type=_keep, default=2, help="older versions that stay; default 2")
    listing = _verb(verbs, "list", _list, "list the installed versions; * marks the one that answers")
    rollback = _verb(verbs, "rollback", _rollback, "let the version before the present one answer again")
    for verb in (listing, rollback):
        verb.add_argument("store", metavar="STORE", type=Path, nargs="?", help="folder of the versions")
    for verb in (install, rollback):
        verb.add_argument("--require-signature", metavar="KEY", type=Path, help="refuse what this key did not sign")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, purpose: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    verb.set_defaults(verb=run)
    return verb


def _keep(text: str) -> int:
    if not text.isdecimal() or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 1000; got {text!r}")
    return int(text)


def _install(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.store import Store, default_folder

    store = Store(asked.into or default_folder())
    done = store.install(asked.bundle, require_signature=asked.require_signature, keep=asked.keep)
    yield f"{store.path} answers with version {done.number}, {done.digest}"


def _list(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.bundle import Bundle
    from mgdist_edge.store import Store, default_folder

    store = Store(asked.store or default_folder())
    current = store.current()
    yield f"{store.folder}:{'' if store.versions() else ' nothing is installed'}"
    for each in store.versions():
        mark = "*" if each == current else " "
        try:
            found = Bundle.open(each.path)
        except BundleError as error:
            yield f"{mark} {each.number}  {error}"
            continue
        signer = "unsigned" if found.signer is None else f"claims key {found.signer}"
        about = found.manifest
        yield f"{mark} {each.number}  {about.name}, {about.created}, {found.size:,} bytes, {each.digest}, {signer}"


def _rollback(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.store import Store, default_folder

    store = Store(asked.store or default_folder())
    done = store.rollback(require_signature=asked.require_signature)
    yield f"{store.path} answers with version {done.number}, {done.digest}"
