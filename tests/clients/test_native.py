"""The programs in Kotlin and Swift in docs/clients.md: whether they can be parsed, and name what a bundle has."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from tree_sitter import Language, Parser

from mgdist_edge.image import ImageInput
from mgdist_edge.manifest import Level

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
PROGRAMS = dict(re.findall(r"```(kotlin|swift)\n(.*?)```", PAGE, re.DOTALL))


def test_there_is_a_program_in_each() -> None:
    assert set(PROGRAMS) == {"kotlin", "swift"}


@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_a_program_is_of_its_language(language: str) -> None:
    grammar = import_module(f"tree_sitter_{language}")
    parser = Parser(Language(grammar.language()))
    assert parser.parse(b"class {{").root_node.has_error
    found = parser.parse(PROGRAMS[language].encode()).root_node
    assert not found.has_error, wrong(found)


def wrong(node: object) -> list[str]:
    """Return the places that could not be parsed."""
    here = [f"{node.start_point}: {node.text}"] if node.is_error or node.is_missing else []  # type: ignore[attr-defined]
    return here + [line for child in node.children for line in wrong(child)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_a_program_reads_the_fields_that_a_manifest_has(language: str) -> None:
    known = {field for kind in (Level, ImageInput) for field in kind.__dataclass_fields__}
    for field in ("name", "input", "width", "mean", "std"):
        assert field in known
        assert re.search(rf"\b{field}\b", PROGRAMS[language])
