"""Work in a process of its own.

Converters switch process-wide settings, print, and may crash in C++. Here they get a process that
ends with the work, so the caller's memory, settings and terminal stay as they were.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import ParamSpec, TypeVar

from mgdist.errors import MgdistError

P = ParamSpec("P")
T = TypeVar("T")


class ApartError(MgdistError):
    """The process ended without a result; the message is the last thing that it said."""


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``work(*args, **kwargs)``, done in a new process that cannot print.

    Args:
        work: a function of a module, not a lambda.
        args: picklable, as is the result.
        kwargs: the same.

    Raises:
        MgdistError: whatever ``work`` raised of this tree.
        ApartError: it raised something else, or its process was killed.
    """
    with beside(work, *args, **kwargs) as result:
        return result()


@contextmanager
def beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Iterator[Callable[[], T]]:
    """Do work in a new process while the block does something else; what it gets waits for the result.

    The process ends with the block, and with this process, however that ends. See :func:`apart`.
    """
    with tempfile.TemporaryDirectory(prefix="mgdist-") as name:
        request, reply, said = (Path(name, part) for part in ("request", "reply", "said"))
        request.write_bytes(pickle.dumps((work, args, kwargs)))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "mgdist.apart", str(request), str(reply)]
        with (
            said.open("wb") as sink,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sink, stderr=sink, env=environment) as process,
        ):

            def result() -> T:
                code = process.wait()
                if not reply.exists():
                    raise ApartError(_last_words(said.read_text(errors="replace"), code))
                done = pickle.loads(reply.read_bytes())
                if isinstance(done, MgdistError):
                    raise done
                returned: T = done
                return returned

            try:
                yield result
            finally:
                process.kill()


def _last_words(said: str, code: int) -> str:
    if code < 0:
        return f"killed by signal {-code}" + (": out of memory?" if code == -9 else "")
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"ended with exit code {code} without a word"


def _end_with_parent() -> None:
    """Wait for the end of the standard input, which the parent holds open and never writes to."""
    os.read(0, 1)
    os._exit(1)


def _main(request: Path, reply: Path) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    work, args, kwargs = pickle.loads(request.read_bytes())
    try:
        result = work(*args, **kwargs)
    except MgdistError as error:
        result = error
    # A reply is there as a whole or not at all: half of one would hide why the process ended.
    partial = reply.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(result))
    partial.replace(reply)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
