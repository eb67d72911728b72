"""Keep LiteRT's remarks out of the user's terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_ONE_AT_A_TIME = Lock()
"""File descriptor 2 belongs to the whole process."""


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2, and pass on all but its remarks afterwards.

    LiteRT writes "INFO: Created TensorFlow Lite XNNPACK delegate for CPU." there, and has no setting against it.
    """
    with _ONE_AT_A_TIME:
        try:
            terminal = os.dup(2)
        except OSError:  # a service without standard error: nobody to disturb
            yield
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)  # rather lose a line than wait for ever on a full pipe
        os.dup2(writer, 2)
        os.close(writer)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            _pass_on(reader)


def _pass_on(reader: int) -> None:
    with os.fdopen(reader, "rb") as held:
        for line in held:
            if not line.startswith(b"INFO: "):
                os.write(2, line)
