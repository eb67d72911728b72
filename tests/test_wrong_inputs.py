# ruff: noqa: E501 - a line of the table is the line that people see
"""What people get wrong, as they see it: the input, the exit code, the exact first line."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mgdist import cli
from mgdist.data.prepare import prepare
from mgdist.errors import MgdistError
from mgdist.job.load import load

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: data.jsonl}
  input: {kind: text, columns: text, min_count: 1}
granularities:
  word: {length: 12, encoder: {kind: conv, kernel: 3}}
model: {width: 8}
train: {batch_size: 4}
run: {folder: runs}
"""
ROW = '{{"text": "Row {} is here.", "label": "{}"}}\n'
ROWS = "".join(ROW.format(number, "ab"[number % 2]) for number in range(40))


def nothing(_: Path) -> None:
    """Change no file."""


def data(content: str | bytes, name: str = "data.jsonl") -> Callable[[Path], None]:
    """Put other data in the place of the good ones."""
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())  # type: ignore[func-returns-value,return-value]


def job(old: str, new: str) -> Callable[[Path], None]:
    """Write the job with a text replaced."""
    assert JOB.count(old) == 1, old
    return lambda folder: (folder / "job.yaml").write_text(JOB.replace(old, new))  # type: ignore[func-returns-value,return-value]


