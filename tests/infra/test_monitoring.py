"""Prometheus' files and Grafana's dashboards: their metrics are those that a real Ray and a real service export."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from ray.util.metrics import Gauge

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.search.tune import search
from mgdist.train import gauges
from mgdist.train.gauges import STATES, TOLD, Held, run_of
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


@dataclass(frozen=True)
class Scraped:
    """What a real Ray exported.

    Attributes:
        text: all that was seen while a job was searched and trained.
        last: what was seen at the end, when a gauge of this test had been set long before.
        closed: what was seen some time after that gauge was closed.
        health: what the head says to somebody without a token.
    """

    text: str
    last: str
    closed: str
    health: str


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Scraped:
    import ray

    folder = tmp_path_factory.mktemp("monitored")
    job, data = dataset(folder)
    (folder / "run").mkdir()
    (folder / "run" / "job.yaml").write_text("")
    with pytest.MonkeyPatch.context() as patch, Connection(cpus=2) as connection:
        patch.setenv("RAY_metrics_report_interval_ms", "3000")  # of ten seconds, which nobody wants to wait for
        patch.setattr(gauges, "LAST", 5.0)  # so that the search's reach a report, and the probe is soon gone
        cluster = connection.wait()
        url = f"http://127.0.0.1:{ray.nodes()[0]['MetricsExportPort']}/metrics"
        held = Held({"probe": Gauge("mgdist_probe", "Of a test.", ("run",))})
        held.set("probe", 7.0, {"run": "once"})
        with following(url) as seen:
            _work(job, data, folder / "run")
            wanted = {name for name in asked() if name.startswith("ray_")} - GPU
            wait(lambda: wanted <= exported("\n".join(seen)))
        last = read(url)
        held.close()
        wait(lambda: "mgdist_probe{" not in read(url))
        return Scraped("\n".join(seen), last, read(url), read(f"{cluster.dashboard}/api/gcs_healthz"))


def _work(job: Job, data: Dataset, run: Path) -> None:
    found: dict[str, Any] = {
        "trials": 2,
        "concurrent": 2,
        "asha": None,
        "space": {"train.lr": {"choice": [0.001, 0.01]}},
    }
    search(moved(job, search=found), data.folder, run / "search")
    train(job, data.folder, run / "train")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
    return text


@contextmanager
def following(url: str) -> Iterator[set[str]]:
    """Collect the lines that are exported meanwhile."""
    seen, ended = set[str](), Event()

    def follow() -> None:
        while not ended.wait(0.5):
            with suppress(OSError):  # it has only begun to listen
                seen.update(read(url).splitlines())

    thread = Thread(target=follow)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not done() and time.monotonic() < until:
        time.sleep(0.5)


@pytest.mark.slow
def test_a_real_ray_exports_what_is_asked_of_clusters(scraped: Scraped) -> None:
    wanted = {name for name in asked() if name.startswith("ray_")}
    assert wanted & GPU == GPU
    assert wanted - GPU - exported(scraped.text) == set()
    done = r'^ray_mgdist_trials\{.*job_name="small".*run="run",state="done"\} 2\.0$'
    assert re.search(done, scraped.text, re.MULTILINE)
    for trial in ("", "trial_1", "trial_2"):  # a process that ends at once may not come to report its last epoch
        line = rf'^ray_mgdist_epoch\{{.*job_name="small".*run="run",trial="{trial}"\}} [123]\.0$'
        assert re.search(line, scraped.text, re.MULTILINE), trial
    when = re.findall(r"^ray_mgdist_checkpoint_time_seconds\{.*\} (.*)$", scraped.text, re.MULTILINE)
    assert 0 <= time.time() - max(map(float, when)) < 120


@pytest.mark.slow
def test_metrics_have_the_labels_that_they_are_asked_for(scraped: Scraped) -> None:
    checked = 0
    for where, text in expressions():
        grouped = {each.strip() for inner in re.findall(r"(?:by|on) \(([^)]*)\)", text) for each in inner.split(",")}
        for name, inner in re.findall(r"\b(ray_\w+)(?:\{([^}]*)\})?", text):
            lines = re.findall(rf"^{name}\{{(.*)\}} ", scraped.text, re.MULTILINE)
            for label in grouped | set(re.findall(r"(\w+)=", inner)):
                assert name in GPU or any(f'{label}="' in line for line in lines), f"{where}: {name} has no {label}"
                checked += 1
    assert checked > 60


@pytest.mark.slow
def test_a_gauge_keeps_its_value_until_it_is_closed(scraped: Scraped) -> None:
    assert re.search(r'^ray_mgdist_probe\{.*run="once"\} 7\.0$', scraped.last, re.MULTILINE)
    assert "mgdist_probe{" not in scraped.closed


@pytest.mark.slow
def test_probes_need_no_token(scraped: Scraped) -> None:
    assert scraped.health == "success"


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
