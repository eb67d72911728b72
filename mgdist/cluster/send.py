"""Sending: a job is handed to a cluster, with its code and with what it reads."""

import json
import secrets
import tempfile
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

import mgdist
import mgdist_edge
from mgdist.cluster.environment import environment, fingerprint
from mgdist.cluster.jobs import Jobs
from mgdist.cluster.ship import require_shared, ship
from mgdist.errors import ClusterError
from mgdist.job.point import as_document
from mgdist.job.spec import Job
from mgdist.runs import Run

JOB, ENVIRONMENT = "job.yaml", "environment.json"
START = "start.sh"
SCRIPT = f"""\
python -c 'from importlib.util import find_spec as find; raise SystemExit(not (find("ray") and find("typer")))' || {{
  echo "mgdist: python of this node: expected one with mgdist installed; found none; start Ray where its bin folder" \
    "stands first in PATH" >&2
  exit {ClusterError.exit_code}
}}
exec python -m mgdist submit {JOB} --expect {ENVIRONMENT} "$@"
"""
"""What a node runs. The command of a job is found by the PATH that Ray was started with."""


@dataclass(frozen=True)
class Sent:
    """A job that a cluster has taken.

    Attributes:
        jobs: the cluster's Jobs API.
        submission: name of the job there.
        run: its name: that of the job and its time, with a stroke between.
        address: of its folder.
    """

    jobs: Jobs
    submission: str
    run: str
    address: str


def send(job: Job, address: str, *, fresh: bool = False, shipped: bool = True, cpus: float | None = None) -> Sent:
    """Hand a job to a cluster; the newest run of this very job goes on there.

    Args:
        job: what is asked for.
        address: of the cluster's Jobs API, such as ``http://10.0.0.5:8265``.
        fresh: begin a new run, and take no stage from an earlier one.
        shipped: copy what the job reads to the folder of its runs; False: its paths are the cluster's own.
        cpus: cores of the driver, which may then be on any node; None: it is on the head.

    Raises:
        ClusterError: the cluster cannot be reached, does not let us in, or does not take the job.
        JobError: the job cannot be sent as it is.
        RunError: the run cannot be written, or somebody works on it.
    """
    require_shared(job)
    jobs = Jobs(address)
    if shipped:
        job = ship(job)
    run = Run.open(job, fresh=fresh)
    run.close()  # it was only begun: who goes on with it is the cluster
    submission = f"{job.name}-{run.folder.name}-{secrets.token_hex(3)}"
    run.event("submitted", address=address, submission=submission)  # first, since the cluster tells of its start
    run.push()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _pack(Path(folder), job)
            command = f"sh {START} --run {run.folder.name}{' --fresh' if fresh else ''}"
            modules = [Path(package.__path__[0]) for package in (mgdist, mgdist_edge)]
            told = {"run": f"{job.name}/{run.folder.name}", "environment": fingerprint(environment())}
            jobs.submit(submission, command, Path(folder), modules, told, cpus)
    except ClusterError as error:
        run.event("run", state="failed", error=str(error))
        run.push()
        raise
    return Sent(jobs, submission, f"{job.name}/{run.folder.name}", run.address)


def _pack(folder: Path, job: Job) -> None:
    text = StringIO()
    YAML().dump(as_document(job), text)
    (folder / JOB).write_text(text.getvalue())
    (folder / START).write_text(SCRIPT)
    (folder / ENVIRONMENT).write_text(json.dumps(environment()))
