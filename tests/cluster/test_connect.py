"""Connecting to Ray."""

import os
import socket
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from mgdist.cluster.connect import PLACE, Connection
from mgdist.errors import ClusterError


def test_an_embedded_ray_works_and_lets_nobody_else_in() -> None:
    import ray

    home = set(Path("~/.ray").expanduser().glob("*"))
    environment = dict(os.environ)
    with Connection(cpus=1) as connection:
        cluster = connection.wait()
        assert cluster.cpus == 1
        assert ray.get(ray.remote(lambda: 6 * 7).remote()) == 42
        process, power = connection.spread([os.getpid, partial(pow, 2, 5)])
        assert process != os.getpid()
        assert power == 32

        assert cluster.dashboard is not None
        assert cluster.dashboard.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{cluster.dashboard}/api/version")
        assert connection.folder is not None
        token = connection.folder / "token"
        assert token.stat().st_mode & 0o777 == 0o600
        header = {"Authorization": f"Bearer {token.read_text()}"}
        urllib.request.urlopen(urllib.request.Request(f"{cluster.dashboard}/api/version", headers=header)).close()
    assert not ray.is_initialized()
    assert not connection.folder.exists()
    assert dict(os.environ) == environment
    assert set(Path("~/.ray").expanduser().glob("*")) == home


def test_an_address_that_nobody_listens_on_is_told_at_once() -> None:
    with Connection("127.0.0.1:1") as connection, pytest.raises(ClusterError) as error:
        connection.wait()
    assert str(error.value) == (
        "127.0.0.1:1: cannot be reached: Connection refused; start a head there with `ray start --head`, "
        "or leave --address out for an embedded Ray"
    )


def test_a_name_that_does_not_exist_is_told() -> None:
    with Connection("no-such-host.invalid:6379") as connection, pytest.raises(ClusterError, match="cannot be reached"):
        connection.wait()


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:port"])
def test_what_is_no_address_is_told(address: str) -> None:
    with Connection(address) as connection, pytest.raises(ClusterError) as error:
        connection.wait()
    assert str(error.value) == f"{address}: expected the address of a cluster's head, such as 10.0.0.5:6379"


def test_the_folder_of_a_killed_process_is_removed() -> None:
    from mgdist.cluster.connect import _sweep

    left, ours = PLACE / "mgd-4194305-left", PLACE / f"mgd-{os.getpid()}-kept"
    for folder in (left, ours):
        folder.mkdir()
    _sweep()
    assert not left.exists()
    assert ours.exists()
    ours.rmdir()


def test_a_free_port_can_be_taken() -> None:
    from mgdist.cluster.connect import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
