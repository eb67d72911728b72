"""The job file explained key by key, written from the specs themselves.

``python -m mgdist.report.reference docs/job.md`` brings the table between the marks of a file up to date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mgdist.job.spec import Job
from mgdist.job.strict import Spec
from mgdist.runs import write

BEGIN, END = "<!-- job file: begin -->", "<!-- job file: end -->"


def reference() -> str:
    """Return a Markdown table: path, what is expected, default, meaning."""
    rows = "\n".join(f"| `{path}` | {kind} | {default} | {text} |" for path, kind, default, text in _rows("", Job))
    return f"| key | expects | default | means |\n|---|---|---|---|\n{rows}\n"


def updated(text: str) -> str:
    """Return a text with the table between its marks brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}{END}{after}"


def _rows(path: str, spec: type[Spec]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in spec.model_fields.items():
        here = f"{path}{name}"
        inner = list(_specs(field.annotation))
        if name == "kind":
            continue
        yield here, _expected(field), _default(field), _cell(field.description or "")
        for part in inner:
            kinds = get_args(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()
            below = f"{here}.{'NAME.' if _is_mapping(field.annotation) else ''}"
            if kinds:
                yield f"{below}kind: {kinds[0]}", "", "", _first_line(part)
            yield from _rows(below, part)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _specs(annotation: Any) -> Iterator[type[Spec]]:
    """Yield the specs that a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from _specs(part)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or any(get_origin(part) is dict for part in get_args(annotation))


def _first_line(spec: type[Spec]) -> str:
    return (spec.__doc__ or "").strip().splitlines()[0].rstrip(".")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**required**"
    if isinstance(field.default, Spec):
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    shown = json.dumps(value) if value is None or isinstance(value, bool) else str(value).replace("'", "")
    return f"`{shown}`"


def _expected(field: FieldInfo) -> str:
    bounds = [_bound(part) for part in field.metadata]
    return ", ".join(filter(None, [_kind(field.annotation), *bounds]))


def _bound(constraint: Any) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(f"{sign} {getattr(constraint, name)}" for name, sign in signs.items() if hasattr(constraint, name))


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        kinds = dict.fromkeys(_kind(part) for part in parts)
        return " or ".join([*kinds, *(["null"] if len(parts) < len(get_args(annotation)) else [])])
    if get_origin(annotation) is tuple:
        return f"list of {_kind(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return "section"
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(annotation, "any value")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(target, updated(target.read_text()))
