"""The part in C that looks words up, beside the one in Python."""

import copy
import os
import pickle
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mgdist_edge import chunks
from mgdist_edge.chunks import BREAK, Chunks

EDGE = Path(__file__).parents[2] / "edge"
PIECES = [
    *("the", "cat", "straße", "zebra_1", "_", "x²", "٣", "ⅷ", "日本", "e\u0301", "\U0001f600", "\ud800", "\U00010400"),
    *".!?\"')]([-,;:@#…“”«»",
]
KNOWN = {"<PAD>": 0, "<UNKNOWN>": 1, "the": 2, "straße": 3, "日本": 4, ".": 5, "…": 6, "\U00010400": 7, "\ud800": 8}


def in_python(vocabulary: dict[str, int], *, sentences: bool, breaks: int) -> Chunks:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chunks, "Lookup", None)
        return Chunks(vocabulary, sentences=sentences, breaks=breaks)


def test_it_is_here_where_a_compiler_is() -> None:
    assert chunks.Lookup is not None or not shutil.which("cc"), "make install builds it"


@pytest.fixture
def needed() -> None:
    if chunks.Lookup is None:
        pytest.skip("mgdist_edge was installed without its part in C")


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize("sentences", [True, False])
@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_it_gives_the_keys_that_python_gives(sentences: bool, breaks: int) -> None:
    drawn = random.Random(breaks)
    texts = ["".join(drawn.choices(PIECES, k=drawn.randrange(1, 12))) for _ in range(3000)]
    texts += [chr(each) for each in range(0x3000) if not chr(each).isspace()]
    texts += [chr(drawn.randrange(0x110000)) + "a" for _ in range(3000)]
    given = [each + drawn.choice(["", "", " "]) for each in texts if each.split() == [each]] + [BREAK, "." * 9000]
    drawn.shuffle(given)
    ours = Chunks(KNOWN, sentences=sentences, breaks=breaks)
    theirs = in_python(KNOWN, sentences=sentences, breaks=breaks)
    assert len(given) > 9000
    np.testing.assert_array_equal(ours.keys_of(given), theirs.keys_of(given))
    for each in given[:2000]:
        np.testing.assert_array_equal(ours.keys_of([each]), theirs.keys_of([each]), err_msg=repr(each))
    assert not ours, "none are remembered"


@pytest.mark.usefixtures("needed")
def test_a_large_vocabulary_is_found_as_a_whole() -> None:
    vocabulary = {f"w{each}": each + 1 for each in range(50_000)}
    found = Chunks(vocabulary, sentences=False, breaks=0).keys_of(list(vocabulary))
    np.testing.assert_array_equal(found, np.arange(1, 50_001))


@pytest.mark.usefixtures("needed")
def test_in_another_process_it_begins_anew() -> None:
    ours = Chunks(KNOWN, sentences=True, breaks=1)
    for other in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        np.testing.assert_array_equal(other.keys_of(["the", "cat.", BREAK]), ours.keys_of(["the", "cat.", BREAK]))


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("error", "vocabulary", "given"),
    [
        (TypeError, KNOWN, ("the",)),
        (TypeError, KNOWN, [b"the"]),
        (TypeError, {"the": "a"}, []),
        (TypeError, {1: 1}, []),
        (OverflowError, {"the": -1}, []),
        (OverflowError, {"the": 2**31}, []),
    ],
)
def test_what_is_no_text_or_no_vocabulary_is_an_error(
    error: type[Exception], vocabulary: object, given: object
) -> None:
    assert chunks.Lookup is not None
    with pytest.raises(error):
        chunks.Lookup(vocabulary, True, 1).keys(given)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_pure_wheel_is_for_any_processor_and_the_other_one_for_this(tmp_path: Path) -> None:
    leave = shutil.ignore_patterns("node_modules", "build", "*.egg-info", "*.so")
    shutil.copytree(EDGE, tmp_path / "edge", ignore=leave)
    held = {}
    for name, more in (("pure", {"MGDIST_EDGE_PURE": "1"}), ("built", {})):
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", tmp_path / name, tmp_path / "edge"], check=True, env=os.environ | more)
        (wheel,) = (tmp_path / name).glob("mgdist_edge-*.whl")
        held[name] = wheel.name, [each for each in zipfile.ZipFile(wheel).namelist() if each.endswith(".so")]
    assert held["pure"][0].endswith("-py3-none-any.whl")
    assert not held["pure"][1]
    assert bool(held["built"][1]) == bool(shutil.which("cc"))
