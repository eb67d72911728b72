import subprocess
import sys
from pathlib import Path

import pytest

from mgdist.data.inspect import inspect
from mgdist.errors import DataError
from mgdist.job.spec import Job
from tests.data.rows import animals, files, job, write_jsonl


def test_a_good_source_is_passed_in_silence(tmp_path: Path) -> None:
    inspect(files(write_jsonl(tmp_path / "train.jsonl", animals(4))))
    inspect(job({"kind": "docstrings", "packages": ["networkx", "sympy"]}, task__label="library"))


def test_what_lies_elsewhere_is_not_asked_for() -> None:
    inspect(files("s3://somewhere/train.parquet"))
    inspect(job({"kind": "huggingface", "name": "ag_news"}))


DOCSTRINGS = {"kind": "docstrings", "packages": ["networkx", "sympyy"]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (files("none.csv"), "data.source.train: none.csv: no such file or folder"),
        (job(DOCSTRINGS, task__label="library"), "data.source.packages: 'sympyy' is not installed"),
        (job(DOCSTRINGS), "task.label: docstrings has no column 'label'"),
        (job({"kind": "huggingface", "name": "./none"}), "data.source.name: ./none: no such folder; check the path"),
    ],
    ids=["file", "package", "label", "folder"],
)
def test_a_source_that_is_not_there_is_found(asked: Job, said: str) -> None:
    with pytest.raises(DataError) as caught:
        inspect(asked)
    assert str(caught.value).startswith(said)


def test_a_missing_column_is_found_in_every_split(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(4))
    test = write_jsonl(tmp_path / "test.jsonl", [{"text": "a", "lable": "b"}])
    with pytest.raises(DataError, match=r"test\.jsonl:1 has no column 'label'; did you mean lable\?"):
        inspect(files(train, test=test))


def test_looking_needs_neither_torch_nor_numpy_nor_the_libraries_of_other_sources(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(4))
    code = (
        "import sys; from tests.data.rows import files; from mgdist.data.inspect import inspect; "
        f"inspect(files({str(train)!r})); "
        "print(*{'torch', 'numpy', 'pyarrow', 'datasets', 'tokenizers', 'sklearn', 'ray'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
