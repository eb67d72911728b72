import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.export.bundle import bundle
from mgdist_edge import chunks, load
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import SelftestError
from mgdist_edge.golden import Example
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.predictor import Predictor
from mgdist_edge.replay import cache_folder, require_replayed
from tests.edge.conftest import golden, manifest, model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mgdist-edge" / "replayed"


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle whose golden answers are not those of its model: as if the device computed otherwise."""
    turned = [Example(each.raws, {ONLY_HEAD: each.outputs[ONLY_HEAD][::-1]}) for each in golden().examples]
    path = tmp_path_factory.mktemp("wrong") / "wrong.tflite"
    return bundle(model(), manifest(), replace(golden(), examples=tuple(turned)), path).path


class Counted(Predictor):
    """A predictor that counts its runs."""

    runs = 0

    def outputs(self, views: object) -> object:  # type: ignore[override]
        self.runs += 1
        return super().outputs(views)  # type: ignore[arg-type]


def test_the_golden_examples_are_replayed_once(small: Bundle, tmp_path: Path) -> None:
    predictor = Counted(small)
    require_replayed(predictor, tmp_path)
    require_replayed(predictor, tmp_path)
    assert predictor.runs == len(small.golden.examples)
    other = Counted(replace(small, sha256="0" * 64))
    require_replayed(other, tmp_path)
    assert other.runs == len(small.golden.examples), "another file is another matter"


@pytest.mark.parametrize(
    "what",
    [
        "mgdist_edge.replay.__version__",
        "mgdist_edge.replay.litert_version",
        "os.uname",
        pytest.param(
            "mgdist_edge.chunks.Lookup",
            marks=pytest.mark.skipif(chunks.Lookup is None, reason="installed without its part in C"),
        ),
    ],
)
def test_another_version_or_machine_is_another_matter(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    require_replayed(Counted(small), tmp_path)
    here, predictor = os.uname(), Counted(small)
    other = {
        "mgdist_edge.replay.__version__": "9.9",
        "mgdist_edge.replay.litert_version": lambda: "ai-edge-litert 9.9",
        "mgdist_edge.chunks.Lookup": None,
        "os.uname": lambda: os.uname_result((here.sysname, "elsewhere", here.release, here.version, here.machine)),
    }
    monkeypatch.setattr(what, other[what])
    require_replayed(predictor, tmp_path)
    assert predictor.runs == len(small.golden.examples)


def test_load_remembers_in_the_cache_folder_of_the_user(small: Bundle, cache: Path) -> None:
    assert cache_folder() == cache.parent
    load(small.path)
    (mark,) = cache.iterdir()
    before = mark.stat().st_mtime_ns
    load(small.path)
    assert [(each, each.stat().st_mtime_ns) for each in cache.iterdir()] == [(mark, before)]


def test_a_device_that_answers_otherwise_does_not_answer_and_is_asked_again(
    wrong: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with pytest.raises(SelftestError, match=r"expected the golden answers; got: \d of 8 golden examples have the"):
            load(wrong)
    assert not cache.exists()
    assert main(["predict", str(wrong), "--text", "Return the array."]) == 4
    said = capfd.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert main(["predict", str(wrong), "--text", "Return the array.", "--no-replay"]) == 0
    assert load(wrong, replay=False).predict("Return the array.").label
    assert not cache.exists()


def test_where_nothing_can_be_remembered_it_answers_even_so(small: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    edge = str(Path(__file__).parents[2] / "edge")
    for cache in (f"{tmp_path}/file", "/proc/none"):
        command = [sys.executable, "-m", "mgdist_edge", "predict", small.path, "--text", "a"]
        environment = {**os.environ, "PYTHONPATH": edge, "XDG_CACHE_HOME": cache}
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        assert done.stderr == b""
