"""Work in a process of its own.

Converters switch process-wide settings, print, and may crash in C++. Here they get a process that
ends with the work, so the caller's memory, settings and terminal stay as they were.
"""

import gc
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from typing import ParamSpec, TypeVar, cast

from mgdist.errors import MgdistError

P = ParamSpec("P")
T = TypeVar("T")
RARELY = 100_000
"""Objects that a process makes before it looks for unused ones: of the graphs that converters make, few become so."""
_needs: dict[Callable[..., object], tuple[str, ...]] = {}


class ApartError(MgdistError):
    """The process ended without a result; the message is the last thing that it said."""


def needs(*modules: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Tell what a function imports when it is called, and :func:`apart` keeps at hand for the next call of any.

    Args:
        modules: by their full names; importing them starts no threads, since a process is forked after it.
    """

    def told(work: Callable[P, T]) -> Callable[P, T]:
        _needs[work] = modules
        return work

    return told


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``work(*args, **kwargs)``, done in a new process that cannot print.

    The process is forked off one that waits for such work, and has imported what the work :func:`needs`: converters
    take longer to import than to convert. It waits for as long as the caller lives.

    Args:
        work: a function of a module, not a lambda.
        args: picklable, as is the result.
        kwargs: the same.

    Raises:
        MgdistError: whatever ``work`` raised of this tree.
        ApartError: it raised something else, or its process was killed.
    """
    with _exchange() as exchange:
        about = (_needs.get(work, ()), str(Path.cwd()), dict(os.environ))
        exchange.request.write_bytes(pickle.dumps((about, pickle.dumps((work, args, kwargs)))))
        return cast(T, exchange.result(_waiting.do(exchange.folder)))


@contextmanager
def beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Iterator[Callable[[], T]]:
    """Do work in a new process while the block does something else; what it gets waits for the result.

    The process ends with the block, and with this process, however that ends. See :func:`apart`.
    """
    with _exchange() as exchange:
        exchange.request.write_bytes(pickle.dumps((work, args, kwargs)))
        with (
            exchange.said.open("wb") as sink,
            _started(str(exchange.folder), stdout=sink, stderr=sink) as process,
        ):
            try:
                yield lambda: cast(T, exchange.result(process.wait()))
            finally:
                process.kill()


@dataclass(frozen=True)
class _Exchange:
    """Where a process finds its work, and leaves the result and what it says."""

    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "request"

    @property
    def reply(self) -> Path:
        return self.folder / "reply"

    @property
    def said(self) -> Path:
        return self.folder / "said"

    def work(self, request: bytes) -> None:
        """Do what is asked for."""
        work, args, kwargs = pickle.loads(request)
        try:
            result = work(*args, **kwargs)
        except MgdistError as error:
            result = error
        # A reply is there as a whole or not at all: half of one would hide why the process ended.
        partial = self.reply.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(result))
        partial.replace(self.reply)

    def result(self, code: int) -> object:
        """Return the result, once the process has ended with an exit code."""
        if not self.reply.exists():
            said = self.said.read_text(errors="replace") if self.said.exists() else ""
            raise ApartError(_last_words(said, code))
        done = pickle.loads(self.reply.read_bytes())
        if isinstance(done, MgdistError):
            raise done
        return done


@contextmanager
def _exchange() -> Iterator[_Exchange]:
    with tempfile.TemporaryDirectory(prefix="mgdist-") as name:
        yield _Exchange(Path(name))


def _started(*arguments: str, stdout: object, stderr: object) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "mgdist.apart", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, env=environment)  # type: ignore[call-overload,no-any-return]


def _last_words(said: str, code: int) -> str:
    if code < 0:
        return f"killed by signal {-code}" + (": out of memory?" if code == -signal.SIGKILL else "")
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"ended with exit code {code} without a word"


class _Waiting:
    """The process that waits for work: started with the first one, one work at a time, anew where it is gone."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0

    def do(self, folder: Path) -> int:
        """Have the work of a folder done; return how its process ended."""
        with self.lock:
            process = self._at_hand()
            assert process.stdin is not None, "it was started with pipes"
            assert process.stdout is not None, "it was started with pipes"
            told = b""
            with suppress(BrokenPipeError):
                process.stdin.write(f"{folder}\n".encode())
                process.stdin.flush()
                told = process.stdout.readline()
            if told:
                return int(told)
            return process.wait()

    def _at_hand(self) -> "subprocess.Popen[bytes]":
        # One that was forked off us has our pipes, but not our process.
        if self.process is None or self.owner != os.getpid() or self.process.poll() is not None:
            for pipe in () if self.process is None else (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process, self.owner = _started(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL), os.getpid()
        return self.process


_waiting = _Waiting()


def _wait() -> None:
    """Fork a process for each folder that a line of the standard input names; tell how it ended."""
    for line in iter(sys.stdin.buffer.readline, b""):
        exchange = _Exchange(Path(line.decode().rstrip("\n")))
        (modules, folder, environment), request = pickle.loads(exchange.request.read_bytes())
        for module in modules:
            with suppress(Exception):  # the work will meet it again, and say it
                import_module(module)
        alive, living = os.pipe()
        ends, ending = os.pipe()
        child = os.fork()
        if not child:
            os.close(living)
            os.close(ends)
            _forked(exchange, alive, Path(folder), environment, request)
        os.close(alive)
        os.close(ending)
        if 0 in select.select([0, ends], [], [])[0]:
            os.kill(child, signal.SIGKILL)  # nobody waits for it any more
        _, status = os.waitpid(child, 0)
        os.close(living)
        os.close(ends)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _forked(exchange: _Exchange, alive: int, folder: Path, environment: dict[str, str], request: bytes) -> None:
    """Do the work of one folder, and end."""
    code = 1
    gc.freeze()  # what was imported stays
    gc.set_threshold(RARELY)
    try:
        nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(exchange.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(nothing, 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        Thread(target=_end_with, args=(alive,), daemon=True).start()
        os.chdir(folder)
        os.environ.update(environment)
        exchange.work(request)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException as error:  # noqa: BLE001  whatever it is, the last line says it
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """Wait for the end of a pipe that the parent holds open and never writes to."""
    os.read(parent, 1)
    os._exit(1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        _wait()
    else:
        Thread(target=_end_with, args=(0,), daemon=True).start()
        asked = _Exchange(Path(sys.argv[1]))
        asked.work(asked.request.read_bytes())
