"""Kill the driver of a whole submit at random moments of every stage, and go on with the same command.

``python -m tests.benchmarks kills`` prints a Markdown table: a row a stage, and whether what ships is that of the
undisturbed run. A bundle is compared by all of its manifest, so by the hashes of its parts too, but for the time it
was made at, the latency measured that day and the card, which tells of both.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from mgdist_edge.bundle import Bundle
from tests.benchmarks.setting import environment, mgdist, parser, told

JOB = """\
name: killed
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text, min_count: 1}
granularities:
  word: {length: 12, encoder: {kind: conv}, pool: [mean, max]}
  sentence: {length: 4, encoder: {kind: bag}}
model: {width: 16}
train: {epochs: 8, batch_size: 16, lr: 0.01}
search:
  trials: 2
  epochs: 2
  space: {train.lr: {loguniform: [0.005, 0.02]}}
compress:
  max_accuracy_drop: 0.1
  methods: [int8_dynamic, float16]
  every: true
  prune: {steps: [{rows: 0.3, epochs: 2}]}
run: {folder: RUNS}
"""
WORDS = {
    "fruit": "apple pear plum cherry grape",
    "tools": "hammer saw drill chisel plane",
    "sea": "wave tide reef surf",
}
LONGEST = 600.0


def write_job(folder: Path) -> Path:
    """Write a small job that has every stage, and its data."""
    draw = random.Random(3)
    rows = []
    for number in range(900):
        label = list(WORDS)[number % 3]
        words = [
            draw.choice(WORDS[label if draw.random() < 0.7 else draw.choice(list(WORDS))].split()) for _ in "12345"
        ]
        rows.append({"text": f"The {' '.join(words[:3])}. A {' '.join(words[3:])}.", "label": label})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = folder / "job.yaml"
    job.write_text(JOB.replace("TRAIN", str(folder / "train.jsonl")).replace("RUNS", str(folder / "runs")))
    return job


def begin(job: Path, runs: Path) -> "subprocess.Popen[bytes]":
    """Start the command, whose words are always the same."""
    command = mgdist("submit", job, "--set", f"run.folder={runs}")
    with (runs.parent / "out.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment())


def events(runs: Path) -> list[dict[str, object]]:
    """Return all that the run has told."""
    found = sorted(runs.glob("killed/*T*/events.jsonl"))
    return [json.loads(line) for line in found[-1].read_text().splitlines()] if found else []


def identity(runs: Path) -> str:
    """Return the digest of what ships, without what a clock decides."""
    (path,) = runs.glob("killed/*T*/killed.tflite")
    plain = Bundle.open(path).manifest.as_json()
    plain["metrics"] = {name: value for name, value in plain["metrics"].items() if name != "latency_seconds"}  # type: ignore[attr-defined]
    plain["parts"] = {name: part for name, part in plain["parts"].items() if name != "README.md"}  # type: ignore[attr-defined]
    del plain["created"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def kill_in(stage: str, seconds: float, job: Path, runs: Path) -> bool:
    """Start the command, and kill its driver at a random moment of a stage; tell whether the stage was hit."""
    before = len(events(runs))
    driver = begin(job, runs)
    until = time.monotonic() + LONGEST
    begun = {"event": "stage", "stage": stage, "state": "started"}
    while not any(begun.items() <= event.items() for event in events(runs)[before:]):
        assert time.monotonic() < until, f"{stage} does not begin"
        if driver.poll() is not None:
            return False
        time.sleep(0.02)
    time.sleep(random.uniform(0.0, seconds))
    hit = not any({**begun, "state": "done"}.items() <= event.items() for event in events(runs)[before:])
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    return hit


def twice(runs: Path) -> int:
    """Return how often a stage began that was done before."""
    done: set[object] = set()
    again = 0
    for event in events(runs):
        if event["event"] == "stage" and event["state"] == "started":
            again += event["stage"] in done
        if event["event"] == "stage" and event["state"] == "done":
            done.add(event["stage"])
    return again


def main() -> None:
    """Kill, go on, and print the table."""
    options = parser(__doc__, data=False)
    options.add_argument("--kills", type=int, default=20)
    kills = options.parse_args().kills
    random.seed(7)
    with told(), tempfile.TemporaryDirectory() as folder:
        job = write_job(Path(folder))
        calm = finished(job, Path(folder) / "calm" / "runs")
        told_by = [event for event in events(calm) if event["event"] == "stage" and event["state"] == "done"]
        seconds = {str(event["stage"]): float(str(event["seconds"])) for event in told_by}
        hits: Counter[str] = Counter()
        tries: Counter[str] = Counter()
        chains = []
        while sum(tries.values()) < kills:
            runs = Path(folder) / str(len(chains)) / "runs"
            runs.mkdir(parents=True)
            for stage, long in seconds.items():
                if sum(tries.values()) < kills and (not chains or random.random() < 0.7):
                    tries[stage] += 1
                    hits[stage] += kill_in(stage, long, job, runs)
            chains.append(finished(job, runs))
        print("| stage | seconds, undisturbed | kills in it | kills just behind it |\n|---|---|---|---|")
        for stage, long in seconds.items():
            print(f"| {stage} | {long:.1f} | {hits[stage]} | {tries[stage] - hits[stage]} |")
        same = sum(identity(runs) == identity(calm) for runs in chains)
        print(
            f"\n{sum(tries.values())} kills in {len(chains)} runs, of which {same} ship what the undisturbed one does"
        )
        print(f"({identity(calm)}); finished stages that were done again: {sum(map(twice, chains))}.")


def finished(job: Path, runs: Path) -> Path:
    """Let the command come to its end."""
    runs.mkdir(parents=True, exist_ok=True)
    assert begin(job, runs).wait() == 0, (runs.parent / "out.log").read_text()[-2000:]
    return runs


if __name__ == "__main__":
    main()
