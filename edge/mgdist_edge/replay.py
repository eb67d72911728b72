"""Golden replay on first load: a bundle that answers otherwise here than where it was made does not answer at all.

That it passed is remembered in the user's cache folder, by the file, the versions of what runs it, and the machine;
so it costs a few predictions once, and again after an upgrade or when the disk moves to another board.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from mgdist_edge import __version__
from mgdist_edge.chunks import lookup_version
from mgdist_edge.predictor import Predictor
from mgdist_edge.runtime import litert_version
from mgdist_edge.selftest import require_passed, selftest

_PROCESSOR = ("model name", "Model", "Hardware", "CPU part")
"""Lines of /proc/cpuinfo that say which processor it is; boards differ in which of them they have."""


def require_replayed(predictor: Predictor, folder: Path | None = None) -> None:
    """Replay the golden examples, unless they passed before: this file, with these versions, on this machine.

    Args:
        predictor: of the bundle.
        folder: remembers what passed; None: ``mgdist-edge`` in the user's cache folder. Where it cannot be written,
            nothing is remembered.

    Raises:
        SelftestError: the answers are not the golden ones.
    """
    folder = folder or cache_folder()
    mark = None if folder is None else folder / "replayed" / _key(predictor)
    if mark is not None and mark.is_file():
        return
    require_passed(selftest(predictor), predictor)
    if mark is not None:
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def cache_folder() -> Path | None:
    """Return where this user's programs keep what can be made again; None where there is no such place."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "mgdist-edge"
    try:
        return Path.home() / ".cache" / "mgdist-edge"
    except RuntimeError:
        return None


def _key(predictor: Predictor) -> str:
    """Return a name for all that the answers depend on."""
    versions = (__version__, np.__version__, litert_version(), lookup_version())
    return sha256("\n".join([predictor.bundle.sha256, *versions, *_machine()]).encode()).hexdigest()[:32]


def _machine() -> tuple[str, ...]:
    found = os.uname()
    told = {found.machine, found.nodename}
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        told |= {line for line in lines if line.startswith(_PROCESSOR)}
    return tuple(sorted(told))
