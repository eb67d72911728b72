"""Prometheus' files and Grafana's dashboards: their metrics are those that a real Ray and a real service export."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.search.tune import search
from mgdist.train.gauges import STATES, TOLD, run_of
from mgdist.train.launch import train
from tests.infra.asked import DASHBOARDS, MONITORING, asked, exported, expressions
from tests.train.corpus import dataset, moved

GPU = {"ray_node_gpus_utilization", "ray_node_gpus_available", "ray_node_gram_used"}
"""What Ray exports of nodes with a GPU only."""
VARIABLES = re.compile(r"\$\w+")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")


def test_the_dashboards_tell_what_was_asked_for() -> None:
    assert [path.stem for path in DASHBOARDS] == ["devices", "nodes", "training"]
    titles = {where.partition(": ")[2] for where, _ in expressions()}
    assert titles >= {
        "Samples a second",
        "Loss",
        "GPU use",
        "GPU memory",
        "Memory",
        "Age of the last checkpoint",
        "Trials",
    }
    assert len(asked()) >= 25


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_hangs_together(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == f"mgdist-{path.stem}"
    variables = {each["name"] for each in board["templating"]["list"]}
    places = set[tuple[int, int]]()
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert {name[1:] for target in panel["targets"] for name in VARIABLES.findall(target["expr"])} <= variables
        where = panel["gridPos"]
        assert where["x"] + where["w"] <= 24
        new = {(where["y"], column) for column in range(where["x"], where["x"] + where["w"])}
        assert not places & new, "panels lie on one another"
        places |= new
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def labels() -> Mapping[str, set[str]]:
    """Return which labels the dashboards ask metrics for, by the prefix of the metric."""
    found: dict[str, set[str]] = {}
    for _, text in expressions():
        for name, inner in re.findall(r"\b(ray_mgdist_\w+)(?:\{([^}]*)\})?", text):
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", inner))
    return found


def test_gauges_carry_the_labels_that_are_asked_for() -> None:
    assert set().union(*labels().values()) <= {"job_name", "run", "trial", "state"}
    assert {f"ray_mgdist_{name}" for name in TOLD} | {"ray_mgdist_trials"} == {
        name for name in asked() if name.startswith("ray_mgdist_")
    }
    assert set(re.findall(r'state="(\w+)"', (MONITORING / "alerts.yml").read_text())) <= set(STATES)


def test_the_run_of_a_folder_is_the_one_with_the_job(tmp_path: Path) -> None:
    training = tmp_path / "2026-11-22T10-30-05" / "search" / "trials" / "trial_1"
    assert run_of(training) == "trial_1"
    training.mkdir(parents=True)
    (training.parents[2] / "job.yaml").write_text("")
    assert run_of(training) == "2026-11-22T10-30-05"


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what a real Ray exports while a job is searched and trained."""
    import ray

    folder = tmp_path_factory.mktemp("monitored")
    job, data = dataset(folder)
    (folder / "run").mkdir()
    (folder / "run" / "job.yaml").write_text("")
    with Connection(cpus=2) as connection:
        connection.wait()
        _work(job, data, folder / "run")
        (node,) = ray.nodes()
        return _scrape(f"http://127.0.0.1:{node['MetricsExportPort']}/metrics")


def _work(job: Job, data: Dataset, run: Path) -> None:
    found: dict[str, Any] = {"trials": 2, "concurrent": 2, "space": {"train.lr": {"choice": [0.001, 0.01]}}}
    search(moved(job, search=found), data.folder, run / "search")
    train(job, data.folder, run / "train")


def _scrape(url: str) -> str:
    """Ask until everything is there: Ray's nodes report every ten seconds."""
    wanted, until = {name for name in asked() if name.startswith("ray_")} - GPU, time.monotonic() + 40
    while True:
        text: str = urllib.request.urlopen(url, timeout=10).read().decode()
        if wanted <= exported(text) or time.monotonic() > until:
            return text
        time.sleep(1)


@pytest.mark.slow
def test_a_real_ray_exports_what_is_asked_of_clusters(scraped: str) -> None:
    wanted = {name for name in asked() if name.startswith("ray_")}
    assert wanted & GPU == GPU
    assert wanted - GPU - exported(scraped) == set()
    assert re.search(r'^ray_mgdist_trials\{.*job_name="small".*run="run",state="done"\} 2\.0$', scraped, re.MULTILINE)
    for trial in ("", "trial_1", "trial_2"):
        line = rf'^ray_mgdist_epoch\{{.*job_name="small".*run="run",trial="{trial}"\}} 3\.0$'
        assert re.search(line, scraped, re.MULTILINE), trial
    when = re.search(r"^ray_mgdist_checkpoint_time_seconds\{.*\} (.*)$", scraped, re.MULTILINE)
    assert when is not None
    assert 0 <= time.time() - float(when[1]) < 120


promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Debian's prometheus")


@promtool
@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_prometheus_takes_its_files(name: str) -> None:
    command = ["promtool", "check", "config", MONITORING / name]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "SUCCESS: 1 rule files found" in checked.stdout


@promtool
def test_every_alert_fires_when_it_should_and_not_before() -> None:
    rules = Path(__file__).with_name("alerts.test.yml")
    subprocess.run(["promtool", "test", "rules", rules], check=True, capture_output=True)
    told = yaml.safe_load(rules.read_text())
    tested = {each["alertname"] for test in told["tests"] for each in test["alert_rule_test"] if "exp_alerts" in each}
    assert tested == set(re.findall(r"alert: (\w+)", (MONITORING / "alerts.yml").read_text()))


@promtool
def test_prometheus_can_read_what_the_dashboards_ask(tmp_path: Path) -> None:
    rules = [{"record": f"each:{n}", "expr": VARIABLES.sub("x", text)} for n, (_, text) in enumerate(expressions())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    told = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert f"{len(rules)} rules found" in told.stdout
