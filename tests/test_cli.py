import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from mgdist import __version__, cli, errors
from mgdist.errors import MgdistError
from tests.test_apart import die

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text, min_count: 1}
granularities:
  word: {length: 12, encoder: {kind: bag}}
train: {batch_size: 4}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    rows = "".join(f'{{"text": "Row {number} is here.", "label": "{"ab"[number % 2]}"}}\n' for number in range(40))
    (tmp_path / "train.jsonl").write_text(rows)
    (tmp_path / "job.yaml").write_text(JOB.replace("TRAIN", str(tmp_path / "train.jsonl")))
    return tmp_path / "job.yaml"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; return its exit code, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mgdist", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def mgdist(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mgdist", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_verb(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for verb in ("check", "submit"):
        assert re.search(rf"^  {verb} +\w", out, re.MULTILINE)
        assert "JOB" in run(verb, "--help")[1]


def test_without_a_verb_the_help_is_shown(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out == run("--help")[1]


def test_the_version_is_told(run: Run) -> None:
    assert run("--version") == (0, f"mgdist {__version__}\n", "")


def test_check_prints_the_plan_of_a_job(run: Run, job: Path) -> None:
    code, out, err = run("check", job, "--set", "model.width=8")
    assert (code, err) == (0, "")
    assert "small: text, classify by label" in out
    assert "240,000 parameters" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["chekc"], "no such command 'chekc'; did you mean 'check'? see mgdist --help"),
        (["check"], "missing argument 'JOB'; see mgdist --help"),
        (["check", "a", "b"], "got unexpected extra argument(s) (b); see mgdist --help"),
        (["check", "a", "--set"], "option '--set' requires an argument; see mgdist --help"),
        (["submit", "a", "--fresh=1"], "option '--fresh' does not take a value; see mgdist --help"),
        (["submit", "a", "--adress", "x"], "no such option: --adress (Possible options: --address, --fresh); see "
         "mgdist --help"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line(run: Run, arguments: list[str], line: str) -> None:
    assert run(*arguments) == (2, "", f"mgdist: {line}\n")


TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MgdistError)]


def test_every_error_of_the_tree_has_an_exit_code_of_its_own() -> None:
    own = [kind for kind in TREE if "exit_code" in vars(kind)]  # what is kept apart below one of them shares its code
    assert sorted(kind.exit_code for kind in own) == list(range(1, 10))


@pytest.mark.parametrize("kind", TREE, ids=[kind.__name__ for kind in TREE])
def test_an_error_is_one_line_each_and_its_exit_code(
    run: Run, job: Path, monkeypatch: pytest.MonkeyPatch, kind: type[MgdistError]
) -> None:
    def fail(_: object) -> NoReturn:
        raise kind("the first\nthe second")

    monkeypatch.setattr("mgdist.data.inspect.inspect", fail)
    code, _, err = run("check", job)
    assert (code, err) == (kind.exit_code, "mgdist: the first\nmgdist: the second\n")


def test_every_mistake_of_a_job_is_one_line(run: Run, job: Path) -> None:
    job.write_text(job.read_text() + "model: {widht: 3}\nseed: x\n")
    code, out, err = run("check", job)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"mgdist: {job}:9: model.widht: the job has no such field; did you mean width?",
        f"mgdist: {job}:10: seed: expected a whole number; got 'x'",
    ]


def test_a_bug_keeps_its_traceback(job: Path) -> None:
    program = "import mgdist.data.inspect as i, mgdist.cli as c\ndef fail(_): 1 / 0\ni.inspect = fail\nc.main()"
    ended = subprocess.run([sys.executable, "-c", program, "check", job], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("nonsense", "nonsense: expected the address of a cluster's head, such as 10.0.0.5:6379"),
        ("127.0.0.1:1", "127.0.0.1:1: cannot be reached: Connection refused; start a head there with "
         "`ray start --head`, or leave --address out for an embedded Ray"),
    ],
)  # fmt: skip
def test_a_wrong_address_of_a_cluster_is_one_line(run: Run, job: Path, address: str, line: str) -> None:
    code, _, err = run("submit", job, "--set", f"run.folder={job.parent / 'runs'}", "--address", address)
    assert (code, err) == (9, f"mgdist: {line}\n")


def test_ctrl_c_is_one_line_and_130(run: Run, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("mgdist.data.inspect.inspect", stop)
    code, _, err = run("check", job)
    assert (code, err) == (130, "mgdist: stopped; the same command goes on from here\n")


@pytest.mark.slow
@pytest.mark.parametrize("there", ["train", "train/metrics.jsonl", "search/metrics.jsonl"])
def test_ctrl_c_ends_a_whole_run_with_one_line_and_130(job: Path, there: str) -> None:
    folder = job.parent / "runs"
    command = [sys.executable, "-m", "mgdist", "submit", str(job), "--set", f"run.folder={folder}"]
    if there.startswith("search"):
        command += ["--set", "search={trials: 2, space: {train.lr: {loguniform: [0.001, 0.01]}}}"]
    # Where the tests run in the background of a shell they ignore Ctrl-C, and so would the programs that they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while not list(folder.glob(f"small/2*/{there}")):
        time.sleep(0.05)
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "mgdist: stopped; the same command goes on from here\n")


@pytest.mark.slow
def test_a_reading_that_is_killed_is_one_line(run: Run, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgdist.stages.prepare", die)
    code, _, err = run("submit", job, "--set", f"run.folder={job.parent / 'runs'}")
    said = "data: reading ended early: killed by signal 9: out of memory?; a smaller data.limit may help"
    assert (code, err) == (3, f"mgdist: {said}\n")


def test_a_reader_that_leaves_early_is_no_error(job: Path) -> None:
    command = f"{sys.executable} -m mgdist check {job} | true"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["--help", "check"])
def test_what_is_heavy_is_not_imported_before_it_is_needed(job: Path, verb: str) -> None:
    heavy = ("torch", "ray", "tensorflow", "litert_torch", "deepspeed", "sklearn", "datasets", "pyarrow", "pandas")
    program = f"""
import sys
from mgdist.cli import main
try:
    main()
finally:
    print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    command = [sys.executable, "-c", program, verb, *([str(job)] if verb == "check" else [])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "[]\n")
