"""A file from a web server: only if it changed, only so large, only so long, and never half."""

import os
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from mgdist_edge import __version__
from mgdist_edge.errors import SourceError

_SILENCE, _CHUNK = 30.0, 2**16
"""Seconds that a server may be silent, and bytes at a time."""


@dataclass(frozen=True)
class Seen:
    """What a server said of the file that it gave last; sent back, so that it need not give it again.

    Attributes:
        etag: its name for the content; None where it has none.
        modified: when the content changed, in the server's own words.
    """

    etag: str | None = None
    modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the conditions of the next request."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in found.items() if value is not None}


class _Redirects(HTTPRedirectHandler):
    """Follows a server to another address, but not from https to where anybody can change what comes."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in ("http", "https") or (before, after) == ("https", "http"):
            raise SourceError(f"{req.full_url}: expected to stay with {before}; got sent to {newurl[:200]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, to: Path, seen: Seen, *, most: int, seconds: float) -> Seen | None:
    """Write what is at an address to a file, unless it is what was seen.

    Args:
        url: http or https.
        to: the file; whole and on the disk when this returns, and to be removed by the caller when it raises.
        seen: what the server said last time.
        most: bytes that it may have.
        seconds: that all of it may take.

    Returns:
        What the server says of it now; None where it is what was seen, and nothing was written.

    Raises:
        SourceError: the server is away, refuses, stalls, or sends too much or too little.
        OSError: the file cannot be written.
    """
    request = Request(url, headers={"User-Agent": f"mgdist-edge/{__version__}", **seen.headers()})
    until = monotonic() + seconds
    try:
        with _opener().open(request, timeout=min(seconds, _SILENCE)) as response:
            _receive(response, url, to, most, until)
            return Seen(response.headers.get("ETag"), response.headers.get("Last-Modified"))
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.NOT_MODIFIED:
            return None
        raise SourceError(f"{url}: expected a bundle; got status {error.code} {error.reason}") from None
    except TimeoutError:
        raise _stalled(url) from None
    except URLError as error:  # an OSError too, but of the way to the server
        if isinstance(error.reason, TimeoutError):
            raise _stalled(url) from None
        said = getattr(error.reason, "strerror", None) or error.reason
        raise SourceError(f"{url}: expected a server; got: {said}") from None
    except (ConnectionError, HTTPException, ValueError) as error:
        raise SourceError(f"{url}: expected a bundle; got a connection that broke: {error!r:.200}") from None


def _opener() -> OpenerDirector:
    """Return what speaks HTTP and nothing else: no files, no FTP."""
    opener = OpenerDirector()
    for each in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        _Redirects(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(each)
    return opener


def _receive(response: HTTPResponse, url: str, to: Path, most: int, until: float) -> None:
    """Write a response's body to a file."""
    stated = response.headers.get("Content-Length")
    if stated is not None and stated.isdecimal() and int(stated) > most:
        raise _too_much(url, most, stated)
    count = 0
    with to.open("wb") as file:
        while chunk := response.read1(_CHUNK):  # what is there: a server that trickles does not hold it
            count += len(chunk)
            if count > most:
                raise _too_much(url, most, "more")
            if monotonic() > until:
                raise _stalled(url)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if stated is not None and stated.isdecimal() and count != int(stated):
        raise SourceError(f"{url}: expected {stated} bytes; got {count}, then the connection ended")


def _too_much(url: str, most: int, got: str) -> SourceError:
    return SourceError(f"{url}: expected at most {most} bytes; got {got}; allow more with --max-size")


def _stalled(url: str) -> SourceError:
    return SourceError(f"{url}: expected the whole file in time; got a server that stalls; it is asked again later")
