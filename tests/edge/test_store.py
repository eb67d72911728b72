import fcntl
from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import BundleError, EdgeError, SelftestError, StoreError
from mgdist_edge.golden import Example
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.store import Store, default_folder
from tests.edge.conftest import golden, manifest, model
from tests.edge.keys import Pair
from tests.edge.versions import answering, version


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return five versions of a bundle, by number."""
    folder = tmp_path_factory.mktemp("versions")
    return {number: version(number, folder).path for number in range(1, 6)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def numbers(store: Store) -> list[int]:
    return [each.number for each in store.versions()]


def test_the_newest_version_answers_and_older_ones_are_kept(store: Store, made: dict[int, Path]) -> None:
    for number, path in made.items():
        assert store.install(path, keep=2).number == number
        assert answering(store.path) == number
    assert numbers(store) == [3, 4, 5]
    store.install(made[1], keep=0)
    assert (numbers(store), answering(store.path)) == ([6], 1)


def test_a_version_that_answers_already_stays(store: Store, made: dict[int, Path]) -> None:
    first = store.install(made[1])
    before = {path: path.lstat().st_mtime_ns for path in store.folder.iterdir() if path.name != ".lock"}
    assert store.install(made[1]) == first
    assert {path: path.lstat().st_mtime_ns for path in store.folder.iterdir() if path.name != ".lock"} == before


def test_rollback_goes_back_one_by_one_and_forgets_nothing(store: Store, made: dict[int, Path]) -> None:
    for number in (1, 2, 3):
        store.install(made[number])
    assert [store.rollback().number, answering(store.path)] == [2, 2]
    assert [store.rollback().number, answering(store.path)] == [1, 1]
    with pytest.raises(StoreError, match=r"store: expected an older version to go back to; got none; install one$"):
        store.rollback()
    assert numbers(store) == [1, 2, 3]
    store.install(made[4])  # what was rolled back is not what a rollback leads to
    assert [numbers(store), answering(store.path)] == [[1, 2], 4]
    assert [store.rollback().number, answering(store.path)] == [1, 1]


def test_what_is_refused_changes_nothing(store: Store, made: dict[int, Path], tmp_path: Path) -> None:
    store.install(made[1])
    maker, before = Pair(tmp_path), sorted(store.folder.iterdir())
    damaged = bytearray(made[2].read_bytes())
    damaged[5000] ^= 1
    (tmp_path / "damaged.tflite").write_bytes(damaged)
    turned = [Example(each.raws, {ONLY_HEAD: each.outputs[ONLY_HEAD][::-1]}) for each in golden().examples]
    ill = bundle(model(), manifest(), replace(golden(), examples=tuple(turned)), tmp_path / "ill.tflite").path
    other = bundle(model(), manifest(name="other"), golden(), tmp_path / "other.tflite").path
    refusals: list[tuple[type[EdgeError], str, Path, Path | None]] = [
        (BundleError, "got a damaged file", tmp_path / "damaged.tflite", None),
        (BundleError, "got one without a signature", made[2], maker.public),
        (SelftestError, "expected the golden answers", ill, None),
        (StoreError, "expected a bundle of small, as is installed in .*; got other; use another --into", other, None),
        (BundleError, "No such file", tmp_path / "none.tflite", None),
    ]
    for kind, line, path, keys in refusals:
        with pytest.raises(kind, match=line):
            store.install(path, require_signature=keys)
        assert sorted(store.folder.iterdir()) == before
        assert answering(store.path) == 1


def test_a_signed_version_is_installed_and_an_unsigned_older_one_is_no_way_back(
    store: Store, made: dict[int, Path], tmp_path: Path
) -> None:
    maker = Pair(tmp_path)
    store.install(made[1])
    store.install(maker.signed(made[2], tmp_path / "signed.tflite"), require_signature=maker.public)
    with pytest.raises(BundleError, match=r"got one without a signature"):
        store.rollback(require_signature=maker.public)
    assert answering(store.path) == 2


def test_a_version_that_was_damaged_on_the_disk_can_be_replaced_by_itself(
    store: Store, made: dict[int, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(made[1].read_bytes())
    content[5000] ^= 1
    store.install(made[1]).path.write_bytes(content)
    assert main(["list", str(store.folder)]) == 0
    assert "got a damaged file" in capfd.readouterr().out
    assert store.install(made[1]).number == 2
    assert answering(store.path) == 1


def test_two_do_not_work_on_a_store_at_a_time(store: Store, made: dict[int, Path]) -> None:
    store.install(made[1])
    with (store.folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"store: another mgdist-edge works on it; wait for that$"):
            store.install(made[2])
    assert store.install(made[2]).number == 2


def test_a_folder_that_cannot_be_written_is_one_line(made: dict[int, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"expected to work on a store there; got: Not a directory$"):
        Store(tmp_path / "file" / "store").install(made[1])
    assert Store(tmp_path / "none").versions() == ()
    assert Store(tmp_path / "none").current() is None


def test_foreign_files_in_the_folder_are_left_alone(store: Store, made: dict[int, Path]) -> None:
    store.install(made[1])
    for name in ("notes.txt", "000001-x.tflite", "../000009-0123456789abcdef.tflite"):
        (store.folder / name).write_text("mine")
    for number in (2, 3, 4, 5):
        store.install(made[number], keep=0)
    assert (store.folder / "notes.txt").read_text() == "mine"
    assert numbers(store) == [5]


def test_the_verbs_say_what_they_did(
    store: Store, made: dict[int, Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    into = str(store.folder)
    assert main(["list", into]) == 0
    assert capfd.readouterr().out == f"{into}: nothing is installed\n"
    assert main(["install", str(made[1]), "--into", into]) == 0
    digest = Bundle.open(made[1]).sha256[:16]
    assert capfd.readouterr().out == f"{into}/current answers with version 1, {digest}\n"
    main(["install", str(made[2]), "--into", into])
    assert main(["rollback", into]) == 0
    capfd.readouterr()
    main(["list", into])
    lines = capfd.readouterr().out.splitlines()
    size = f"{made[1].stat().st_size:,} bytes"
    assert lines[1] == f"* 1  small, 2026-11-21, {size}, {digest}, unsigned"
    assert lines[2].startswith("  2  small, 2026-11-22, ")
    assert main(["rollback", into]) == 5
    assert capfd.readouterr().err.startswith(f"mgdist-edge: {into}: expected an older version")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_folder() == Path("/data/mgdist-edge")
