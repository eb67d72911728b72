"""Ask the page's JavaScript, in Node: many questions at once, since Node takes a moment to start."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mgdist_edge.inputs import Input, parts_of
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.raws import Raw, raw_json

ROOT = Path(__file__).parents[2]
STAMP = ROOT / ".venv" / "browser"
"""``make .venv/browser`` leaves it behind: Node, Chromium and the npm packages are there."""
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "node"
"""In the environment of these tests, or on the path."""


def need_browser() -> None:
    """Skip where nobody asked for Node and Chromium; ``make test`` asks for them."""
    if not STAMP.exists():
        pytest.skip("needs Node, Chromium and npm packages; install them with: make .venv/browser")


def ask(questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers: ``found``, or ``error`` and its ``line``."""
    need_browser()
    lines = "".join(json.dumps(each) + "\n" for each in questions)
    command = [NODE, Path(__file__).with_suffix(".mjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=300)
    assert not done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def views_of(fitted: Input, raw: Raw) -> dict[str, Any]:
    """Return the question for the views of a raw value."""
    return {"ask": "views", "input": _written(fitted), "raw": raw_json(raw)}


def explained(fitted: Input, raw: Raw) -> dict[str, Any]:
    """Return the question for the parts of a raw value, with the views that are left without each."""
    return {**views_of(fitted, raw), "ask": "parts"}


_known: dict[int, tuple[Input, str]] = {}


def _written(fitted: Input) -> str:
    """Return an input as a manifest and the files beside it hold it; written once, since a vocabulary is long."""
    if id(fitted) not in _known:
        parts = {file: part.decode() for file, part in parts_of({ONLY_INPUT: fitted}).items()}
        _known[id(fitted)] = fitted, json.dumps({"asked": fitted.as_json(), "parts": parts})
    return _known[id(fitted)][1]
