"""The files for Kubernetes, against the schemas of Kubernetes and KubeRay, and against what they promise."""

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mgdist.job.load import load
from tests.infra.kinds import CRDS, ROOT, documents, wrong, wrong_custom

KUBERNETES = ROOT / "infra" / "kubernetes"
FILES = sorted(KUBERNETES.rglob("*.yaml"))
KINDS = {
    "Namespace": "V1Namespace",
    "PersistentVolumeClaim": "V1PersistentVolumeClaim",
    "NetworkPolicy": "V1NetworkPolicy",
    "Service": "V1Service",
    "PodDisruptionBudget": "V1PodDisruptionBudget",
}
needs_crds = pytest.mark.skipif(not CRDS.is_dir(), reason="needs KubeRay's CRDs, which are no part of this project")
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
ENVIRONMENT = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/run/secrets/ray/auth_token", "HOME": "/home/mgdist"}


def read(name: str) -> list[dict[str, Any]]:
    return documents((KUBERNETES / name).read_text())


def cluster() -> dict[str, Any]:
    (found,) = read("base/cluster.yaml")
    return found


def pools() -> list[dict[str, Any]]:
    """Return the groups of workers, also those that only the overlay with GPUs has."""
    more = [each["value"] for each in read("overlays/gpu/pools.yaml")]
    return [*cluster()["spec"]["workerGroupSpecs"], *more]


def templates() -> dict[str, dict[str, Any]]:
    """Return all pod templates by name."""
    (job,) = read("job/job.yaml")
    found = {"head": cluster()["spec"]["headGroupSpec"]["template"], "submitter": job["spec"]["submitterPodTemplate"]}
    return found | {pool["groupName"]: pool["template"] for pool in pools()}


NAMES = ("head", "submitter", "cpu", "gpu", "gpu-node")


def test_all_files_are_looked_at() -> None:
    kinds = [document.get("kind") for path in FILES for document in documents(path.read_text()) if "kind" in document]
    assert {*kinds} == {*KINDS, "RayCluster", "RayJob", "Kustomization", "Component"}
    assert (len(FILES), set(templates())) == (17, set(NAMES))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(KUBERNETES)))
def test_a_file_has_no_field_that_kubernetes_does_not_know(path: Path) -> None:
    for document in documents(path.read_text()):
        if document.get("kind") in KINDS:
            assert list(wrong(document, KINDS[document["kind"]])) == []
        elif "metadata" in document:
            assert list(wrong(document["metadata"], "V1ObjectMeta")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_has_no_field_that_kubernetes_does_not_know(name: str) -> None:
    assert list(wrong(templates()[name], "V1PodTemplateSpec")) == []


@needs_crds
def test_kuberay_keeps_what_a_head_knows_where_that_is_asked_for() -> None:
    (component,) = read("components/head-restart/kustomization.yaml")
    (patch,) = component["patches"]
    assert patch["target"] == {"kind": "RayCluster", "name": cluster()["metadata"]["name"]}
    (change,) = yaml.safe_load(patch["patch"])
    assert (change["op"], change["path"]) == ("add", "/spec/gcsFaultToleranceOptions")
    whole = cluster()
    whole["spec"]["gcsFaultToleranceOptions"] = change["value"]
    assert wrong_custom(whole) == []
    whole["spec"]["gcsFaultToleranceOptions"] = {"backend": "rocks"}
    (told,) = wrong_custom(whole)
    assert "'rocks' is not one of ['redis', 'rocksdb']" in told


def test_typos_are_found() -> None:
    pod = copy.deepcopy(templates()["cpu"])
    pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    pod["spec"]["containers"][0]["ports"][0]["containerPort"] = "8080"
    del pod["spec"]["volumes"][0]["name"]
    told = sorted(wrong(pod, "V1PodTemplateSpec"))
    assert told[0] == ".spec.containers[0].ports[0].containerPort: expected int; got '8080'"
    assert told[1] == ".spec.containers[0].securityContext.readOnlyRootFileSystem: there is no such field"
    assert "`name`" in told[2]
    with pytest.raises(ValueError, match="line 3: a comes twice"):
        documents("x:\n  - b: 1\n  - {a: 1, a: 2}")


@needs_crds
def test_kuberay_takes_its_resources_and_no_typo() -> None:
    (job,) = read("job/job.yaml")
    whole = cluster()
    whole["spec"]["workerGroupSpecs"] = pools()
    assert [wrong_custom(whole), wrong_custom(job)] == [[], []]
    for document, path in ((whole, "autoscalerOptions"), (whole, "headGroupSpec"), (job, "submitterConfig")):
        broken = copy.deepcopy(document)
        broken["spec"][path]["replica"] = 1
        (told,) = wrong_custom(broken)
        assert told.startswith(f"$.spec.{path}: Additional properties are not allowed ('replica' was unexpected)")
    broken = copy.deepcopy(whole)
    broken["spec"]["workerGroupSpecs"][2]["template"]["spec"]["containers"][0]["env"][0]["vaule"] = "x"
    (told,) = wrong_custom(broken)
    assert "'vaule' was unexpected" in told


@pytest.mark.parametrize("name", NAMES)
def test_a_container_may_do_nothing_but_its_work(name: str) -> None:
    spec = templates()[name]["spec"]
    pod = spec["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert min(pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"]) >= 1000
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
    assert name == "head" or spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    require_locked(container["securityContext"])
    assert set(container["resources"]) == {"requests", "limits"}
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    assert container["image"] == "mgdist-trainer", "the overlay says which tag"


