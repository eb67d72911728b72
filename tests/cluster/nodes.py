"""Real nodes of a Ray cluster on one machine: each a network namespace with an address of its own, on one bridge.

The bridge lies in a namespace too, so that nothing of the machine's own network is touched. Needs root and iproute2.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 90.0
GCS, DASHBOARD, CLIENT = 6379, 8265, 10001
STORE = 150_000_000
"""Bytes of a node's object store."""


def missing() -> str:
    """Return why there can be no such nodes here; empty where there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "needs root, and ip of iproute2"
    name = f"mgn-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return "" if made.returncode == 0 else f"no network namespaces: {made.stderr.strip()}"


@dataclass
class Node:
    """A network namespace.

    Attributes:
        name: of the namespace.
        ip: its address on the bridge.
        process: Ray there; None where it does not run.
    """

    name: str
    ip: str
    process: "subprocess.Popen[bytes] | None" = None


@dataclass
class Nodes:
    """A cluster: a head without cores of its own, workers, and a machine beside it.

    Attributes:
        folder: of Ray's logs, short; the nodes share it, as they do the whole disk.
        token: file with what lets one in.
        head: where the GCS and the dashboard are.
        workers: the others.
        laptop: a namespace without Ray.
        options: of every ``ray start``.
        keeps: what the head knows is on its disk too, so that it can start anew.
        more: variables of all processes on the nodes.
    """

    folder: Path
    token: Path
    head: Node
    workers: list[Node]
    laptop: Node
    options: Sequence[str] = field(default_factory=tuple)
    keeps: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The Jobs API."""
        return f"http://{self.head.ip}:{DASHBOARD}"

    def environment(self, token: Path | None) -> dict[str, str]:
        """Return what a process on a node is started with; without a token nothing lets it in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        found = {**kept, **self.more, "RAY_USAGE_STATS_ENABLED": "0", "HOME": str(self.folder / "ray" / "home")}
        found["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
        if token is None:
            return {**found, "RAY_AUTH_MODE": "disabled"}
        return {**found, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}

    def command(self, node: Node, *words: object) -> list[str]:
        """Return a command line as it is run on a node.

        Ray's files are on a disk of the node's own: nodes of one session would take each other's sockets. So is the
        home folder, and so are the processes that are seen: a driver looks among them for the node that it is on.
        """
        if node.process is not None and (inner := _child(node.process.pid)):
            return ["nsenter", "--target", inner, "--net", "--mount", "--pid", "--", *map(str, words)]
        own, seen = self.folder / node.name, self.folder / "ray"
        for folder in (own / "home", seen):
            folder.mkdir(exist_ok=True, parents=True)
        disk = ("sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', own, seen)
        alone = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
        return ["ip", "netns", "exec", node.name, *alone, *map(str, (*disk, *words))]

    def start(self, node: Node, cpus: float = 1) -> None:
        """Start Ray on a node."""
        common = ["--block", "--disable-usage-stats", f"--node-ip-address={node.ip}", f"--object-store-memory={STORE}"]
        role: list[str] = [f"--address={self.head.ip}:{GCS}", f"--num-cpus={cpus}"]
        if node is self.head:
            role = ["--head", f"--port={GCS}", "--dashboard-host=0.0.0.0", f"--dashboard-port={DASHBOARD}"]
            role += [f"--temp-dir={self.folder / 'ray'}", "--num-cpus=0", f"--ray-client-server-port={CLIENT}"]
        kept = {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(self.folder / "gcs")} if self.keeps else {}
        with (self.folder / f"{node.name}.log").open("ab") as log:
            node.process = subprocess.Popen(
                self.command(node, "ray", "start", *role, *common, *self.options),
                env={**self.environment(self.token), **kept}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def end(self, node: Node) -> None:
        """End all processes of a node at once, as when its power fails."""
        found = subprocess.run(["ip", "netns", "pids", node.name], capture_output=True, text=True, check=False)
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if node.process is not None:
            node.process.wait()
            node.process = None

    def revive(self, node: Node, cpus: float = 1) -> None:
        """Start Ray on a node whose power failed, as on a machine in its place: its disk is empty."""
        shutil.rmtree(self.folder / node.name)
        self.start(node, cpus)

    def restart_head(self) -> None:
        """Let the head's power fail, and return when another one listens in its place."""
        self.end(self.head)
        (self.folder / f"{self.head.name}.log").unlink()
        self.revive(self.head)
        self.listens()

    def on_laptop(self, *words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command on the machine beside the cluster; see :meth:`on`."""
        return self.on(self.laptop, *words, **options)

    def on(
        self,
        node: Node,
        *words: object,
        token: Path | None = None,
        more: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = PATIENCE,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command on a node, with a token or without one, and return what it said."""
        environment = {**self.environment(token), **(more or {})}
        return subprocess.run(
            self.command(node, *words),
            env=environment,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )

    def listens(self) -> None:
        """Return when the head has started: a node waits half a minute for it, which on a busy machine is too short."""
        until = time.monotonic() + PATIENCE
        while b"Ray runtime started" not in (self.folder / f"{self.head.name}.log").read_bytes():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.2)

    def wait(self, nodes: int) -> None:
        """Return when so many nodes are alive."""
        until = time.monotonic() + PATIENCE
        ask = f"from ray.util.state import list_nodes as n; print(sum(e.state == 'ALIVE' for e in n('{self.url}')))"
        while True:
            told = self.on_laptop(sys.executable, "-c", ask, token=self.token)
            if told.stdout.strip().endswith(str(nodes)):
                return
            assert time.monotonic() < until, self.logs() + told.stderr[-2000:]
            time.sleep(0.5)

    def logs(self) -> str:
        """Return the end of what each node says."""
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))


