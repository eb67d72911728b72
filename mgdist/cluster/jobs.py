"""Ray's Jobs API: a job is handed to a cluster over HTTP, and asked after."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mgdist.cluster.connect import authorization, require_entry
from mgdist.errors import ClusterError, first_line
from mgdist.train.cores import DRIVER

T = TypeVar("T")
OVER = ("SUCCEEDED", "FAILED", "STOPPED")
STOP_SECONDS = 20
"""That a job has to end by itself when it is stopped; it tells its state meanwhile."""
EVERY = 1.0
"""Seconds between two looks at what a job prints."""
NOT_YET, STARTING_SECONDS = "No available agent", 60.0
"""What a head says that answers before it takes jobs, and how long it may say so."""
PENDING_SECONDS = 10.0
"""That a job may wait for its start until that is told."""
AWAY_SECONDS = 120.0
"""That the head may be silent, as while it starts anew, before a job that is followed is given up."""
TALKING = (
    "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray._private.runtime_env.packaging",
)  # fmt: skip
"""Loggers that tell of each package, and give themselves a level."""
OVERRULING = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Variables that Ray's client would follow, whatever address it is given."""


class Jobs:
    """The Jobs API of a cluster.

    Args:
        address: such as ``http://10.0.0.5:8265``.

    Raises:
        ClusterError: nobody answers there, or does not let us in.
    """

    def __init__(self, address: str) -> None:
        require_entry(address)
        from ray.job_submission import JobSubmissionClient

        self.address = address
        for name in TALKING:
            logging.getLogger(name).setLevel(logging.ERROR)
        with _own_address():
            self._client = JobSubmissionClient(address, headers=authorization())

    def submit(
        self,
        name: str,
        entry: str,
        folder: Path,
        modules: list[Path],
        told: Mapping[str, str],
        cpus: float | None = None,
    ) -> None:
        """Hand in a job.

        Args:
            name: of the job on the cluster.
            entry: the command that is run there, in the folder.
            folder: is copied to the cluster.
            modules: folders of Python packages that are copied too, and found before installed ones.
            told: plain words kept with it.
            cpus: cores that the command has, on any node with so many; None: it runs on the head.

        Raises:
            ClusterError: it is not taken.
        """
        settings = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)} | ({DRIVER: str(cpus)} if cpus else {})
        environment = {
            "working_dir": str(folder),
            "py_modules": [str(module) for module in modules],
            "excludes": ["__pycache__", "*.pyc"],
            "env_vars": settings,
        }
        until = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                self._client.submit_job(
                    entrypoint=entry,
                    submission_id=name,
                    runtime_env=environment,
                    metadata=dict(told),
                    entrypoint_num_cpus=cpus,
                )
                return
            except (OSError, RuntimeError, ValueError) as error:
                if NOT_YET not in str(error) or time.monotonic() > until:
                    raise ClusterError(f"{self.address}: {first_line(error)}") from error
            time.sleep(EVERY)

    def state(self, name: str) -> str:
        """Return PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED; GONE of a job that the cluster does not know."""
        try:
            return str(self._client.get_job_status(name).value)
        except RuntimeError as error:
            if "404" in str(error) or "does not exist" in str(error):
                return "GONE"
            raise ClusterError(f"{self.address}: {first_line(error)}") from error

    def stop(self, name: str) -> None:
        """Ask a job to end."""
        self._ask(lambda: self._client.stop_job(name))

    def follow(self, name: str) -> Iterator[str]:
        """Yield what a job prints, as it comes, until it is over; a head that starts anew is waited for.

        Where it does not start, that is one line of its own.

        Raises:
            ClusterError: the head was silent for too long.
        """
        seen, heard = 0, time.monotonic()
        patience = heard + PENDING_SECONDS
        while True:
            try:
                state = self.state(name)
                over = state in (*OVER, "GONE")
                if state == "PENDING" and time.monotonic() > patience:
                    patience = math.inf
                    yield self._awaited(name)
                told = self._client.get_job_logs(name)
                heard = time.monotonic()
                if told[seen:]:
                    yield told[seen:]
                seen = len(told)
                if over:
                    return
            except (OSError, RuntimeError, ClusterError) as error:
                if time.monotonic() - heard > AWAY_SECONDS:
                    raise ClusterError(
                        f"{self.address}: has not answered for {AWAY_SECONDS:.0f} s; the run may go on there: see "
                        "mgdist status"
                    ) from error
            time.sleep(EVERY)

    def _awaited(self, name: str) -> str:
        """Return what a job waits for that has not started."""
        found = self._ask(lambda: self._client.get_job_info(name))
        cpus = ((found.runtime_env or {}).get("env_vars") or {}).get(DRIVER)
        where = "" if cpus is None else f", by --driver-cpus {cpus} on a node with so many to spare"
        return f"waits to be started{where}: {first_line(found.message or 'Ray does not say why')}\n"

    def ending(self, name: str) -> tuple[int, str]:
        """Return the exit code of a job that is over, and Ray's words where it never ran."""
        found = self._ask(lambda: self._client.get_job_info(name))
        code = found.driver_exit_code
        if found.status.value == "SUCCEEDED":
            return 0, ""
        return (code if code else 1), "" if code else str(found.message or "").strip()

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except (OSError, RuntimeError, ValueError) as error:
            raise ClusterError(f"{self.address}: {first_line(error)}") from error


@contextmanager
def _own_address() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in OVERRULING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
