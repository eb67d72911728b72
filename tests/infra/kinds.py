"""Kubernetes' own schemas, as strict as its API server with strict validation: of its client's models, and of CRDs."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from kubernetes.client import models

ROOT = Path(__file__).parents[2]
CRDS = ROOT.parent / "shared" / "schemas" / "kuberay"
"""KubeRay's custom resource definitions; they are no part of this project, and may lie beside it."""
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "date": str, "datetime": str}


def documents(text: str) -> list[dict[str, Any]]:
    """Return the documents of a file, or the entries of a list of patches; no key may come twice."""
    found = list(yaml.load_all(text, Loader=_Unique))
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


class _Unique(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]  # before what << brings is laid under them
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"line {node.start_mark.line + 1}: {', '.join(map(str, twice))} comes twice")
        return super().construct_mapping(node, deep)


def wrong(value: Any, kind: str, where: str = "") -> Iterator[str]:
    """Yield what does not belong in a value of a kind, such as ``V1PodTemplateSpec``, with its path."""
    if listed := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(value, list):
            yield f"{where}: expected a list; got {value!r}"
            return
        for place, each in enumerate(value):
            yield from wrong(each, listed[1], f"{where}[{place}]")
    elif mapped := re.fullmatch(r"dict\(str, (.+)\)", kind):
        if not isinstance(value, dict):
            yield f"{where}: expected a mapping; got {value!r}"
            return
        for key, each in value.items():
            yield from wrong(each, mapped[1], f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):  # type: ignore[arg-type]
            yield f"{where}: expected {kind}; got {value!r}"
    else:
        yield from _wrong_model(value, getattr(models, kind), where)


def _wrong_model(value: Any, model: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: expected a {model.__name__}; got {value!r}"
        return
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    for name in value.keys() - names.keys():
        yield f"{where}.{name}: there is no such field"
    known = {names[name]: each for name, each in value.items() if name in names}
    for attribute, each in known.items():
        yield from wrong(each, model.openapi_types[attribute], f"{where}.{model.attribute_map[attribute]}")
    try:
        model(**known)
    except ValueError as error:  # a field that must be there, or a value that is none of those that may be
        yield f"{where}: {error}"


@cache
def definition(kind: str) -> Draft202012Validator:
    """Return what checks a custom resource of ``ray.io/v1``, in which nothing unknown may stand."""
    text = (CRDS / f"ray.io_{kind.lower()}s.yaml").read_text()
    found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (schema,) = [each["schema"]["openAPIV3Schema"] for each in found["spec"]["versions"] if each["name"] == "v1"]
    schema["properties"]["metadata"] = {"type": "object"}  # of Kubernetes itself: checked as V1ObjectMeta
    return Draft202012Validator(strict(schema))


def strict(schema: Any) -> Any:
    """Return a schema that refuses what it does not know, unless it says otherwise."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(each) for name, each in schema.items()}
    if "properties" in found and not found.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def wrong_custom(document: dict[str, Any]) -> list[str]:
    """Return what does not belong in a custom resource, with its path."""
    errors = definition(document["kind"]).iter_errors(json.loads(json.dumps(document)))
    return [f"{error.json_path}: {error.message:.200}" for error in errors]
