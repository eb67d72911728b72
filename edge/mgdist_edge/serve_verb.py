"""The verb ``mgdist-edge serve``."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mgdist_edge.arguments import count


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to the command line."""
    purpose = "Answer over HTTP, with a page, OpenAPI, /healthz and /metrics."
    verb = verbs.add_parser("serve", help="answer over HTTP", description=purpose)
    verb.add_argument("source", metavar="STORE_OR_BUNDLE", type=Path, help="a store, whose newest version is followed")
    verb.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="default 127.0.0.1: this machine only")
    verb.add_argument("--port", metavar="N", type=int, default=8080, help="default 8080; 0: any free one")
    verb.add_argument("--workers", metavar="N", type=count, default=2, help="predictions at a time; default 2")
    verb.add_argument("--threads", metavar="N", type=count, default=1, help="of each of them; default 1")
    verb.add_argument("--max-body", metavar="MB", type=count, default=8, help="size of a request; default 8")
    verb.add_argument("--timeout", metavar="S", type=count, default=10, help="seconds for a request; default 10")
    verb.add_argument("--require-signature", metavar="KEY", type=Path, help="refuse what this public key did not sign")
    verb.add_argument("--no-replay", action="store_true", help="trust the device without the golden examples")
    verb.add_argument("--exit", choices=("on", "off"), default="on", help="off: read all, also where it is sure before")
    verb.set_defaults(verb=_serve)


def _serve(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.listener import Limits
    from mgdist_edge.server import listen, run
    from mgdist_edge.service import Asked, Service

    signature, replay, patience = asked.require_signature, not asked.no_replay, float(asked.timeout)
    exit = asked.exit == "on"
    service = Service(Asked(asked.source, asked.workers, asked.threads, signature, replay, patience, exit))
    listener = listen(service, asked.host, asked.port, Limits(asked.max_body * 10**6, float(asked.timeout)))
    host, port = listener.server_address[:2]
    yield f"{service.bundle.path}: answers at http://{host!s}:{port}"
    sys.stdout.flush()
    run(listener, service)
