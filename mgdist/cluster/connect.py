"""The way to Ray: an embedded one that starts while other work is done, or a cluster at an address.

An embedded Ray is this process's own: its own folder, a token that only this user can read, and a dashboard
that only this machine can reach. Nothing is written to the home folder.
"""

import logging
import os
import secrets
import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

from mgdist.errors import ClusterError, named_line

T = TypeVar("T")
OBJECT_STORE = 256 * 2**20
"""Bytes that an embedded Ray shares between processes. Batches come from mapped files, so little is needed."""
PATIENCE = 5.0
"""Seconds that an address has to answer."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # How often a training looks at its workers. The default of 2 s makes short trainings wait.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # An actor that asks for notices of cloud providers; a process less to start.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # The controller of a training works in our process, whose log is its own.
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    # Ray gives its workers a low priority (15); here they are what the machine is for.
    "RAY_worker_niceness": "0",
    # `ray.init` would wait for as many workers as there are cores, and Ray Train, which sets variables, uses none.
    "RAY_prestart_worker_first_driver": "0",
}
"""What Ray takes from the environment only. It is set while there is a connection."""
SPARE = ("start_log_monitor",)
"""Ray's own methods, of the pinned version, which start what an embedded Ray does without: a process that brings what
workers print to drivers, which we do not want. Where Ray lacks one, nothing breaks."""
SPARE_ALONE = (*SPARE, "start_monitor", "start_api_server")
"""Without a dashboard too what asks for more nodes, which else tells it how many there are; and its own server, which
Ray starts all the same, and waits for."""
TOUCHED = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_GCS_SERVER_PORT", "PYTHONBREAKPOINT")
"""What else changes in the environment: how we let ourselves in, and what Ray sets by itself."""
PLACE = Path("/tmp")
"""Where an embedded Ray has its folder. A socket's path may have 107 characters, of which Ray needs 80."""
TOKEN = "~/.ray/auth_token"
"""Where Ray looks for the token of a cluster, unless it was told otherwise."""
DASHBOARD = 8265
"""Port at which the head of a cluster answers HTTP, unless it was told otherwise."""


@dataclass(frozen=True)
class Cluster:
    """A Ray that is there.

    Attributes:
        dashboard: its page, such as ``http://127.0.0.1:8265``; None where it has none.
        cpus: cores of all its nodes.
        gpus: accelerators of all its nodes.
    """

    dashboard: str | None
    cpus: int
    gpus: int


