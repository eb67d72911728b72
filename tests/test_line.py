"""The whole line: real Ray, real training, real conversion, the real edge runtime.

The first job is done as a user runs it; those that follow are run in this process, where they share one Ray.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import inside

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

JOB = """\
name: tiny
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text, min_count: 1}
granularities:
  word: {length: 12, encoder: {kind: conv}, pool: [mean, max]}
  sentence: {length: 4, encoder: {kind: bag}}
model: {width: 8}
train: {epochs: 4, batch_size: 16, lr: 0.02}
search:
  trials: 2
  epochs: 1
  space: {train.lr: {loguniform: [0.01, 0.03]}}
compress: {max_accuracy_drop: 0.1, methods: [float32, int8_dynamic]}
device: {unit_counts: [1, 4]}
run: {folder: RUNS, license: CC0-1.0}
"""
ONE_COUNT = "device.unit_counts=[1]"
"""For jobs that convert anew, since each count takes seconds: the first job has several."""
WORDS = {
    "fruit": "apple pear plum cherry grape",
    "tools": "hammer saw drill chisel plane",
    "sea": "wave tide reef shoal surf",
}


def write_rows(path: Path) -> None:
    rows = []
    for number in range(240):
        label = list(WORDS)[number % 3]
        word = WORDS[label].split()[number // 3 % 5]
        rows.append({"text": f"This is about a {word}. It came as number {number}.\n\nNobody saw it.", "label": label})
        rows[-1]["size"] = 5 * (number % 3) + number // 3 % 5
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def written(folder: Path) -> Path:
    """Write the job, and its rows."""
    write_rows(folder / "train.jsonl")
    text = JOB.replace("TRAIN", str(folder / "train.jsonl")).replace("RUNS", str(folder / "runs"))
    (folder / "tiny.yaml").write_text(text)
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("line"))


def mgdist(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mgdist", *arguments], capture_output=True, text=True, check=False)


def edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mgdist_edge", *arguments], capture_output=True, text=True, check=False
    )


def done(folder: Path) -> list[str]:
    """Return the stages that were really done, in order."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event["stage"] for event in events if event["event"] == "stage" and event["state"] == "done"]


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with inside.one_ray():
        yield


STAGES = ["data", "search", "train", "evaluate", "convert", "compress", "bundle"]


@pytest.fixture(scope="module")
def finished(job: Path) -> tuple[Path, str]:
    ended = mgdist("submit", job)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return (job.parent / "runs" / "tiny" / "latest").resolve(), ended.stdout


