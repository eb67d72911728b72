from pathlib import Path

import pytest

from mgdist.data.sources import docstrings as module
from mgdist.data.sources.docstrings import docstrings, root_of, versions_of
from mgdist.data.sources.examples import Given
from mgdist.data.sources.read import read
from mgdist.errors import DataError
from tests.data.rows import job

SOURCE = '''
"""Of the module, long enough."""

def outer():
    """Of a function,
       long enough.

        Indented.
    """
    class Inner:
        """Of a class inside, long enough."""
    return Inner

if True:
    async def late():
        r"""Of a \\d function under a condition, long enough."""
else:
    text = """Not a docstring, though it is long enough."""

def short():
    """Short."""
'''


def test_docstrings_are_found_at_any_depth_in_order_and_without_indentation() -> None:
    assert list(docstrings(SOURCE, 20)) == [
        "Of the module, long enough.",
        "Of a function,\nlong enough.\n\n Indented.",
        "Of a class inside, long enough.",
        "Of a \\d function under a condition, long enough.",
    ]


@pytest.mark.parametrize("source", ["def f(:\n  '''" + "x" * 400 + "'''", "'''\0" + "x" * 400 + "'''", ""])
def test_a_file_that_is_not_python_has_none(source: str) -> None:
    assert list(docstrings(source, 300)) == []


def packages(cache: Path, **changes: object) -> Given:
    source = {"kind": "docstrings", "packages": ["networkx", "fsspec"]}
    return read(job(source, data__cache=str(cache), **{"task__label": "library", **changes}))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_documents_are_docstrings_labelled_by_library(cache: Path) -> None:
    found = packages(cache).train
    labels, texts = found.targets["answer"], found.raws["input"]
    assert set(labels) == {"networkx", "fsspec"}
    assert labels.count("networkx") > 1000
    assert labels.count("fsspec") > 50
    assert min(map(len, texts)) >= 300
    assert len(set(texts)) == len(texts)
    assert any(text.startswith("Returns the PageRank of the nodes in the graph.") for text in texts)


def test_the_other_label_is_the_subpackage_and_the_library_itself_for_its_own_modules(cache: Path) -> None:
    labels = set(packages(cache, task__label="subpackage").train.targets["answer"])
    assert {"networkx.algorithms", "networkx.generators", "fsspec.implementations", "fsspec"} <= labels
    assert not any("tests" in label for label in labels)


def test_what_was_read_is_taken_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = packages(cache)
    monkeypatch.setattr(module, "_collected", lambda _: pytest.fail("read again"))
    assert packages(cache) == first


def test_another_length_is_another_entry_of_the_cache(cache: Path) -> None:
    longer = packages(
        cache, data__source={"kind": "docstrings", "packages": ["fsspec", "aiohttp"], "min_characters": 900}
    )
    assert min(map(len, longer.train.raws["input"])) >= 900
    assert len(list(cache.glob("*.json"))) == 2


def test_a_damaged_cache_is_read_anew(tmp_path: Path) -> None:
    source = {"kind": "docstrings", "packages": ["fsspec", "aiohttp"]}
    first = packages(tmp_path, data__source=source)
    (entry,) = tmp_path.glob("*.json")
    entry.write_text('[["cut off')
    assert packages(tmp_path, data__source=source) == first
    assert len(first.train) > 50


def test_without_a_writable_cache_they_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    source = {"kind": "docstrings", "packages": ["fsspec", "aiohttp"]}
    assert len(packages(tmp_path / "cache", data__source=source).train) > 50


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "netwrokx",
            "'netwrokx' is not installed; expected import names of installed packages, such as numpy; "
            "install it, or take it off the list",
        ),
        ("this", "'this' is a single module; expected import names of installed packages"),
        ("numpy.linalg", "'numpy.linalg' is not installed"),
    ],
)
def test_a_package_that_is_not_there_is_named(name: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        root_of(name)
    assert str(caught.value).startswith(f"data.source.packages: {said}")


def test_packages_are_known_by_the_version_of_their_distribution() -> None:
    found = versions_of(["sklearn"])["sklearn"]
    assert found.startswith("scikit-learn 1.")


def test_columns_are_text_library_and_subpackage(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"task\.label: docstrings has no column 'label'; it has text, library, sub"):
        packages(tmp_path, task__label="label")
