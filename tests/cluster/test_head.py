"""A head that keeps what it knows, as docs/cluster.md says, and loses its power."""

import sys

import pytest

from tests.cluster.nodes import Nodes, missing, nodes

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]
ASK = "from ray.job_submission import JobSubmissionClient as C; c = C({url!r}); "


def test_a_head_comes_back_to_its_nodes_and_jobs() -> None:
    """Without the settings the nodes are given up, and nothing is known of jobs."""
    with nodes(keeps=True) as cluster:
        said(cluster, "c.submit_job(entrypoint='sleep 600', submission_id='mine', entrypoint_num_cpus=0.5)")
        cluster.restart_head()
        cluster.wait(3)
        assert said(cluster, "print([job.submission_id for job in c.list_jobs()])") == "['mine']\n"
        assert all(node.process is not None and node.process.poll() is None for node in cluster.workers)


def said(cluster: Nodes, ask: str) -> str:
    """Return what the Jobs API answers."""
    done = cluster.on_laptop(sys.executable, "-c", ASK.format(url=cluster.url) + ask, token=cluster.token)
    assert done.returncode == 0, done.stderr
    return done.stdout
