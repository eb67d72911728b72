"""What operators do with runs, wherever they are worked on: send, follow, stop, resume, fetch."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from socket import gethostname

from mgdist.cluster.send import Sent, send
from mgdist.errors import ClusterError, RunError
from mgdist.job.load import load
from mgdist.job.spec import Job
from mgdist.report.follow import Follower
from mgdist.report.sentences import sentence
from mgdist.report.state import State, state_of
from mgdist.report.terminal import EVERY
from mgdist.runs import ALIVE, JOB
from mgdist.storage import Storage

Say = Callable[[str], None]
WORKING = ("waiting", "running")
PATIENCE = 30.0
"""Seconds that a run has to end after it was asked to."""


def hand_over(
    job: Job, address: str, say: Say, *, fresh: bool, shipped: bool, detach: bool, cpus: float | None = None
) -> int:
    """Send a job to a cluster, and follow it there unless that is not wanted.

    Args:
        job: what is asked for.
        address: of the cluster's Jobs API.
        say: hears lines for people.
        fresh: begin a new run.
        shipped: copy what the job reads to where the cluster sees it.
        detach: return as soon as the cluster has taken it.
        cpus: cores of the driver, which may then be on any node; None: it is on the head.

    Returns:
        the exit code of the job; 0 where it is not followed.
    """
    sent = send(job, address, fresh=fresh, shipped=shipped, cpus=cpus)
    say(f"{sent.run}: submitted to {address} as {sent.submission}; results in {sent.address}")
    if detach:
        say(f"see it: mgdist status {sent.address}; logs, stop, resume and fetch take the same")
        return 0
    try:
        return _follow(sent)
    except KeyboardInterrupt:
        say(f"\nit goes on there; mgdist logs -f {sent.address} follows it, mgdist stop {sent.address} ends it")
        return 0


def _follow(sent: Sent) -> int:
    for piece in sent.jobs.follow(sent.submission):
        sys.stdout.write(piece)
        sys.stdout.flush()
    code, said = sent.jobs.ending(sent.submission)
    if said:
        raise ClusterError(f"{sent.jobs.address}: {sent.submission}: did not run: {' '.join(said.split())}")
    return code


def standing(place: Storage) -> State:
    """Return how a run stands; of one that a cluster was given and never began, what the cluster says."""
    state = state_of(place)
    if state.how != "waiting" or state.sent is None:
        return state
    from mgdist.cluster.jobs import OVER, Jobs

    try:
        found = Jobs(state.sent.address).state(state.sent.submission)
    except ClusterError as error:
        return replace(state, last=str(error))
    if found not in (*OVER, "GONE") or state_of(place).how != "waiting":
        return state_of(place)
    told = f"never began on the cluster, where its job is {found}; `ray job logs {state.sent.submission}` tells why"
    return replace(state, how="failed", error=told)


def follow(place: Storage, say: Say, *, on: bool) -> None:
    """Tell what a run has told, one line an event.

    Args:
        place: folder of the run.
        say: hears the lines.
        on: stay, and tell what comes, until nobody works on the run any more.
    """
    follower = Follower(place)
    while True:
        over = not on or standing(place).how not in WORKING
        for event in follower.news():
            if line := sentence(event):
                say(line)
        if over:
            return
        time.sleep(EVERY)


def stop(state: State, say: Say) -> None:
    """End the work on a run; the same submit, or resume, goes on with it.

    Raises:
        RunError: nobody works on it, or it does not end.
        ClusterError: the cluster that works on it cannot be asked.
    """
    if state.how not in WORKING:
        raise RunError(f"{state.name}: is {state.how}: nobody works on it")
    if state.sent is not None:
        from mgdist.cluster.jobs import Jobs

        Jobs(state.sent.address).stop(state.sent.submission)
    elif state.host == gethostname():
        os.kill(state.pid, signal.SIGTERM)
    else:
        raise RunError(f"{state.name}: is worked on by process {state.pid} of {state.host}; stop it there")
    until = time.monotonic() + PATIENCE
    while state_of(state.place).how in WORKING:
        if time.monotonic() > until:
            raise RunError(
                f"{state.name}: has not ended within {PATIENCE:.0f} s; see mgdist status {state.place.address}"
            )
        time.sleep(EVERY)
    say(f"{state.name}: {state_of(state.place).how}; mgdist resume {state.place.address} goes on with it")


def job_of(state: State) -> Job:
    """Return the job of a run, as it was resolved.

    Raises:
        RunError: somebody works on the run, or it began in a folder that is not here.
    """
    if state.how in WORKING:
        raise RunError(f"{state.name}: is {state.how}; mgdist logs -f {state.place.address} follows it")
    with tempfile.TemporaryDirectory() as folder:
        state.place.get(JOB, Path(folder) / JOB)
        job = load(Path(folder) / JOB)
    if state.sent is None and state.cwd:
        try:
            os.chdir(state.cwd)  # the paths of a job start where it was submitted
        except OSError as error:
            raise RunError(f"{state.name}: began in {state.cwd} of {state.host}: {error.strerror}") from error
    return job


def fetch(state: State, to: Path | None) -> Path:
    """Copy the bundle, the reports and the job of a finished run to this machine, all or nothing.

    Args:
        state: of the run.
        to: folder that is made; None: one named like the job, here.

    Returns:
        the folder.

    Raises:
        RunError: the run is not finished, the folder is there already, or a copy differs from what was written.
    """
    if state.how != "done":
        raise RunError(
            f"{state.name}: is {state.how}; expected a finished run; mgdist status {state.place.address} tells more"
        )
    to = to or Path(state.name.partition("/")[0])
    if to.exists():
        raise RunError(f"{to}: is there already; name another folder with --to")
    names = [name for name in state.place.sizes() if "/" not in name and name != ALIVE and not name.startswith(".")]
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.parent))
    try:
        for name in names:
            state.place.get(name, partial / name)
        _require_whole(state, partial / state.bundle)
        partial.chmod(0o755)
        partial.replace(to)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return to


def _require_whole(state: State, bundle: Path) -> None:
    """Check a fetched bundle as a device would: each part of it has a hash in its manifest."""
    from mgdist_edge.bundle import Bundle
    from mgdist_edge.errors import BundleError

    try:
        Bundle.open(bundle)
    except (OSError, BundleError) as error:
        raise RunError(f"{state.name}: what came is not whole: {error}; fetch again") from error