class Connection:
    """A connection to Ray, made in the background.

    ::

        with Connection() as connection:
            connection.start()
            dataset = prepare(job, folder)  # meanwhile
            cluster = connection.wait()

    Args:
        address: ``host:port`` of a cluster's head; None for an embedded Ray.
        cpus: cores of an embedded Ray; all of this machine where it is None.
        dashboard: whether an embedded Ray has one. A search needs it: without it, trainings inside of trials hang.
    """

    def __init__(self, address: str | None = None, *, cpus: int | None = None, dashboard: bool = True) -> None:
        self.address, self.cpus, self.dashboard = address, cpus, dashboard
        self.folder: Path | None = None
        self._before = {name: os.environ.get(name) for name in (*SETTINGS, *TOUCHED)}
        self._reached: Future[Cluster] = Future()
        self._left = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to connect, unless that was begun, and return at once."""
        if self._thread is None:
            self._thread = Thread(target=self._connect, name="connect to ray", daemon=True)
            self._thread.start()

    def wait(self) -> Cluster:
        """Return the cluster when it is there; begin to connect where that was not begun.

        Raises:
            ClusterError: it cannot be reached, or does not let us in.
        """
        self.start()
        return self._reached.result()

    def shares(self, folder: Path) -> bool:
        """Tell whether this is a cluster, and all its nodes see a folder of this process.

        Raises:
            ClusterError: the cluster cannot be reached, or does not let us in.
        """
        if self.address is None:
            return False
        self.wait()
        from mgdist.train.reach import seen_by_all

        return seen_by_all(folder)

    def spread(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Do some works beside each other on all nodes, a core each, and return what they gave, in their order.

        Args:
            works: that another process can be sent; the folders that they read are such that all nodes see.

        Raises:
            ClusterError: the cluster cannot be reached, or does not let us in.
        """
        self.wait()
        import ray

        task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_done)
        found: list[T] = ray.get([task.remote(work) for work in works])
        return found

    def close(self) -> None:
        """Leave the cluster; end an embedded one and remove what it wrote."""
        if self._thread is not None and self._reached.exception() is None:
            import ray

            ray.shutdown()
        self._left.set()
        for name, value in self._before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self) -> None:
        try:
            cluster = self._embedded() if self.address is None else self._joined(self.address)
        except ClusterError as error:
            self._reached.set_exception(error)
        except Exception as error:  # noqa: BLE001 - whatever Ray says, one line reaches the user in wait()
            where = self.address or "embedded Ray"
            advice = "" if self.address else "; free memory and cores of this machine, and submit the job again"
            wrapped = ClusterError(f"{where}: Ray does not start: {named_line(error)}{advice}")
            wrapped.__cause__ = error
            self._reached.set_exception(wrapped)
        else:
            self._reached.set_result(cluster)
            # Ray's processes are children of this thread, and die with it.
            self._left.wait()

    def _embedded(self) -> Cluster:
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"mgd-{os.getpid()}-", dir=PLACE))
        port = free_port()
        # Ray's processes inherit the address. Without it some of them look for a Ray on this machine, and where they
        # find a second one they give up: a search would wait for ever for the workers of its next trial.
        own = {"RAY_GCS_SERVER_PORT": str(port), "RAY_ADDRESS": f"127.0.0.1:{port}"}
        _settle({**_token(self.folder / "token"), **own})
        with _without(SPARE if self.dashboard else SPARE_ALONE):
            return _initialise(
                address="local",
                num_cpus=self.cpus,
                include_dashboard=self.dashboard,
                dashboard_host="127.0.0.1",
                dashboard_port=free_port(),
                object_store_memory=OBJECT_STORE,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(self.folder),
            )

    def _joined(self, address: str) -> Cluster:
        host, port = _split(address)
        _settle({})
        _ask(host, port)
        return _initialise(address=address)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _sweep() -> None:
    """Remove the folders of earlier processes that were killed."""
    for folder in PLACE.glob("mgd-*-*"):
        owner = folder.name.split("-")[1]
        if folder.stat().st_uid == os.getuid() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _token(path: Path) -> Mapping[str, str]:
    """Write a new secret that only this user can read, and return how Ray is told of it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}


def _settle(more: Mapping[str, str]) -> None:
    os.environ.update({**SETTINGS, **more})

    # The package before its module: asked for the module first, Python locks it before the package, the main thread,
    # which imports Ray meanwhile, locks them the other way round, and one of the two gets a half-imported module.
    import ray  # noqa: F401 - for the order alone
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    # Ray may have been imported before, or connected to another cluster: it reads these once.
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Have a node of Ray that starts in the block leave out some steps."""
    from ray._private.node import Node

    kept = {name: getattr(Node, name) for name in names if hasattr(Node, name)}
    for name in kept:
        setattr(Node, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for name, step in kept.items():
            setattr(Node, name, step)


def _initialise(**options: Any) -> Cluster:
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)  # already for what it says before it has read its own setting
    context = ray.init(logging_level="ERROR", log_to_driver=False, **options)
    resources = ray.cluster_resources()
    url = context.dashboard_url
    return Cluster(f"http://{url}" if url else None, int(resources.get("CPU", 1)), int(resources.get("GPU", 0)))


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"{address}: expected the address of a cluster's head, such as 10.0.0.5:6379")
    return host, int(port)


def _ask(host: str, port: int) -> None:
    """Make sure that a cluster answers and takes our token: Ray itself says after 20 s only that it failed."""
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        raise ClusterError(
            f"{host}:{port}: cannot be reached: {error.strerror or error}; start a head there with "
            "`ray start --head`, or leave --address out for an embedded Ray"
        ) from error
    with suppress(OSError):  # a head without a dashboard, or with one at another port: Ray has the last word
        _knock(f"http://{host}:{DASHBOARD}", f"{host}:{port}")


def require_entry(url: str) -> None:
    """Make sure that a cluster answers HTTP, and takes our token.

    Args:
        url: such as ``http://10.0.0.5:8265``.

    Raises:
        ClusterError: nobody answers there, or does not let us in.
    """
    try:
        _knock(url, url)
    except OSError as error:
        said = getattr(error, "reason", error)
        raise ClusterError(
            f"{url}: cannot be reached: {getattr(said, 'strerror', None) or said}; start a head there with "
            "`ray start --head --dashboard-host=0.0.0.0`, or leave --address out for an embedded Ray"
        ) from error


def _knock(url: str, name: str) -> None:
    """Ask for the version, which needs a token where there is one.

    Raises:
        OSError: nobody answers, or not what Ray would.
        ClusterError: does not let us in.
    """
    try:
        request = urllib.request.Request(f"{url}/api/version", headers=authorization())
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise
        raise ClusterError(
            f"{name}: does not let us in; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with "
            "the cluster's token"
        ) from error


def authorization() -> dict[str, str]:
    """Return the header that lets us in: the token of the environment, or of the file that Ray takes by itself."""
    token = os.environ.get("RAY_AUTH_TOKEN", "")
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or TOKEN).expanduser()
    with suppress(FileNotFoundError):
        token = token or path.read_text().strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _done(work: Callable[[], T]) -> T:
    return work()
