"""``mgdist-edge serve``: a bundle behind HTTP."""

import os
import signal
import socket
from threading import Thread

from mgdist_edge.errors import EdgeError, InputError
from mgdist_edge.listener import JSON, Limits, Listener, Refusal, Request, Response, as_json
from mgdist_edge.openapi import document
from mgdist_edge.page import SCRIPT, STYLE, page
from mgdist_edge.service import BusyError, Service

_LOOK = 1.0
"""Seconds after which a store is looked into again."""
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_READ = ("GET", "HEAD")


class Routes:
    """What is answered where."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def respond(self, request: Request) -> Response:
        """Fulfil a request.

        Raises:
            Refusal: it cannot be fulfilled.
        """
        if request.path == "/predict":
            _require(request, ("POST",))
            return self._predict(request)
        bundle = self._service.bundle
        match request.path:
            case "/":
                found = Response(200, page(bundle).encode(), "text/html; charset=utf-8")
            case "/page.css":
                found = Response(200, STYLE.encode(), "text/css")
            case "/page.js":
                found = Response(200, SCRIPT.encode(), "text/javascript")
            case "/openapi.json":
                found = Response(200, as_json(document(bundle)))
            case "/healthz":
                found = self._health()
            case "/metrics":
                found = Response(200, self._service.metrics.text().encode(), _METRICS)
            case path:
                raise Refusal(404, f"expected a path such as /predict; got {path[:100]}")
        _require(request, _READ)
        return found

    def tell(self, path: str, status: int, seconds: float) -> None:
        """Count a response; paths that are not there are one, or anybody could make up ever more of them."""
        self._service.metrics.responded("other" if status == 404 else path, status, seconds)

    def _predict(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != JSON:  # what a page of another site cannot send without asking first
            raise Refusal(415, f"expected Content-Type: {JSON}; got {kind[:60] or 'none'}")
        top = request.query.get("top")
        if top is not None and not (top.isascii() and top.isdecimal() and 1 <= int(top[:5]) <= 1024):
            raise Refusal(400, f"top: expected a whole number from 1 to 1024; got {top[:40]}")
        try:
            prediction = self._service.predict(request.body)
        except InputError as error:
            raise Refusal(400, str(error)) from None
        except BusyError as error:
            raise Refusal(503, str(error), {"Retry-After": "1"}) from None
        return Response(200, as_json(prediction.as_json(None if top is None else int(top))))

    def _health(self) -> Response:
        bundle = self._service.bundle
        about = {"name": bundle.manifest.name, "created": bundle.manifest.created, "sha256": bundle.sha256}
        refused = self._service.refused
        return Response(200, as_json({"status": "ok", **about, "signer": bundle.signer, "refused": refused}))


def _require(request: Request, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        line = f"{request.path}: expected {' or '.join(methods)}; got {request.method}"
        raise Refusal(405, line, {"Allow": ", ".join(methods)})


def listen(service: Service, host: str, port: int, limits: Limits) -> Listener:
    """Begin to listen.

    Raises:
        EdgeError: the address is taken, or none of this machine.
    """
    routes = Routes(service)
    try:
        return Listener((host, port), routes.respond, routes.tell, limits)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise EdgeError(f"{host}:{port}: expected an address that is free here; got: {said}") from None


def run(listener: Listener, service: Service) -> None:
    """Answer until a signal says to end; requests that are there by then are answered."""

    def end(*_: object) -> None:
        Thread(target=listener.shutdown).start()  # it waits for this very thread

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    service.watch(_LOOK)
    _notify("READY=1")
    listener.serve_forever(poll_interval=0.2)
    _notify("STOPPING=1")
    service.end()
    listener.finish()


def _notify(line: str) -> None:
    """Tell systemd, if it started this (sd_notify)."""
    if place := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(f"\0{place[1:]}" if place.startswith("@") else place)
            told.sendall(line.encode())
