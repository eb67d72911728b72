"""A real head of a Ray cluster on the loopback, with a token, ports and a folder of its own."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mgdist.cluster.connect import free_port

PATIENCE = 60.0


@dataclass(frozen=True)
class Head:
    """A head that answers.

    Attributes:
        url: of its Jobs API.
        token: file with what lets one in.
        folder: of Ray's logs; its path is short, since sockets lie there.
    """

    url: str
    token: Path
    folder: Path


@contextmanager
def head(cpus: int = 2) -> Iterator[Head]:
    folder = Path(tempfile.mkdtemp(prefix="mgt-", dir="/tmp"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    dashboard, bin_folder = free_port(), Path(sys.executable).parent
    environment = {
        **os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0",
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
    }  # fmt: skip
    environment.pop("RAY_ADDRESS", None)
    command = [
        bin_folder / "ray", "start", "--head", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1",
        f"--port={free_port()}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--num-cpus={cpus}",
        "--object-store-memory=150000000", f"--temp-dir={folder / 'ray'}",
        *(f"--{name}={free_port()}" for name in ("dashboard-agent-listen-port", "metrics-export-port")),
    ]  # fmt: skip
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        found = Head(f"http://127.0.0.1:{dashboard}", token, folder)
        _wait_for(found, process)
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(found: Head, process: "subprocess.Popen[bytes]") -> None:
    """Return when the Jobs API answers: behind the page, which answers sooner."""
    until = time.monotonic() + PATIENCE
    request = urllib.request.Request(
        f"{found.url}/api/jobs/", headers={"Authorization": f"Bearer {found.token.read_text()}"}
    )
    while True:
        with suppress(OSError):
            urllib.request.urlopen(request, timeout=5).close()
            return
        assert process.poll() is None, (found.folder / "head.log").read_text()
        assert time.monotonic() < until, (found.folder / "head.log").read_text()
        time.sleep(0.3)