def parquet(damage: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Write a Parquet file, as an interrupted download or a wrong tool leaves it."""

    def write(folder: Path) -> None:
        import pyarrow as pa
        from pyarrow.parquet import write_table

        write_table(pa.table({"text": ["a row"] * 50, "label": ["a", "b"] * 25}), folder / "data.parquet")
        raw = (folder / "data.parquet").read_bytes()
        (folder / "data.parquet").write_bytes(damage(raw))

    return write


@dataclass(frozen=True)
class Wrong:
    """One wrong input.

    Attributes:
        verb: of mgdist; the further arguments follow it. ``prepare`` is the stage of ``submit`` that reads the data,
            called by itself: the whole command would start Ray meanwhile.
        change: what is wrong in the folder, where ``job.yaml`` and ``data.jsonl`` are good.
        code: exit code.
        line: the first one on the error stream, without the program's name.
    """

    verb: tuple[str, ...]
    change: Callable[[Path], None]
    code: int
    line: str


CHECK, SUBMIT, PREPARE = (("check", "job.yaml"), ("submit", "job.yaml"), ("prepare", "job.yaml"))
PARQUET = ("--set", "data.source.train=data.parquet")
CSV = ("--set", "data.source.train=data.csv")
MEND = "mend the record, or set data.on_bad_record: skip"
TABLE = [
    # The job file, and what is laid over it.
    Wrong(("check", "jobb.yaml"), nothing, 2, "jobb.yaml: cannot be read: No such file or directory; name a job file, "
          "such as jobs/doc_cls.yaml"),
    Wrong(("check", "."), nothing, 2, ".: cannot be read: Is a directory; name a job file, such as jobs/doc_cls.yaml"),
    Wrong(CHECK, job("name: small", "\tname: small"), 2, "job.yaml:1: not YAML: found character '\\t' that cannot start "
          "any token"),
    Wrong(CHECK, job("name: small", "name: Größe"), 2, "job.yaml:1: name: expected letters, digits, - and _ only; got "
          "'Größe'"),
    Wrong(CHECK, job("kind: conv", "kind: cnov"), 2, "job.yaml:7: granularities.word.encoder: expected kind: none, bag, "
          "mlp, conv, rnn, gru, lstm, transformer, pretrained; got 'cnov'; did you mean conv?"),
    Wrong(CHECK, job("width: 8", "width: 8, fusoin: gated"), 2, "job.yaml:8: model.fusoin: the job has no such field; "
          "did you mean fusion?"),
    Wrong((*CHECK, "--set", "train.epochs=0"), nothing, 2, "--set train.epochs=0: train.epochs: expected greater than or "
          "equal to 1; got 0"),
    Wrong((*CHECK, "--set", "train.lr=.inf"), nothing, 2, "--set train.lr=.inf: train.lr: expected a finite number; got "
          "inf"),
    # The device.
    Wrong((*CHECK, "--set", "device.max_size=2 megabytes"), nothing, 2, "--set device.max_size=2 megabytes: "
          "device.max_size: expected a number and a unit of B, kB, MB, GB, KiB, MiB, GiB, such as '2 MB'; got "
          "'2 megabytes'"),
    Wrong((*CHECK, "--set", "device.max_latency=20 m"), nothing, 2, "--set device.max_latency=20 m: device.max_latency: expected a number and a unit of us, ms, s, min, such as '20 ms'; got '20 m'"),
    Wrong((*CHECK, "--set", "device.max_latency=-1 ms"), nothing, 2, "--set device.max_latency=-1 ms: device.max_latency: expected a number and a unit of us, ms, s, min, such as '20 ms'; got '-1 ms'"),
    Wrong((*CHECK, "--set", "device.max_size=100 B"), nothing, 2, 'job.yaml: device.max_size: the weights alone take 0.23 kB as int4; got a limit of 0.10 kB; make model.width or model.embedding.ngrams.buckets smaller, or the limit larger'),
    # What the source is.
    Wrong(CHECK, lambda folder: (folder / "data.jsonl").unlink(), 3, "data.source.train: data.jsonl: no such file or "
          "folder; check the path, which starts where mgdist is called"),
    Wrong((*CHECK, "--set", "data.source.train='*.csv'"), nothing, 3, "data.source.train: *.csv: no file matches; check "
          "the pattern"),
    Wrong((*CHECK, "--set", "data.source.train=job.yaml"), nothing, 3, "data.source.train: job.yaml: expected files that "
          "end in .parquet, .csv, .jsonl or .npz; got job.yaml"),
    Wrong((*PREPARE, "--set", "data.source.train=s4://bucket/a.csv"), nothing, 3, 'data.source.train: s4://bucket/a.csv: Protocol not known: s4'),
    Wrong((*CHECK, "--set", "data.source={kind: docstrings, packages: [numpy, nunpy]}", "--set", "task.label=library"), nothing,
          3, "data.source.packages: 'nunpy' is not installed; expected import names of installed packages, such as numpy; install it, or take it off the list"),
    Wrong((*CHECK, "--set", "data.source={kind: huggingface, name: ./none}"), nothing, 3, "data.source.name: ./none: no "
          "such folder; check the path"),
    # How it is written.
    Wrong(CHECK, data(""), 3, "data.jsonl: expected rows; the file is empty"),
    Wrong(PREPARE, data("text,label\na,b\n"), 3, 'data.jsonl:1: not JSON: Expecting value; mend the record, or set data.on_bad_record: skip'),
    Wrong(PREPARE, data(ROWS + '{"text": "half a li'), 3, 'data.jsonl:41: not JSON: Unterminated string starting at; mend the record, or set data.on_bad_record: skip'),
    Wrong(PREPARE, data(ROWS.encode() + b'{"text": "caf\xe9", "label": "a"}\n'), 3, f"data.jsonl:41: text: character 4 is "
          f"not UTF-8; save the file as UTF-8; {MEND}"),
    Wrong(CHECK, data(ROWS.encode("utf-16")), 3, "data.jsonl: expected UTF-8; it is UTF-16; save the file as UTF-8"),
    Wrong(CHECK, data(b"[" + b" " * 2**24 + b"]"), 3, "data.jsonl:1: expected lines of at most 16,777,216 bytes; this "
          "one is longer"),
    Wrong((*PREPARE, *CSV), data('text,label\n"a row,b\n', "data.csv"), 3, 'data.csv:2: not CSV: unexpected end of data; mend the record, or set data.on_bad_record: skip'),
    Wrong((*PREPARE, *CSV), data("text,label\na,b,c\n", "data.csv"), 3, f"data.csv:2: expected 2 fields, as in the first "
          f"line; got 3; {MEND}"),
    Wrong((*CHECK, *PARQUET), parquet(lambda raw: raw[: len(raw) // 2]), 3, "data.parquet: not a whole Parquet file, "
          "perhaps an interrupted download; fetch it again"),
    Wrong((*CHECK, *PARQUET), parquet(lambda raw: b""), 3, 'data.parquet: not a whole Parquet file, perhaps an interrupted download; fetch it again'),
    # Columns, texts and labels.
    Wrong((*CHECK, "--set", "data.input.columns=txt"), nothing, 3, "data.input.columns: data.jsonl:1 has no column 'txt'; "
          "did you mean text? it has text, label"),
    Wrong((*CHECK, "--set", "task.label=class"), nothing, 3, "task.label: data.jsonl:1 has no column 'class'; it has "
          "text, label"),
    Wrong(PREPARE, data(ROWS + '{"text": null, "label": "a"}\n'), 3, f"data.jsonl:41: text: empty; {MEND}"),
    Wrong(PREPARE, data(ROWS + '{"text": "a", "label": NaN}\n'), 3, f"data.jsonl:41: label: empty (NaN); {MEND}"),
    Wrong(PREPARE, data(ROWS + '{"text": 5, "label": "a"}\n'), 3, f"data.jsonl:41: text: expected text; got int 5; {MEND}"),
    Wrong(PREPARE, data(ROWS + '{"text": "a", "label": 0.5}\n'), 3, f"data.jsonl:41: label: expected text or a whole "
          f"number; got float 0.5; {MEND}"),
    Wrong(PREPARE, data(ROWS + '{"text": "a", "label": "a\\nb"}\n' * 3), 3, "data.jsonl:41: label: expected one line; got 'a\\nb'; mend the record, or set data.on_bad_record: skip"),
    Wrong(PREPARE, data(ROWS.replace('"b"', '"a"')), 3, "task.label: expected at least two classes; all rows are 'a'; "
          "choose another column"),
    Wrong(PREPARE, data(ROWS + ROW.format(41, "c")), 3, "task.label: 'c' has 1 example; expected at least 3 to train on and to hold out; add some, remove the label, or set data.on_bad_record: skip"),
    Wrong((*PREPARE, "--set", "train.batch_size=64"), nothing, 3, "train.batch_size: 64 examples are more than the 32 "
          "rows to train on; make it at most 32"),
    # Several inputs and heads.
    Wrong((*CHECK, "--set", "task={kind: clasify, label: label}"), nothing, 2, "--set task={kind: clasify, label: label}: task: expected kind: classify, ordinal, multi_label, regress, forecast, tag, several; got 'clasify'; did you mean classify?"),
    Wrong((*CHECK, "--set", "train.metric=r2"), nothing, 2, "--set train.metric=r2: train.metric: expected loss or one that the task has: accuracy, macro_f1, auc; got r2"),
    Wrong((*CHECK, "--set", "data.inputs={a: {kind: text}, b: {kind: text}}", "--set", "data.input=null"), nothing, 2, "job.yaml:7: granularities.word: expected the input in front, one of a.NAME, b.NAME\nmgdist: job.yaml:6: granularities: expected at least one of input a; got none\nmgdist: job.yaml:6: granularities: expected at least one of input b; got none"),
    Wrong(CHECK, job("  input: {kind: text, columns: text, min_count: 1}\n", ""), 2, "job.yaml:3: data.input: expected a value; it is missing"),
    Wrong((*CHECK, "--set", "task={kind: regress, targets: [price]}"), nothing, 3, "task.targets: data.jsonl:1 has no column 'price'; it has text, label"),
    Wrong((*PREPARE, "--set", "task={kind: regress, targets: [label]}"), nothing, 3, f"data.jsonl:1: label: expected a number; got 'a'; {MEND}"),
    Wrong((*PREPARE, "--set", "task={kind: ordinal, label: label, order: [a, c, d]}"), nothing, 3, "task.order: expected every label of the training rows; 'b' is not in it"),
    Wrong((*PREPARE, "--set", "task={kind: multi_label, label: label, labels: [a, z]}"), nothing, 3, "task.labels: no training row has 'z'; remove it, or give rows with it"),
    # Where results go, and where Ray is.
    Wrong((*SUBMIT, "--set", "run.folder=data.jsonl"), nothing, 8, 'data.jsonl/small: expected a folder, found a file; set run.folder to another one'),
    Wrong((*SUBMIT, "--set", "run.folder=/proc/runs"), nothing, 8, '/proc/runs: No such file or directory; see to it, then submit again: finished stages are kept'),
    Wrong((*SUBMIT, "--address", "localhost"), nothing, 9, "localhost: expected the address of a cluster's head, such as "
          "10.0.0.5:6379"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good job and good data, in which mgdist is called."""
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "data.jsonl").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_has_at_least_thirty_rows() -> None:
    assert len(TABLE) >= 30


@pytest.mark.parametrize("wrong", TABLE, ids=[f"{place}-{wrong.line[:40]}" for place, wrong in enumerate(TABLE)])
def test_a_wrong_input_is_one_line_that_says_what_to_do(
    folder: Path, wrong: Wrong, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong.change(folder)
    if wrong.verb[0] == "prepare":
        with pytest.raises(MgdistError) as raised:
            prepare(load(wrong.verb[1], wrong.verb[3::2]), folder / "data")
        assert (str(raised.value), raised.value.exit_code) == (wrong.line, wrong.code)
        return
    monkeypatch.setattr(sys, "argv", ["mgdist", *wrong.verb])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert capsys.readouterr().err == f"mgdist: {wrong.line}\n"
    assert ended.value.code == wrong.code


@pytest.mark.parametrize(
    "wrong", [wrong for wrong in TABLE if wrong.verb[0] == "check"][::8], ids=lambda wrong: wrong.line[:40]
)
def test_the_real_command_says_the_same(folder: Path, wrong: Wrong) -> None:
    wrong.change(folder)
    ended = subprocess.run([sys.executable, "-m", "mgdist", *wrong.verb], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (wrong.code, f"mgdist: {wrong.line}\n")
