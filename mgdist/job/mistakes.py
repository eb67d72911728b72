"""Pydantic's findings as dotted paths and sentences for people."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mgdist.job.spec import Job
from mgdist.job.strict import Spec


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a job: the dotted path at fault, and what to do."""

    path: str
    message: str


def mistakes_of(error: ValidationError, document: Any, asked: type[Spec] = Job) -> list[Mistake]:
    """Return all that pydantic found in ``document``, with the user's own paths."""
    found = [_mistake(details, document, asked) for details in error.errors(include_url=False)]
    # Where one of several types is meant, what is wrong inside of it says more than that it is not the other one.
    return [each for each in found if not any(other.path.startswith(f"{each.path}.") for other in found)]


def _mistake(details: ErrorDetails, document: Any, asked: type[Spec]) -> Mistake:
    path = own_path(details["loc"], document, whole=details["type"] == "value_error")
    return Mistake(".".join(map(str, path)), _sentence(details, path, document, asked))


def own_path(loc: Sequence[int | str], document: Any, *, whole: bool = False) -> tuple[int | str, ...]:
    """Drop from a pydantic location the names of union members, which the user never wrote.

    Args:
        loc: the location.
        document: that it is in.
        whole: a mapping as a whole is meant, so that its own name may be the last one.
    """
    path: list[int | str] = []
    node = document
    for index, name in enumerate(loc):
        last = index == len(loc) - 1 and not whole
        if isinstance(node, dict) and name not in node and node.get("kind") == name and not last:
            continue
        if isinstance(name, str) and (name.startswith("function-") or name.endswith("]")):
            continue
        path.append(name)
        node = _inside(node, name)
    return tuple(path)


def _inside(node: Any, name: int | str) -> Any:
    if isinstance(node, dict):
        return node.get(name)
    return node[name] if isinstance(node, list) and isinstance(name, int) and name < len(node) else node


def _sentence(details: ErrorDetails, path: Sequence[int | str], document: Any, asked: type[Spec]) -> str:
    got = _shown(details["input"])
    match details["type"]:
        case "extra_forbidden":
            return _unknown(str(path[-1]), fields_at(path[:-1], document, asked))
        case "missing":
            return "expected a value; it is missing"
        case "union_tag_invalid":
            allowed = details["ctx"]["expected_tags"].replace("'", "")
            tag = str(details["ctx"]["tag"])
            return f"expected kind: {allowed}; got {tag!r}{_meant(tag, allowed.split(', '))}"
        case "union_tag_not_found":
            return "expected a mapping with a kind; it has none"
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected a mapping; got {got}"
        case "literal_error":
            allowed = details["ctx"]["expected"].replace("'", "")
            return f"expected {allowed}; got {got}{_meant(got, allowed.replace(' or ', ', ').split(', '))}"
        case "too_short" | "too_long":
            side, bound = ("least", "min_length") if details["type"] == "too_short" else ("most", "max_length")
            return f"expected at {side} {details['ctx'][bound]}; got {details['ctx']['actual_length']}"
        case "string_pattern_mismatch":
            return f"expected letters, digits, - and _ only; got {got}"
        case "float_type" | "float_parsing":
            return f"expected a number; got {got}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"expected a whole number; got {got}"
        case "finite_number":
            return f"expected a finite number; got {got}"
        case _:
            message = details["msg"].replace("Input should be", "expected").replace("Input should", "expected to")
            return f"{message.replace(' a valid ', ' a ')}; got {got}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(name: str, fields: Sequence[str]) -> str:
    known = "" if not fields else f"; it has {', '.join(fields)}"
    return f"the job has no such field{_meant(name, fields) or known}"


def _meant(name: str, among: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.strip("'"), among, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


@cache
def _schema(asked: type[Spec]) -> dict[str, Any]:
    return asked.model_json_schema()


def fields_at(path: Sequence[int | str], document: Any, asked: type[Spec] = Job) -> list[str]:
    """Return the names of the fields that a job has at a path; the kinds are read from the document."""
    schema, node = _schema(asked), document
    for name in path:
        schema = _step(_resolved(schema, node, asked), name)
        node = node.get(name) if isinstance(node, dict) else None
    return list(_resolved(schema, node, asked).get("properties", {}))


def _step(schema: dict[str, Any], name: int | str) -> dict[str, Any]:
    inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties") or schema.get("items")
    return inner if isinstance(inner, dict) else {}


def _resolved(schema: dict[str, Any], node: Any, asked: type[Spec]) -> dict[str, Any]:
    while True:
        if "$ref" in schema:
            schema = _schema(asked)["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        elif "discriminator" in schema:
            kind = node.get("kind") if isinstance(node, dict) else None
            target = schema["discriminator"]["mapping"].get(kind)
            schema = {"$ref": target} if target else {}
        elif "anyOf" in schema:
            schema = next((s for s in schema["anyOf"] if s.get("type") != "null"), {})
        else:
            return schema
