"""Faults while a training runs: ``python -m tests.benchmarks faults --runs 40`` prints a Markdown table.

Two workers train on an embedded Ray; at a random moment one of them is killed, stopped for good, slowed down, left
without memory (where the kernel has cgroups v1) or with a weight that is no number, or the folder of the checkpoints is
away for a minute or full for a while, or the driver is killed and its command given again. A run is the same where its
weights are those of the undisturbed one, to the bit. Less memory is met by smaller parts and a number that is none by a
lower rate, so that such runs only come near it. Needs root, for what is mounted.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from mgdist.train.launch import MODEL, STATE
from tests.benchmarks.setting import parser, table, told
from tests.train.corpus import dataset, moved
from tests.train.test_faults import Running, running

AWAY, FULL, SLOW = 60.0, 15.0, 15.0
"""Seconds that storage is away, that it is full, and that a worker is slow."""
SPOIL, SPOILS = "spoil", Path(__file__).parent / "spoil"
"""File that asks for a weight that is no number, and where the module lies by which workers heed it."""
LONGEST = 300.0
EVERY = 20
"""Steps between two checkpoints."""
HEAD = (
    "fault", "runs", "ended well", "same weights", "interrupted", "s to step again, median", "most", "most steps lost",
    "largest difference of the last loss",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What one fault came to.

    Attributes:
        seconds: from the fault until a worker steps again, of a training that was interrupted.
        lost: steps that were done twice.
        same: the weights are those of the undisturbed run.
        loss: of the last epoch, on the validation split; None where it did not come to its end.
    """

    seconds: float | None
    lost: int | None
    same: bool
    loss: float | None


class Told(Protocol):
    """A training that has told events."""

    def events(self) -> list[dict[str, Any]]:
        """Return them."""
        ...


def kill_worker(driver: Running) -> None:
    """End a worker at once."""
    os.kill(random.choice(driver.workers()), signal.SIGKILL)


def hang_worker(driver: Running) -> None:
    """Stop a worker for good."""
    os.kill(random.choice(driver.workers()), signal.SIGSTOP)


def slow_worker(driver: Running) -> None:
    """Give a worker a fifth of its time for a while."""
    worker = random.choice(driver.workers())
    until = time.monotonic() + SLOW
    while time.monotonic() < until:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGSTOP)
            time.sleep(0.4)
            os.kill(worker, signal.SIGCONT)
        time.sleep(0.1)


def storage_away(driver: Running) -> None:
    """Let the folder of the checkpoints be read-only and empty for a while."""
    place = driver.folder / "train" / STATE
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", place], check=True)
    time.sleep(AWAY)
    subprocess.run(["umount", "--lazy", place], check=True)


def disk_full(driver: Running) -> None:
    """Fill the disk of the training, and make room again after a while."""
    filler = driver.folder / "train" / "filler"
    with suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"0" * 65536)
            file.flush()
    time.sleep(FULL)
    filler.unlink()


def kill_driver(driver: Running) -> None:
    """End the driver; the same command goes on."""
    driver.process.kill()
    driver.process.wait()


def spoil_weight(driver: Running) -> None:
    """Let a weight of a worker be no number."""
    (driver.folder / SPOIL).touch()


def take_memory(driver: Running) -> None:
    """Let a worker have next to no memory more, so that the kernel kills it."""
    group = Path("/sys/fs/cgroup/memory") / f"mgdist-faults-{os.getpid()}"
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text("1M")  # for what is used from now on
    (group / "cgroup.procs").write_text(str(random.choice(driver.workers())))


KINDS: dict[str, Callable[[Running], None]] = {
    "worker killed": kill_worker,
    "worker hung": hang_worker,
    "worker slow": slow_worker,
    "storage away": storage_away,
    "disk full": disk_full,
    "driver killed": kill_driver,
    "weight no number": spoil_weight,
    "out of memory": take_memory,
}


def steps(driver: Running) -> list[int]:
    """Return how many steps were done at each step that was told."""
    return [each["done"] for each in driver.events() if each["event"] == "step"]


