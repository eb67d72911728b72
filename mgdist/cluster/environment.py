"""What a cluster must have installed to do a job as it would be done here."""

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mgdist.errors import ClusterError
from mgdist.runs import VERSIONS, digest

Environment = dict[str, str]
"""Package -> version, without what tells of a build (``+cpu``); and that of Python."""


def environment() -> Environment:
    """Return what this process runs on."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, **{name: _version(name) for name in VERSIONS}}


def fingerprint(found: Environment) -> str:
    """Return the SHA-256 of an environment."""
    return digest(found)


def require(path: Path) -> None:
    """Refuse to work on other versions than those of the machine that a job comes from.

    Args:
        path: of the environment there, as JSON.

    Raises:
        ClusterError: names each package that differs.
    """
    expected, found = json.loads(path.read_text()), environment()
    differ = [
        f"{name} {expected[name]} here, {found.get(name, 'none')} on the cluster"
        for name in expected
        if expected[name] != found.get(name)
    ]
    if differ:
        raise ClusterError(
            f"environment {fingerprint(expected)[:12]}: expected the versions of the machine that submits; "
            f"found {'; '.join(differ)}; start the cluster from the image of this version, or install constraints.txt "
            "on its nodes"
        )


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return "none"
