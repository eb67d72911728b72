"""Files for Ray's cluster launcher, as Ray reads them, and for three nodes in containers, as Compose reads them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests.infra.kinds import ROOT, documents

CLUSTERS = ROOT / "infra" / "cluster"
NAMES = ("aws", "gcp", "on_premise")


def read(path: Path) -> dict[str, Any]:
    (found,) = documents(path.read_text())
    return found


@pytest.fixture(scope="module", params=NAMES)
def launched(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """Return a cluster's file with all that Ray lays under it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    found: dict[str, Any] = prepare_config(read(CLUSTERS / f"{request.param}.yaml"))
    validate_config(found)
    return found


def test_these_are_all_clusters() -> None:
    assert {path.stem for path in CLUSTERS.iterdir()} == set(NAMES)


def test_ray_refuses_a_typo() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    broken = read(CLUSTERS / "aws.yaml")
    broken["idle_timeout_minuets"] = broken.pop("idle_timeout_minutes")
    with pytest.raises(Exception, match="idle_timeout_minuets"):
        validate_config(prepare_config(broken))


def test_every_node_has_the_token_as_a_file_and_nobody_outside_reaches_the_dashboard(
    launched: Mapping[str, Any],
) -> None:
    (token,) = [there for there, here in launched["file_mounts"].items() if here.endswith("/.mgdist/ray.token")]
    assert token.endswith("/ray.token")
    for kind in ("head", "worker"):
        locked, stop, start = launched[f"{kind}_start_ray_commands"]
        assert locked == "chmod 600 $HOME/ray.token"
        assert stop.endswith("ray stop")
        assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$HOME/ray.token" in start
        assert ("--head" in start) == ("--dashboard-host=127.0.0.1" in start) == (kind == "head")
        assert "RAY_AUTH_TOKEN=" not in start


def test_nothing_of_rays_own_defaults_is_installed(launched: Mapping[str, Any]) -> None:
    commands = launched["head_setup_commands"]
    assert commands == launched["worker_setup_commands"]
    if launched["provider"]["type"] == "local":
        (makefile,) = re.findall(r" (torch==[\d.]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert [makefile in command for command in commands] == [False, True, False]
        assert "--constraint constraints.txt" in commands[-1]
    else:
        assert commands == []
        assert launched["docker"]["image"] == "mgdist-trainer:0.1.0-cuda"


def test_clouds_start_with_a_head_alone_and_have_limits(launched: Mapping[str, Any]) -> None:
    types = launched["available_node_types"]
    if launched["provider"]["type"] == "local":
        return
    assert set(types) == {"head", "cpu", "gpu", "gpu_node"}
    assert types["head"]["resources"] == {"CPU": 0}
    workers = [kind for name, kind in types.items() if name != "head"]
    assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in workers)
    assert [kind["resources"].get("GPU", 0) for kind in workers] == [0, 1, 8]


COMPOSE = ROOT / "infra" / "compose" / "compose.yaml"


def test_compose_knows_all_fields() -> None:
    schema = Draft7Validator(json.loads(Path(__file__).with_name("compose_spec.json").read_text()))
    document = json.loads(json.dumps(read(COMPOSE)))
    assert [f"{error.json_path}: {error.message}" for error in schema.iter_errors(document)] == []
    document["services"]["head"]["read_onyl"] = True
    assert len(list(schema.iter_errors(document))) == 1


def test_containers_are_locked_and_share_the_token_by_file() -> None:
    document = read(COMPOSE)
    assert set(document["services"]) == {"head", "worker-1", "worker-2"}
    for service in document["services"].values():
        assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "1000:1000")
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == f"/run/secrets/{service['secrets'][0]}"
        assert "healthcheck" in service
        (runs,) = service["volumes"]
        assert runs["source"] == runs["target"]
    assert document["secrets"] == {"ray_token": {"file": "./ray.token"}}
    assert "ray.token" in (ROOT / ".gitignore").read_text().split()


def test_only_the_head_is_reached_and_from_this_machine_alone() -> None:
    document = read(COMPOSE)
    services = document["services"]
    assert {name: service.get("ports", []) for name, service in services.items()} == {
        "head": ["127.0.0.1:8265:8265"],
        "worker-1": [],
        "worker-2": [],
    }
    assert document["networks"]["cluster"]["internal"] is True
    for name, service in services.items():
        address = service["networks"]["cluster"]["ipv4_address"]
        assert f"--node-ip-address={address} " in service["command"]
        assert ("outside" in service["networks"]) == (name == "head")
        assert name == "head" or "--address=172.30.77.2:6379" in service["command"]