def test_a_job_becomes_a_bundle_that_answers(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert done(folder) == STAGES
    asked = edge("predict", folder / "tiny.tflite", "--text", "This is about a cherry.", "--json")
    assert json.loads(asked.stdout)["label"] == "fruit", asked.stderr
    assert edge("selftest", folder / "tiny.tflite").returncode == 0


def test_the_output_is_plain_lines_where_there_is_no_terminal(finished: tuple[Path, str]) -> None:
    _, output = finished
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", output)
    for expected in (
        "simple baseline",
        "trained network",
        "int8_dynamic",
        "mgdist-edge predict",
        "tensorboard --logdir",
        "report.md",
    ):
        assert expected in output


def test_curves_are_left_for_tensorboard(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert list(folder.glob("train/**/events.out.tfevents.*"))
    assert len(list(folder.glob("search/tensorboard/trial_*/events.out.tfevents.*"))) == 2


def test_the_bundle_says_what_it_is(finished: tuple[Path, str]) -> None:
    from mgdist_edge.bundle import Bundle
    from mgdist_edge.tasks import Classify

    manifest = Bundle.open(finished[0] / "tiny.tflite").manifest
    assert (manifest.name, manifest.license) == ("tiny", "CC0-1.0")
    assert manifest.tasks == {"answer": Classify(("fruit", "sea", "tools"))}
    assert manifest.parity["equal"] > 0.95


def test_a_finished_job_is_not_done_again(job: Path, finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = (folder / "tiny.tflite").stat().st_mtime_ns
    assert mgdist("submit", job).returncode == 0
    assert (job.parent / "runs" / "tiny" / "latest").resolve() == folder
    assert (done(folder), (folder / "tiny.tflite").stat().st_mtime_ns) == (STAGES, before)


def test_another_budget_trains_nothing_anew(job: Path, finished: tuple[Path, str]) -> None:
    ended = inside.mgdist("submit", job, "--set", "compress.methods=[float16]")
    assert ended.returncode == 0, ended.stderr
    latest = (job.parent / "runs" / "tiny" / "latest").resolve()
    assert latest != finished[0]
    assert done(latest) == ["compress", "bundle"]


def test_a_budget_that_cannot_be_kept_names_the_nearest_candidate(job: Path, finished: tuple[Path, str]) -> None:
    ended = inside.mgdist("submit", job, "--set", "device.max_size=1 kB")
    assert ended.returncode == 7
    assert re.match(
        r"mgdist: none of 2 candidate\(s\) keeps the accuracy budget and the device's limits; "
        r"nearest is int8_dynamic: size [\d.]+ kB is above 1\.00 kB; raise device\.max_size, "
        r"or make the model smaller\n$",
        ended.stderr,
    )


@pytest.mark.slow
def test_mixed_precision_is_tried_where_no_usual_format_is_small_enough(job: Path, finished: tuple[Path, str]) -> None:
    usual = ["--set", "compress.methods=null", "--set", "compress.max_accuracy_drop=0.3"]
    assert inside.mgdist("submit", job, *usual).returncode == 0
    latest = job.parent / "runs" / "tiny" / "latest"
    smallest = min(each["size"] for each in json.loads((latest / "compress" / "candidates.json").read_text()))
    ended = inside.mgdist("submit", job, *usual, "--set", f"device.max_size={smallest - 1}")
    assert ended.returncode == 0, ended.stderr
    assert done(latest.resolve()) == ["compress", "mixed", "bundle"]
    assert re.search(r"^mixed .* ships", ended.stdout, re.MULTILINE)
    assert edge("selftest", latest / "tiny.tflite").returncode == 0


@pytest.mark.slow
def test_a_search_on_what_ships_tells_what_it_did_not_train(ray: None, job: Path, finished: tuple[Path, str]) -> None:
    space = "search.space={model.width: {choice: [512, 8]}}"
    asked = ["search.objective=deployed", "search.trials=1", space, "device.max_size=100 kB", ONE_COUNT]
    ended = inside.mgdist("submit", job, *(word for one in asked for word in ("--set", one)))
    assert ended.returncode == 0, ended.stderr
    assert re.search(
        r"refused before training  model\.width=51\d  because: as int8_dynamic its size [\d.]+ MB", ended.stdout
    )
    assert re.search(r"trial 1/1 done network [\d.]+ after epoch 1, ships int8_dynamic [\d.]+ [\d.]+ kB", ended.stdout)
    told = r"Search by what would ship: points trained 1, refused before training \d,"
    report = (job.parent / "runs" / "tiny" / "latest" / "report.md").read_text()
    assert re.search(told, ended.stdout)
    assert re.search(told, report)


STEPS = "[{rows: 0.4, channels: 0.3}, {rows: 0.7, channels: 0.6}]"
PRUNED = f"compress.prune={{distil: {{weight: 0.5, states: 0.5}}, steps: {STEPS}}}"


@pytest.mark.slow
def test_what_is_left_after_each_step_of_pruning_competes_with_the_whole(
    ray: None, job: Path, finished: tuple[Path, str]
) -> None:
    from mgdist.compress.flatbuffer import read
    from mgdist.export.candidates import open_candidates

    ended = inside.mgdist("submit", job, "--set", PRUNED, "--set", "compress.max_accuracy_drop=0.3")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    folder = (job.parent / "runs" / "tiny" / "latest").resolve()
    again = [
        name for step in (1, 2) for name in ("prune", "tune", "evaluate", "convert") for name in [f"{name}_{step}"]
    ]
    assert done(folder) == ["states", *again, "compress", "compress_1", "compress_2", "bundle"]
    assert re.search(r"Ships int8_dynamic, pruned 2: accuracy", ended.stdout)
    assert edge("selftest", folder / "tiny.tflite").returncode == 0
    asked = edge("predict", folder / "tiny.tflite", "--text", "This is about a cherry.", "--json")
    assert json.loads(asked.stdout)["label"] == "fruit", asked.stderr
    found = [open_candidates(folder / name)[0] for name in ("compress", "compress_1", "compress_2")]
    counts = [sum(layer.numbers for layer in each.layers) for each in found]
    assert counts[0] > counts[1] > counts[2]  # fewer numbers to multiply with
    assert found[0].size > found[1].size > found[2].size
    models = [
        read((folder / name / "float32.tflite").read_bytes()) for name in ("compress", "compress_1", "compress_2")
    ]
    assert len({sum(len(graph.operators) for graph in model.subgraphs) for model in models}) == 1
    again = inside.mgdist("submit", job, "--set", PRUNED, "--set", "compress.max_accuracy_drop=0.3")
    assert (again.returncode, len(done(folder))) == (0, 13)


AWARE = "compress.aware={method: int2, epochs: 3, lr: 0.01}"


@pytest.mark.slow
def test_a_format_that_loses_too_much_is_fine_tuned_for(ray: None, tmp_path: Path) -> None:
    from mgdist.export.candidates import Shipped, open_candidates

    job = written(tmp_path)
    asked = ["search=null", "task={kind: regress, targets: [size]}", "compress.methods=[float32, int2]"]
    asked += [AWARE, "compress.max_accuracy_drop=0.01", ONE_COUNT]
    ended = inside.mgdist("submit", job, *(word for one in asked for word in ("--set", one)))
    assert ended.returncode == 0, ended.stderr
    folder = (tmp_path / "runs" / "tiny" / "latest").resolve()
    tuning = ["tune_aware", "evaluate_aware", "convert_aware", "compress_aware"]
    assert done(folder) == ["data", "train", "evaluate", "convert", "compress", *tuning, "bundle"]
    whole = {each.method: each for each in open_candidates(folder / "compress")}
    (aware,) = open_candidates(folder / "compress_aware")
    assert (aware.method, aware.aware) == ("int2", True)
    assert whole["int2"].quality < whole["float32"].quality - 0.01 <= aware.quality
    assert re.search(r"Ships int2, aware: r2", ended.stdout)
    assert re.search(r"Fine-tuned for int2: [\d.]+ on valid, [\d.]+ without", ended.stdout)
    assert Shipped.open(folder / "bundle").aware
    assert edge("selftest", folder / "tiny.tflite").returncode == 0
