import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mgdist.apart import ApartError, apart, beside, needs
from mgdist.errors import ConvertError, MgdistError


def process() -> int:
    return os.getpid()


def speak() -> int:
    os.write(1, b"on stdout")
    os.write(2, b"on stderr")
    return 1


def refuse() -> None:
    raise ConvertError("word: expected; got; do this")


def stumble() -> None:
    raise KeyError("gone")


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    sys.exit(3)


def stay(told: Path) -> None:
    told.with_suffix(".new").write_text(str(os.getpid()))
    told.with_suffix(".new").rename(told)
    time.sleep(60)


def appeared(told: Path) -> int:
    while not told.exists():
        time.sleep(0.01)
    return int(told.read_text())


def ends(process: int) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        about = Path(f"/proc/{process}")
        with suppress(OSError):  # it may go while it is looked at
            dead = (about / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if dead and len(list((about / "task").iterdir())) == 1:  # its other threads may take a moment longer
                return True
        if not about.exists():
            return True
        time.sleep(0.01)
    return False


def test_the_work_is_done_elsewhere_and_its_result_comes_back():
    assert apart(process) != os.getpid()
    assert apart(sorted, [3, 1, 2], reverse=True) == [3, 2, 1]


@needs("colorsys")  # which nothing else here imports
def holds() -> tuple[bool, int]:
    return "colorsys" in sys.modules, os.getppid()


def where() -> tuple[str, str | None]:
    return str(Path.cwd()), os.environ.get("MGDIST_TEST")


def test_what_the_work_needs_is_at_hand_before_it_begins():
    first, second = apart(holds), apart(holds)
    assert first == second
    assert first[0]
    assert first[1] != os.getpid()


def test_the_work_is_done_where_the_caller_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    apart(process)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MGDIST_TEST", "told")
    assert apart(where) == (str(tmp_path), "told")


def test_one_that_waits_and_is_killed_is_started_anew():
    _, waiting = apart(holds)
    os.kill(waiting, signal.SIGKILL)
    assert ends(waiting)
    assert apart(holds)[1] != waiting


def test_nothing_that_the_work_prints_reaches_the_terminal(capfd: pytest.CaptureFixture[str]):
    assert apart(speak) == 1
    assert capfd.readouterr() == ("", "")


def test_an_error_of_our_tree_comes_back_as_it_is():
    with pytest.raises(ConvertError, match=r"^word: expected; got; do this$"):
        apart(refuse)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (stumble, "KeyError: 'gone'"),
        (die, "killed by signal 9: out of memory?"),
        (leave, "ended with exit code 3 without a word"),
    ],
)
def test_any_other_end_is_told_in_its_last_words(work, said: str):
    with pytest.raises(ApartError) as raised:
        apart(work)
    assert str(raised.value) == said
    assert isinstance(raised.value, MgdistError)


def test_something_else_can_be_done_meanwhile():
    with beside(process) as first, beside(sorted, [2, 1]) as second:
        assert second() == [1, 2]
        assert first() != os.getpid()


def test_the_work_ends_with_the_block(tmp_path: Path):
    with beside(stay, tmp_path / "told"):
        working = appeared(tmp_path / "told")
    assert ends(working)


def test_the_work_ends_when_its_parent_is_killed(tmp_path: Path):
    script = "import sys; from pathlib import Path; from mgdist.apart import apart; from tests.test_apart import stay; "
    told = tmp_path / "told"
    parent = subprocess.Popen([sys.executable, "-c", f"{script}apart(stay, Path(sys.argv[1]))", str(told)])
    working = appeared(told)
    parent.kill()
    parent.wait()
    assert ends(working)
