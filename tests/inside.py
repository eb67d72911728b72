"""The command line in this process, and on one Ray: each process and each Ray that starts anew takes seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from mgdist import pipeline
from mgdist.cli import main
from mgdist.cluster.connect import Connection


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def mgdist(*arguments: str | Path) -> Ended:
    """Run a command in this process, whose libraries and converters stay imported from one call to the next."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setattr(sys, "argv", ["mgdist", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


@contextmanager
def one_ray() -> Iterator[None]:
    """Have all jobs meanwhile done on one Ray, and not each on one of its own."""
    with Connection() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "_connection", lambda job, address: nullcontext(connection))
        yield
