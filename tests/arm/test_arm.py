"""The wheel of mgdist-edge answers on a Raspberry Pi's processor as it does here, golden examples and documents."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mgdist.export.litert_route import Converted, convert
from mgdist.job.compress import Method
from tests.arm.board import Board, aarch64, armv7, need_boards, wheel
from tests.edge.test_oldest_runtime import INPUTS, TASKS, packed
from tests.networks import job_of, level, network_of

pytestmark = pytest.mark.slow
DIFFERENCE = 0.02
"""That a probability may have: int8 is rounded otherwise on other processors."""


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Board]:
    need_boards()
    built = wheel(tmp_path_factory.mktemp("wheel"))
    return {board.machine: board for board in (aarch64(built), armv7(built))}


@pytest.fixture(scope="module")
def converted(boards: dict[str, Board], tmp_path_factory: pytest.TempPathFactory) -> Converted:
    assert len(boards) == 2
    levels = {
        "word": level("conv", "mean", "max", length=8, skip=True),
        "sentence": level("transformer", "attention", length=6),
        "paragraph": level("bag", "max", length=6),
    }
    job = job_of(levels, norm="rms")
    return convert(network_of(job), job, INPUTS, TASKS, tmp_path_factory.mktemp("converted") / "float32.tflite")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    texts = [f"w{3 + n} w4 w{30 - n} w5. w{n + 9} w2 unheard.\n\nw{40 - n} w8 w9 w3 w6." for n in range(8)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


@pytest.mark.parametrize("machine", ["aarch64", "armv7l"])
def test_the_boards_are_what_they_are_called(boards: dict[str, Board], machine: str) -> None:
    done = boards[machine].python("-c", "import platform, numpy; print(platform.machine(), numpy.__version__)")
    assert done.stdout.split()[:1] == [machine], done.stderr


@pytest.mark.parametrize(
    ("machine", "method"),
    [("aarch64", "float32"), ("aarch64", "int8_dynamic"), ("aarch64", "int4"), ("armv7l", "int8_embedding")],
)
def test_a_board_has_the_golden_answers_and_those_of_the_host(
    boards: dict[str, Board], converted: Converted, documents: Path, machine: str, method: Method, tmp_path: Path
) -> None:
    bundle = packed(converted, method, tmp_path)
    replayed = boards[machine].python("-m", "mgdist_edge", "selftest", bundle)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.startswith("passed: 8 of 8 golden examples have the expected label; ")
    asked = ["-m", "mgdist_edge", "predict", bundle, "--file", documents, "--json", "--no-replay"]
    there = boards[machine].python(*asked)
    here = subprocess.run([sys.executable, *map(str, asked)], capture_output=True, text=True, check=True)
    answers = [[json.loads(line) for line in done.stdout.splitlines()] for done in (here, there)]
    assert len(answers[0]) == len(answers[1]) == 8, there.stderr
    for mine, theirs in zip(*answers, strict=True):
        assert mine["label"] == theirs["label"]
        for label, probability in mine["probabilities"].items():
            assert abs(probability - theirs["probabilities"][label]) <= DIFFERENCE


def test_a_board_of_32_bits_refuses_what_it_would_compute_wrongly(
    boards: dict[str, Board], converted: Converted, tmp_path: Path
) -> None:
    done = boards["armv7l"].python("-m", "mgdist_edge", "selftest", packed(converted, "int8_dynamic", tmp_path))
    assert done.returncode == 2
    assert "expected a model that LiteRT can run; got: Didn't find op for builtin opcode" in done.stderr