def suffer(kind: str, job: object, folder: Path, data: Path, expected: bytes) -> Result:
    """Train, and let a fault happen on the way."""
    (folder / "train").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder / "train"], check=True)
    spoiled = {"PYTHONPATH": f"{SPOILS}:{os.environ.get('PYTHONPATH', '.')}", "SPOIL": str(folder / SPOIL)}
    driver = running(job, folder, data, **(spoiled if kind == "weight no number" else {}))  # type: ignore[arg-type]
    try:
        moment = random.randint(2, 12)
        driver.until(lambda: driver.reached() >= moment)
        time.sleep(random.random())
        count, begun = len(steps(driver)), time.monotonic()
        KINDS[kind](driver)
        process = driver.process
        if kind == "driver killed":
            process = subprocess.Popen([sys.executable, "-m", "tests.train.driver", str(folder)])
        seconds = None
        while process.poll() is None and time.monotonic() - begun < LONGEST:
            if seconds is None and "resumed" in driver.kinds() and len(steps(driver)) > count:
                seconds = time.monotonic() - begun
            time.sleep(0.1)
        assert process.poll() == 0, (folder / "said").read_text()[-2000:] if process.poll() is not None else "hangs"
        same = (folder / "train" / MODEL).read_bytes() == expected
        return Result(seconds, lost(driver), same, last_loss(driver))
    finally:
        driver.process.kill()
        subprocess.run(["umount", "--lazy", folder / "train"], check=True)


def lost(driver: Told) -> int | None:
    """Return how many steps were done twice: what was told before, less where it went on."""
    events = driver.events()
    places = [place for place, each in enumerate(events) if each.get("kind") == "resumed"]
    if not places:
        return None
    before = max((each["done"] for each in events[: places[0]] if each["event"] == "step"), default=0)
    return int(before - events[places[-1]]["done"])


def last_loss(driver: Told) -> float:
    """Return the loss of the last epoch on the validation split."""
    return float([each["valid_loss"] for each in driver.events() if each["event"] == "epoch"][-1])


def main() -> None:
    """Let faults happen, and print the table."""
    options = parser(__doc__, data=False)
    options.add_argument("--runs", type=int, default=40)
    options.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    asked = options.parse_args()
    runs = asked.runs
    random.seed(11)
    found: dict[str, list[Result]] = defaultdict(list)
    with told(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, _ = dataset(folder, rows=2400)
        every = {"steps": EVERY, "seconds": None}
        job = moved(small, train__epochs=16, train__workers=2, train__checkpoint=every, train__hang_timeout=6.0)
        calm = folder / "calm"
        calm.mkdir()
        undisturbed = running(job, calm, folder / "data")
        assert undisturbed.process.wait() == 0, (calm / "said").read_text()[-2000:]
        expected = (calm / "train" / MODEL).read_bytes()
        for number in range(runs):
            kind = asked.kinds[number % len(asked.kinds)]
            inner = folder / f"run{number}"
            inner.mkdir()
            try:
                found[kind].append(suffer(kind, job, inner, folder / "data", expected))
            except AssertionError as error:
                found[kind].append(Result(None, None, same=False, loss=None))
                print(f"{kind}: {str(error)[-500:]}", file=sys.stderr)
        table(HEAD, [row(kind, results, last_loss(undisturbed)) for kind, results in found.items()])


def row(kind: str, results: list[Result], loss: float) -> list[object]:
    """Return a row of the table."""
    seconds = [each.seconds for each in results if each.seconds is not None]
    steps_lost = [each.lost for each in results if each.lost is not None]
    away = [abs(each.loss - loss) for each in results if each.loss is not None]
    same = sum(each.same for each in results)
    middle, most = (f"{median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("", "")
    farthest = f"{max(away):.2g}" if away else ""
    return [kind, len(results), len(away), same, len(seconds), middle, most, max(steps_lost, default=""), farthest]


if __name__ == "__main__":
    main()
