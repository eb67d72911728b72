"""Power fails at any write of ``install``: always the old or the new version answers."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mgdist_edge import durable
from mgdist_edge.store import Store
from tests.edge.versions import answering, version

EVENTS = {"os.rename", "os.symlink", "os.remove", "os.mkdir"}
"""What Python tells of before it is done; so is an ``open`` for writing."""
CALLS = "write,pwrite64,writev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,symlink,symlinkat,unlink,unlinkat,"
CALLS += "mkdir,mkdirat,link,linkat,copy_file_range,sendfile"
EDGE = str(Path(__file__).parents[2] / "edge")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("versions")
    return {number: version(number, folder).path for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def installed(made: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store where the second version answers and the first is kept."""
    store = Store(tmp_path_factory.mktemp("installed") / "store")
    store.install(made[1])
    store.install(made[2])
    return store.folder


def killed_before(count: int, work: Callable[[], object]) -> bool:
    """Do work in a process that dies at once before its ``count``-th change of the disk; say whether it died."""
    child = os.fork()
    if child == 0:
        _die_before(count)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_before(count: int) -> None:
    left, synced = [count], os.fsync

    def change() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS or (event == "open" and int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR)):
            change()

    def sync(file: int) -> None:
        change()
        synced(file)

    os.fsync = sync
    durable._CHUNK = 2**18
    sys.addaudithook(hear)


def found(store: Store, installed: Path | None) -> Store:
    """Return a store as it was before."""
    shutil.rmtree(store.folder, ignore_errors=True)
    if installed is not None:
        shutil.copytree(installed, store.folder, symlinks=True)
    return store


def names(store: Store) -> set[str]:
    return {path.name for path in store.folder.iterdir()}


@pytest.mark.parametrize("before", [2, None])
def test_whenever_install_dies_the_old_or_the_new_version_answers(
    made: dict[int, Path], installed: Path, tmp_path: Path, before: int | None
) -> None:
    store, seen, count, died = Store(tmp_path / "store"), Counter[int | None](), 0, True
    while died:
        count += 1
        found(store, installed if before else None)
        died = killed_before(count, lambda: store.install(made[3], keep=1))
        answers = answering(store.path) if store.path.exists() else None
        seen[answers] += 1
        assert answers in (before, 3)
        if (partial := store.folder / ".incoming").exists():
            os.truncate(partial, partial.stat().st_size // 2)  # what had not reached the disk is gone
        store.install(made[3], keep=1)
        assert answering(store.path) == 3
        assert names(store) == {".lock", "current", *(each.path.name for each in store.versions())}
        assert len(store.versions()) == (2 if before else 1)
    assert seen[before] >= 6
    assert seen[3] >= 2


def test_whenever_rollback_dies_the_old_or_the_new_version_answers(installed: Path, tmp_path: Path) -> None:
    store, seen, count, died = Store(tmp_path / "store"), Counter[int](), 0, True
    while died:
        count += 1
        found(store, installed)
        died = killed_before(count, store.rollback)
        seen[answering(store.path)] += 1
    assert set(seen) == {1, 2}
    assert count >= 4


def traces() -> bool:
    """Say whether strace may look into a process here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def install(path: Path, store: Store, cache: Path, *strace: str) -> int:
    shutil.rmtree(cache, ignore_errors=True)
    command = ["strace", *strace, sys.executable, "-m", "mgdist_edge", "install", path, "--into", store.folder]
    environment = {**os.environ, "PYTHONPATH": EDGE, "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*command, "--keep", "1"], env=environment, capture_output=True, check=False).returncode


@pytest.mark.slow
@pytest.mark.skipif(not traces(), reason="needs strace")
def test_killed_at_each_system_call_that_writes(made: dict[int, Path], installed: Path, tmp_path: Path) -> None:
    store, log, cache = Store(tmp_path / "store"), tmp_path / "calls", tmp_path / "cache"
    assert install(made[3], found(store, installed), cache, "-o", str(log), "-e", f"trace={CALLS}") == 0
    calls = Counter(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))
    assert calls["fsync"] >= 4
    assert calls["rename"] + calls["renameat"] + calls["renameat2"] == 2
    seen = Counter[int]()
    for call, times in calls.items():
        for time in range(1, times + 1):
            found(store, installed)
            inject = f"inject={call}:signal=SIGKILL:when={time}"
            assert install(made[3], store, cache, "-o", "/dev/null", "-e", inject) not in (0, 1, 2), (call, time)
            seen[answering(store.path)] += 1
    assert set(seen) == {2, 3}
    assert seen.total() == calls.total() >= 12