def require_locked(context: dict[str, Any]) -> None:
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["runAsNonRoot"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_so_may_the_autoscaler() -> None:
    options = cluster()["spec"]["autoscalerOptions"]
    require_locked(options["securityContext"])
    volumes = {each["name"] for each in templates()["head"]["spec"]["volumes"]}
    assert {each["name"] for each in options["volumeMounts"]} <= volumes


@pytest.mark.parametrize("name", NAMES)
def test_the_token_comes_as_a_file_and_what_is_written_has_a_place(name: str) -> None:
    spec = templates()[name]["spec"]
    (container,) = spec["containers"]
    assert {each["name"]: each["value"] for each in container["env"]} == ENVIRONMENT
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert set(mounted.values()) == set(volumes)
    assert mounted.keys() >= {"/tmp", "/home/mgdist", "/run/secrets/ray"}
    assert volumes[mounted["/run/secrets/ray"]]["secret"] == {"secretName": "ray-token", "defaultMode": 0o440}
    assert not [each for each in spec["volumes"] if "hostPath" in each]
    assert (name == "submitter") != ("/runs" in mounted)


def test_no_file_holds_a_secret() -> None:
    assert not [path for path in FILES if re.search(r"^kind: Secret|stringData|token: \S{16,}", path.read_text(), re.M)]
    assert cluster()["spec"]["authOptions"] == {"mode": "token", "secretName": "ray-token"}


def test_probes_ask_what_needs_no_token() -> None:
    for name, template in templates().items():
        (container,) = template["spec"]["containers"]
        asked = {(p["httpGet"]["path"], p["httpGet"]["port"]) for key, p in container.items() if key.endswith("Probe")}
        if name != "submitter":
            assert asked <= {("/api/local_raylet_healthz", 52365), ("/api/gcs_healthz", 8265)}
            assert len(asked) == (2 if name == "head" else 1)


def test_the_cluster_is_of_the_pinned_ray_and_grows_with_the_work() -> None:
    pinned = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert cluster()["spec"]["rayVersion"] == pinned[1]
    assert cluster()["spec"]["enableInTreeAutoscaling"] is True
    assert cluster()["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for pool in pools():
        assert 0 <= pool["minReplicas"] <= pool["replicas"] < pool["maxReplicas"]
        (container,) = pool["template"]["spec"]["containers"]
        gpus = [int(container["resources"][each].get("nvidia.com/gpu", 0)) for each in ("requests", "limits")]
        assert gpus[0] == gpus[1] == {"cpu": 0, "gpu": 1, "gpu-node": 8}[pool["groupName"]]
        tolerated = [each["key"] for each in pool["template"]["spec"].get("tolerations", ())]
        assert (gpus[0] > 0) == ("nvidia.com/gpu" in tolerated)


def test_prometheus_finds_the_nodes_by_their_name() -> None:
    (service,) = read("base/metrics.yaml")
    name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    ports = [each for template in templates().values() for each in template["spec"]["containers"][0].get("ports", ())]
    assert [each["containerPort"] for each in ports if each["name"] == "metrics"] == [port] * 4
    (scraped,) = documents((ROOT / "infra" / "monitoring" / "kubernetes.yml").read_text())
    (found,) = scraped["scrape_configs"][0]["dns_sd_configs"]
    assert (found["names"], found["port"]) == ([f"{name}.mgdist.svc.cluster.local"], port)


def policies() -> dict[str, dict[str, Any]]:
    components = [read(f"components/{name}/network.yaml") for name in ("object-storage", "mlflow")]
    found = read("base/network.yaml") + [each for found in components for each in found]
    return {each["metadata"]["name"]: each["spec"] for each in found}


def test_nobody_is_let_in_but_nodes_submitters_the_operator_and_prometheus() -> None:
    assert policies()["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    let_in = [
        (
            tuple(sorted({**peer.get("namespaceSelector", {}), **peer["podSelector"]}["matchLabels"].items()))
            if "podSelector" in peer
            else "namespace " + peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            tuple(port["port"] for port in rule.get("ports", ())),
        )
        for policy in policies().values()
        for rule in policy.get("ingress", ())
        for peer in rule["from"]
    ]
    assert set(let_in) == {
        ((("ray.io/cluster", "mgdist"),), ()),
        ((("mgdist/submitter", "true"),), (8265,)),
        ((("app.kubernetes.io/name", "kuberay-operator"),), (8265,)),
        ("namespace monitoring", (8080,)),
    }


def test_only_named_ports_lead_out() -> None:
    for name, policy in policies().items():
        for rule in policy.get("egress", ()):
            for peer in rule["to"]:
                if "ipBlock" in peer:
                    assert name in ("head", "object-storage")
                    assert {port["port"] for port in rule["ports"]} <= {443, 6443}
    (rule,) = policies()["mlflow"]["egress"]
    (peer,) = rule["to"]
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "mlflow"}
    assert [port["port"] for port in rule["ports"]] == [5000]


def test_a_submitter_is_one_for_the_network_and_the_job_is_there() -> None:
    (job,) = read("job/job.yaml")
    assert job["spec"]["submitterPodTemplate"]["metadata"]["labels"] == {"mgdist/submitter": "true"}
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster()["metadata"]["name"]}
    program, verb, path, option, setting = job["spec"]["entrypoint"].split()
    assert (program, verb, option) == ("mgdist", "submit", "--set")
    assert load(ROOT / path.removeprefix("/opt/mgdist/"), [setting]).run.folder == "/runs"
    claims = [
        each["persistentVolumeClaim"] for each in templates()["head"]["spec"]["volumes"] if each["name"] == "runs"
    ]
    assert claims == [{"claimName": read("base/storage.yaml")[0]["metadata"]["name"]}]