def _child(pid: int) -> str:
    """Return the process that another one has started; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().strip().partition(" ")[0]
    except OSError:
        return ""


@contextmanager
def nodes(
    workers: int = 2,
    options: Sequence[str] = (),
    *,
    cpus: float = 1,
    keeps: bool = False,
    more: Mapping[str, str] | None = None,
) -> Iterator[Nodes]:
    """Start a cluster, and end all of it behind the block.

    Args:
        workers: nodes beside the head.
        options: of every ``ray start``.
        cpus: of each of them.
        keeps: what the head knows is on its disk too.
        more: variables of all processes on the nodes.
    """
    folder = Path(tempfile.mkdtemp(prefix="mgn-", dir="/tmp"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    names = [f"mgn{os.getpid()}{name}" for name in ("h", *(f"w{number}" for number in range(workers)), "l")]
    found = [Node(name, f"10.77.0.{number}") for number, name in enumerate(names, 1)]
    made = Nodes(folder, token, found[0], found[1:-1], found[-1], options, keeps, more or {})
    switch = f"mgn{os.getpid()}s"
    try:
        _wire(switch, found)
        made.start(made.head)
        made.listens()
        for node in made.workers:
            made.start(node, cpus)
        made.wait(1 + workers)
        yield made
    finally:
        for node in found:
            made.end(node)
            _run("ip", "netns", "del", node.name, must=False)
            shutil.rmtree(Path("/etc/netns") / node.name, ignore_errors=True)
        _run("ip", "netns", "del", switch, must=False)
        shutil.rmtree(folder, ignore_errors=True)


def _wire(switch: str, found: Sequence[Node]) -> None:
    """Make the namespaces, and connect them."""
    _run("ip", "netns", "add", switch)
    _run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
    _run("ip", "-n", switch, "link", "set", "br0", "up")
    hosts = "127.0.0.1 localhost\n" + "".join(f"{node.ip} {node.name}\n" for node in found)
    for number, node in enumerate(found):
        _run("ip", "netns", "add", node.name)
        _run("ip", "-n", switch, "link", "add", f"p{number}", "type", "veth", "peer", "eth0", "netns", node.name)
        _run("ip", "-n", switch, "link", "set", f"p{number}", "master", "br0", "up")
        _run("ip", "-n", node.name, "addr", "add", f"{node.ip}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _run("ip", "-n", node.name, "link", "set", device, "up")
        # Without names of their own, process groups wait ten seconds for an answer that never comes.
        own = Path("/etc/netns") / node.name
        own.mkdir(parents=True, exist_ok=True)
        (own / "hosts").write_text(hosts + f"{node.ip} {os.uname().nodename}\n")
        (own / "resolv.conf").write_text("")


def _run(*words: str, must: bool = True) -> None:
    subprocess.run(words, check=must, capture_output=True)
