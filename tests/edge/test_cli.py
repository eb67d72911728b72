import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgdist_edge import __version__
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from tests.edge.conftest import LABELS, documents

EDGE = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "edge")}


def run(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mgdist_edge", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, env=EDGE, check=False)


def jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_predict_answers_for_a_text(small: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(small.path), "--text", "Return the array."]) == 0
    said = capfd.readouterr()
    assert said.out.rstrip().endswith(" ms)")
    assert any(label in said.out for label in LABELS)
    assert said.err == ""


def test_predict_answers_in_json_one_line_a_document(
    small: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = documents()[:20]
    assert main(["predict", str(small.path), "--file", str(jsonl(tmp_path / "d.jsonl", texts)), "--json"]) == 0
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(answers) == 20
    for answer in answers:
        assert list(answer) == ["label", "probability", "probabilities", "milliseconds"]
        assert list(answer["probabilities"]) == list(LABELS)
        assert answer["probability"] == answer["probabilities"][answer["label"]]
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_top_shows_the_most_probable_labels(small: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    main(["predict", str(small.path), "--text", "Return the array.", "--top", "3", "--json"])
    shown = json.loads(capfd.readouterr().out)["probabilities"]
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    main(["predict", str(small.path), "--text", "Return the array.", "--top", "3"])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(shown)


def test_one_process_answers_the_same_from_text_file_and_standard_input(small: Bundle, tmp_path: Path) -> None:
    text = documents()[40]
    (tmp_path / "a.txt").write_text(text)
    ways = [run("predict", small.path, "--json", "--text", text)]
    ways.append(run("predict", small.path, "--json", "--file", tmp_path / "a.txt"))
    ways.append(run("predict", small.path, "--json", "--stdin", given=text.encode()))
    assert [way.stderr for way in ways] == [b""] * 3
    answers = [json.loads(way.stdout) for way in ways]
    assert answers[0]["probabilities"] == answers[1]["probabilities"] == answers[2]["probabilities"]


def test_selftest_passes(small: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", str(small.path)]) == 0
    assert capfd.readouterr().out.startswith("passed: 8 of 8 golden examples have the expected label; ")


def test_show_says_what_is_inside(small: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(small.path)]) == 0
    lines = capfd.readouterr().out.splitlines()
    facts = dict(line.split("  ", 1) for line in lines)
    assert {name: fact.strip() for name, fact in facts.items()} | {
        "name": "small",
        "answer": "classify: numpy, pathlib, json, Größe",
        "input": "text, 300 words, 24,300 hashed n-grams",
        "level sentence": "units of 6 samples, vectors of 16, 1, 4 units a call",
        "metric accuracy": "0.25",
    } == {name: fact.strip() for name, fact in facts.items()}


def test_bench_answers_in_json(small: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = jsonl(tmp_path / "d.jsonl", documents()[:9])
    assert main(["bench", str(small.path), "--file", str(path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["documents"] == 9
    assert main(["bench", str(small.path), "--file", str(path)]) == 0
    assert "documents      9" in capfd.readouterr().out.splitlines()


def wrong_inputs(small: Path, folder: Path) -> list[tuple[list[str], int, str]]:
    """Return commands, each with its exit code and how its one line begins."""
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "empty.txt").touch()
    (folder / "lines.jsonl").write_text('{"text": "a"}\n{"text": " "}\n')
    (folder / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n')
    (folder / "cut.tflite").write_bytes(small.read_bytes()[:-1])
    (folder / "notes.tflite").write_text("not a model")
    bundle, predict, bench = str(small), "predict", "bench"
    return [
        ([predict, bundle, "--text", ""], 3, "--text: expected a text with at least one word; got an empty one"),
        ([predict, bundle, "--text", "\udcff"], 3, "--text: expected UTF-8 text; got other bytes; convert it"),
        ([predict, bundle, "--file", "none.txt"], 3, "none.txt: expected a file that can be read; got: No such file"),
        (
            [predict, bundle, "--file", f"{folder}"],
            3,
            f"{folder}: expected a file that can be read; got: Is a directory",
        ),
        (
            [predict, bundle, "--file", f"{folder}/latin.txt"],
            3,
            f"{folder}/latin.txt: expected UTF-8 text; got byte 0xe9",
        ),
        (
            [predict, bundle, "--file", f"{folder}/empty.txt"],
            3,
            f"{folder}/empty.txt: expected a text with at least one",
        ),
        (
            [predict, bundle, "--file", f"{folder}/lines.jsonl"],
            3,
            f"{folder}/lines.jsonl:2: expected a text with at le",
        ),
        ([predict, bundle, "--file", f"{folder}/broken.jsonl"], 3, f"{folder}/broken.jsonl:2: expected a line of JSON"),
        ([bench, bundle, "--file", f"{folder}/lines.jsonl"], 3, f"{folder}/lines.jsonl:2: expected a text with at le"),
        ([predict, "none.tflite", "--text", "a"], 2, "none.tflite: expected a bundle that can be read; got: No such"),
        ([predict, f"{folder}", "--text", "a"], 2, f"{folder}: expected a file; got a directory"),
        (
            [predict, f"{folder}/cut.tflite", "--text", "a"],
            2,
            f"{folder}/cut.tflite: expected the bytes that were written; g",
        ),
        (
            ["show", f"{folder}/cut.tflite"],
            2,
            f"{folder}/cut.tflite: expected the bytes that were written; g",
        ),
        (
            ["selftest", f"{folder}/notes.tflite"],
            2,
            f"{folder}/notes.tflite: expected a bundle of mgdist, which is a T",
        ),
    ]


def test_what_a_person_did_wrong_is_one_line(small: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cases = wrong_inputs(small.path, tmp_path)
    assert len(cases) >= 14
    for arguments, code, line in cases:
        assert main(arguments) == code, arguments
        said = capfd.readouterr().err
        assert said.startswith(f"mgdist-edge: {line}"), said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "the following arguments are required: VERB"),
        (["predict", "a.tflite"], "one of the arguments --text --file --stdin is required"),
        (["predict", "a.tflite", "--text", "a", "--stdin"], "not allowed with argument"),
        (["predict", "a.tflite", "--text", "a", "--top", "0"], "expected a whole number from 1 to 1024; got '0'"),
        (
            ["bench", "a.tflite", "--file", "a", "--threads", "many"],
            "expected a whole number from 1 to 1024; got 'many'",
        ),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert line in capfd.readouterr().err


def test_documents_before_the_wrong_one_are_answered(small: Bundle, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('"a"\n"b"\n3\n')
    done = run("predict", small.path, "--file", tmp_path / "d.jsonl", "--json")
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 2


def test_a_reader_that_leaves_early_is_no_error(small: Bundle, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "d.jsonl", ["some words"] * 5000)
    command = f"{sys.executable} -m mgdist_edge predict {small.path} --file {path} --json | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=EDGE, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def test_a_full_disk_is_one_line(small: Bundle) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "mgdist_edge", "predict", small.path, "--text", "a"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=EDGE, check=False)
    expected = b"mgdist-edge: standard output: expected to write there; got: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from mgdist_edge.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'numpy', 'ai_edge_litert', 'mgdist', 'torch', 'zipfile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=EDGE, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout.decode().strip() == f"mgdist-edge {__version__}"