def test_budgets_keep_the_head() -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in read("base/budget.yaml")}
    assert {name: spec["maxUnavailable"] for name, spec in found.items()} == {"mgdist-head": 0, "mgdist-worker": 1}
    for name, spec in found.items():
        labels = spec["selector"]["matchLabels"]
        assert labels == {"ray.io/cluster": "mgdist", "ray.io/node-type": name.removeprefix("mgdist-")}


def images(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, each in document.items():
            yield from [each] if name == "image" else images(each)
    elif isinstance(document, list):
        for each in document:
            yield from images(each)


@needs_kubectl
@pytest.mark.parametrize(("folder", "groups", "tag"), [("cpu", 1, "cpu"), ("gpu", 3, "cuda")])
def test_kustomize_builds_the_overlays(folder: str, groups: int, tag: str) -> None:
    command = ["kubectl", "kustomize", KUBERNETES / "overlays" / folder]
    built = documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(built) == 1 + 1 + 6 + 2 + 1 + 1
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in built} == {"mgdist"}
    (found,) = [each for each in built if each["kind"] == "RayCluster"]
    assert len(found["spec"]["workerGroupSpecs"]) == groups
    assert set(images(found)) == {f"mgdist-trainer:0.1.0-{tag}"}
    assert len(list(images(found))) == groups + 1
    if CRDS.is_dir():
        assert wrong_custom(found) == []


@needs_kubectl
def test_kustomize_builds_the_job() -> None:
    command = ["kubectl", "kustomize", KUBERNETES / "job"]
    (built,) = documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert set(images(built)) == {"mgdist-trainer:0.1.0-cpu"}
