"""What befalls the workers of a training on a real, embedded Ray, and what it comes to all the same."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mgdist.job.spec import Job
from mgdist.train import checkpoint
from mgdist.train.launch import checkpoints
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import dataset, moved

pytestmark = pytest.mark.slow
LONGEST = 120.0
"""Seconds that are waited for something to happen."""


@dataclass(frozen=True)
class Set:
    """A training of some seconds: the folder of its data, its job and what it comes to undisturbed."""

    folder: Path
    job: Job
    undisturbed: Progress


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Set:
    folder = tmp_path_factory.mktemp("faults")
    small, data = dataset(folder, rows=2400)
    job = moved(small, train__epochs=10, train__checkpoint={"steps": 20, "seconds": None}, train__hang_timeout=6.0)
    return Set(folder, job, prepare(job, data).run())


def told(folder: Path) -> list[dict[str, Any]]:
    """Return what the training of a folder has told so far."""
    path = folder / "train" / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@dataclass(frozen=True)
class Running:
    """A driver that trains in a folder."""

    process: subprocess.Popen[bytes]
    folder: Path

    def events(self) -> list[dict[str, Any]]:
        return told(self.folder)

    def notes(self) -> list[tuple[str, str]]:
        return [(each["kind"], each["text"]) for each in self.events() if each["event"] == "note"]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notes()]

    def reached(self) -> int:
        """Return the epochs done."""
        return max((each["epoch"] for each in self.events() if each["event"] == "epoch"), default=0)

    def workers(self) -> list[int]:
        """Return the process ids of the workers: what watches each of them was told it, and this folder."""
        told = [path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline") if path.is_file()]
        mine = [words for words in told if any(bytes(self.folder) in word for word in words)]
        return [int(words[words.index(word) + 1]) for words in mine for word in words if word.endswith(b"watchdog.py")]

    def until(self, holds: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not holds():
            assert self.process.poll() is None, "the driver has ended"
            assert time.monotonic() - began < LONGEST
            time.sleep(0.05)


def running(job: Job, folder: Path, data: Path, **settings: str) -> Running:
    """Start a driver, with some settings more in its environment."""
    (folder / "job.pickle").write_bytes(pickle.dumps(job))
    (folder / "data").symlink_to(data)
    with (folder / "said").open("w") as said:
        command = [sys.executable, "-m", "tests.train.driver", str(folder)]
        return Running(subprocess.Popen(command, stderr=said, env={**os.environ, **settings}), folder)


@pytest.fixture
def driver(alone: Set, tmp_path: Path) -> Iterator[Running]:
    made = running(alone.job, tmp_path, alone.folder / "data")
    made.until(lambda: made.reached() > 1)
    yield made
    made.process.kill()
    made.process.wait()


def lost(driver: Running) -> int:
    """Return how many steps were done twice at most: what was told before, less where it went on."""
    events = driver.events()
    at = next(place for place, each in enumerate(events) if each.get("kind") == "resumed")
    before = max(each["done"] for each in events[:at] if each["event"] == "step")
    return int(before - events[at]["done"])


def test_killed_workers_hung_ones_and_a_damaged_checkpoint_change_nothing(driver: Running, alone: Set) -> None:
    """One run for all three, since each start of Ray takes seconds."""
    os.kill(driver.workers()[0], signal.SIGKILL)
    driver.until(lambda: driver.kinds().count("resumed") == 1 and driver.reached() > 3)
    assert lost(driver) <= 20
    os.kill(driver.workers()[0], signal.SIGSTOP)
    driver.until(lambda: driver.kinds().count("resumed") == 2 and driver.reached() > 4)
    assert [kind for kind in driver.kinds() if kind != "refused"] == ["lost", "resumed", "hung", "lost", "resumed"]
    assert dict(driver.notes())["hung"] == "worker 0 took no step for 6 s, and was ended"
    driver.process.kill()
    driver.process.wait()
    while driver.workers():  # Ray ends them a moment later
        time.sleep(0.05)
    newest = next(path for path in checkpoints(driver.folder / "train") if checkpoint.is_whole(path))
    (newest / "engine.pt").write_bytes(b"damaged")
    subprocess.run([sys.executable, "-m", "tests.train.driver", str(driver.folder)], check=True, timeout=LONGEST)
    *_, (_, refused), (_, resumed) = driver.notes()
    assert refused.endswith(f"{newest.name}/engine.pt: is damaged: not what was written; the one before it is taken")
    assert resumed.startswith("training goes on from ")
    weights = load_file(driver.folder / "train" / "model.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in alone.undisturbed.weights.items())


@pytest.fixture
def confined() -> Iterator[Path]:
    """A group of processes with little memory between them."""
    group = Path("/sys/fs/cgroup/memory") / f"mgdist-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("1M")  # for what is used from now on
    except OSError:
        pytest.skip("needs root, and the memory controller of cgroup v1")
    yield group
    group.rmdir()


def test_a_worker_killed_for_want_of_memory_goes_on_in_smaller_parts(
    driver: Running, alone: Set, confined: Path
) -> None:
    (confined / "cgroup.procs").write_text(str(driver.workers()[0]))
    assert driver.process.wait(LONGEST) == 0
    told = [text for kind, text in driver.notes() if kind == "memory"]
    assert told[0] == "worker 0 is gone, and the kernel has killed for want of memory"
    assert "a step of 32 examples is now computed in 2 parts in place of 1" in told[1]
    assert driver.reached() == alone.job.train.epochs


def test_a_loss_that_is_no_number_lowers_the_rate_and_then_ends(alone: Set, tmp_path: Path) -> None:
    job = moved(alone.job, train__lr=1e38, train__clip=None)
    made = running(job, tmp_path, alone.folder / "data")
    assert made.process.wait(LONGEST) != 0
    said = (tmp_path / "said").read_text().strip().splitlines()[-1]
    assert "expected a finite loss; got nan at step 2 of epoch 1" in said
    assert "with 0.125 of the rate it was no better after going back 3 times" in said
    told = [text for kind, text in made.notes() if kind == "diverged"]
    assert [text.rpartition(" with ")[2] for text in told] == [
        f"{rate} of the learning rate" for rate in ("0.5", "0.25", "0.125")
    ]
    assert told[0].count("training goes back to its beginning (no earlier checkpoint is left)")
