"""HTTP/1.1 on the standard library, with an end to the time and the size of each request.

A request has to arrive within some seconds from its first byte on, however its bytes trickle in. A body that is too
large is refused by its head; what the client sends even so is read and thrown away, so that it hears why.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader, RawIOBase
from socket import AF_INET, AF_INET6, SHUT_WR, socket
from socketserver import TCPServer
from threading import BoundedSemaphore, Condition
from time import monotonic
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from mgdist_edge import __version__

JSON = "application/json"
_LINGER, _LINGER_BYTES, _CHUNK = 2.0, 2**28, 2**16
"""Seconds and bytes for which a refused body is still read, and bytes at a time."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
}


@dataclass(frozen=True)
class Request:
    """What a client asks for; the names of ``headers`` are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What it is sent."""

    status: int
    body: bytes
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A request that is not fulfilled.

    Args:
        status: of HTTP.
        line: why, for people.
        headers: of the response.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.response = Response(status, as_json({"error": line}), headers=headers or {})


@dataclass(frozen=True)
class Limits:
    """What a client may take.

    Attributes:
        body: bytes of a request's body.
        seconds: for a request to arrive, and for a response to be taken.
        connections: at a time; others wait.
    """

    body: int = 8 * 2**20
    seconds: float = 10.0
    connections: int = 64


def as_json(value: object) -> bytes:
    """Return a value as a JSON body."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


class Listener(ThreadingHTTPServer):
    """Listens, and answers each connection in a thread of its own.

    Args:
        address: host and port; port 0 is any free one.
        respond: fulfils a request, or raises ``Refusal``.
        tell: hears of each response: path, status, and seconds from the request's head on.
        limits: of each client.

    Raises:
        OSError: the address is not free, or none of this machine.
    """

    daemon_threads, request_queue_size = True, 128

    def __init__(
        self,
        address: tuple[str, int],
        respond: Callable[[Request], Response],
        tell: Callable[[str, int, float], None],
        limits: Limits,
    ) -> None:
        self.respond, self.tell, self.limits = respond, tell, limits
        self._slots, self._changed, self._working = BoundedSemaphore(limits.connections), Condition(), 0
        self.address_family = AF_INET6 if ":" in address[0] else AF_INET
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        """Take the address without asking who it belongs to: a device may have no name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for a connection, once there are few enough."""
        if not self._slots.acquire(timeout=self.limits.seconds):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line what nobody expected, unless a client just left."""
        error = sys.exception() if sys.version_info >= (3, 11) else sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            sys.stderr.write(f"mgdist-edge: a connection broke: {error!r}\n")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a request that is being answered."""
        with self._changed:
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def finish(self) -> None:
        """Wait until what was asked is answered, but not for ever; then close."""
        with self._changed:
            self._changed.wait_for(lambda: not self._working, self.limits.seconds)
        self.server_close()


class _Timed(RawIOBase):
    """Reads a socket until a time that does not move while bytes trickle in."""

    def __init__(self, connection: socket, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self.expect()

    def expect(self) -> None:
        """Wait for a request; its time begins with its first byte."""
        self._until, self.begun = monotonic() + self._seconds, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        if not self.begun:
            self._until, self.begun = monotonic() + self._seconds, True
        return count


class _Connection(BaseHTTPRequestHandler):
    """One client, request after request."""

    protocol_version, server_version, sys_version = "HTTP/1.1", f"mgdist-edge/{__version__}", ""
    disable_nagle_algorithm = True
    command = ""

    @property
    def _listener(self) -> Listener:
        return cast(Listener, self.server)

    def setup(self) -> None:
        super().setup()
        self._reader = _Timed(self.connection, self._listener.limits.seconds)
        self.rfile = BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        self._reader.expect()
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_error(self, format: str, *args: Any) -> None:
        """Hear that the head of a request did not arrive in time, for which there is no other place."""
        if "timed out" in format and self._reader.begun:
            self._send(_late(self._listener.limits).response, close=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the metrics tell."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP."""
        self._send(Refusal(code, f"expected a request in HTTP/1.1; got: {message or code}").response, close=True)

    def handle_expect_100(self) -> bool:
        try:
            self._length()
        except Refusal as refusal:
            self._send(refusal.response, close=True)
            return False
        return super().handle_expect_100()

    def _serve(self) -> None:
        listener, begun = self._listener, monotonic()
        url, close = urlsplit(self.path), False
        with listener.working():
            try:
                body = self._body()
            except Refusal as refusal:
                response, close = refusal.response, True
            else:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
                response = self._responded(request)
            listener.tell(url.path, response.status, monotonic() - begun)
            self._send(response, close=close)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815 - as http.server has it

    def _responded(self, request: Request) -> Response:
        try:
            return self._listener.respond(request)
        except Refusal as refusal:
            return refusal.response
        except Exception as error:  # noqa: BLE001 - the outermost edge: other clients go on
            sys.stderr.write(f"mgdist-edge: {request.method} {request.path}: {error!r}\n")
            return Refusal(
                500, "expected to answer; got an error that the service tells on its standard error"
            ).response

    def _length(self) -> int:
        """Return how long the body is."""
        lengths = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") is not None:
            raise Refusal(411, "expected a body of stated length; got one in chunks; send Content-Length")
        if not lengths:
            return 0
        if len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdecimal() and len(lengths[0]) < 19):
            raise Refusal(400, f"expected Content-Length to be a number; got {', '.join(lengths)[:40]}")
        if int(lengths[0]) > self._listener.limits.body:
            most = self._listener.limits.body
            raise Refusal(413, f"expected a body of at most {most} bytes; got {lengths[0]}")
        return int(lengths[0])

    def _body(self) -> bytes:
        length = self._length()
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            raise _late(self._listener.limits) from None
        if len(body) < length:
            raise Refusal(400, f"expected a body of {length} bytes; got {len(body)}")
        return body

    def _send(self, response: Response, *, close: bool) -> None:
        """Send a response in one piece, and read no further where that makes no sense any more."""
        self.close_connection = self.close_connection or close
        kind = {"Content-Type": response.kind, "Content-Length": str(len(response.body))}
        headers = {"Server": self.server_version, "Date": self.date_time_string(), **_HEADERS, **kind}
        headers |= {**response.headers, **({"Connection": "close"} if self.close_connection else {})}
        lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        self.connection.settimeout(self._listener.limits.seconds)
        with suppress(OSError):
            self.wfile.write(head + (b"" if self.command == "HEAD" else response.body))
            if close:
                self._linger()

    def _linger(self) -> None:
        """Read on for a moment: a client that still sends would else hear of a broken connection only."""
        self.connection.shutdown(SHUT_WR)
        until, left = monotonic() + _LINGER, _LINGER_BYTES
        while left > 0 and (seconds := until - monotonic()) > 0:
            self.connection.settimeout(seconds)
            count = len(self.connection.recv(_CHUNK))
            left -= count or left


def _late(limits: Limits) -> Refusal:
    return Refusal(408, f"expected the whole request within {limits.seconds:g} seconds; got a part of it")
