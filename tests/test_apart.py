import os
import signal
import sys

import pytest

from mgdist.apart import ApartError, apart
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


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    sys.exit(3)


def test_the_work_is_done_elsewhere_and_its_result_comes_back():
    assert apart(process) != os.getpid()
    assert apart(sorted, [3, 1, 2], reverse=True) == [3, 2, 1]


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
