"""The service described: an OpenAPI document of what this very bundle reads and answers."""

from collections.abc import Mapping
from typing import Any, assert_never

from mgdist_edge import __version__
from mgdist_edge.bundle import Bundle
from mgdist_edge.inputs import Input
from mgdist_edge.raws import Raw, raw_json
from mgdist_edge.table import TableInput
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task
from mgdist_edge.text import TextInput

_LONGEST = 300
"""Characters of an example."""
_NUMBER, _TEXT = {"type": "number"}, {"type": "string"}
_NUMBERS = {"type": "object", "additionalProperties": _NUMBER}
_REFUSALS = {
    400: "The body is no JSON, or not what the bundle reads.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    503: "Too many requests; ask again later.",
}


def document(bundle: Bundle) -> dict[str, Any]:
    """Return the service's description in OpenAPI 3.1."""
    manifest = bundle.manifest
    tasks = {name: _answer(task) for name, task in manifest.tasks.items()}
    answer = next(iter(tasks.values())) if len(tasks) == 1 else _object(tasks)
    answer["properties"]["milliseconds"] = _NUMBER
    if manifest.exit is not None:
        told = "Units of the finest level after which reading stopped, being sure; missing where all was read."
        answer["properties"]["stopped_after"] = {"type": "integer", "minimum": 1, "description": told}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{manifest.name} on mgdist-edge",
            "version": f"{manifest.created}",
            "description": f"Answers by the bundle {bundle.sha256}, mgdist-edge {__version__}.",
        },
        "paths": {
            "/predict": {"post": _predict(bundle, answer)},
            "/healthz": {"get": _plain("Whether it answers, and with which bundle.", "application/json")},
            "/metrics": {"get": _plain("Counts for Prometheus.", "text/plain")},
            "/openapi.json": {"get": _plain("This document.", "application/json")},
        },
        "components": {
            "schemas": {
                "Example": _example_schema(manifest.inputs),
                "Answer": answer,
                "Refusal": _object({"error": _TEXT}),
            }
        },
    }


def example(bundle: Bundle) -> object:
    """Return the body of a request that this bundle answers: a golden example, a text cut short."""
    raws = {name: _shown(raw) for name, raw in bundle.golden.examples[0].raws.items()}
    if len(raws) > 1:
        return raws
    ((name, raw),) = raws.items()
    return {bundle.manifest.inputs[name].kind: raw}


def _predict(bundle: Bundle, answer: Mapping[str, Any]) -> dict[str, Any]:
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        "operationId": "predict",
        "summary": "Answer for one example.",
        "parameters": [
            {
                "name": "top",
                "in": "query",
                "description": "Show the most probable labels only, so many.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 1024},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Example"},
                    "example": example(bundle),
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
            },
            **{str(status): {"description": told, "content": refusal} for status, told in _REFUSALS.items()},
        },
    }


def _plain(told: str, kind: str) -> dict[str, Any]:
    return {"summary": told, "responses": {"200": {"description": told, "content": {kind: {}}}}}


def _example_schema(inputs: Mapping[str, Input]) -> dict[str, Any]:
    several = len(inputs) > 1
    found = {name if several else fitted.kind: _input_schema(fitted) for name, fitted in inputs.items()}
    return _object(found)


def _input_schema(fitted: Input) -> dict[str, Any]:
    match fitted:
        case TextInput():
            return {**_TEXT, "description": "The text."}
        case TableInput():
            return {"type": "object", "description": "One value a column."}
        case _:
            told = "Numbers in nested lists, or {array: {dtype, shape, base64}} with the bytes of an array."
            return {"type": ["array", "object"], "description": f"{fitted.kind}: {told}"}


def _answer(task: Task) -> dict[str, Any]:
    properties: dict[str, Any]
    match task:
        case Classify(labels) | Ordinal(labels):
            names = {"type": "string", "enum": list(labels)} if len(labels) <= 100 else _TEXT
            properties = {"label": names, "probability": _NUMBER, "probabilities": _NUMBERS}
        case MultiLabel():
            properties = {"labels": {"type": "array", "items": _TEXT}, "probabilities": _NUMBERS}
        case Regress():
            properties = {"values": _NUMBERS}
        case Forecast():
            series = {"type": "object", "additionalProperties": {"type": "array", "items": _NUMBER}}
            properties = {"forecast": series}
        case Tag():
            listed = {"type": "array", "items": _TEXT}
            properties = {"labels": listed, "runs": {"type": "array", "items": {"type": "object"}}}
        case _ as never:
            assert_never(never)
    return _object(properties)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _shown(raw: Raw) -> object:
    return raw[:_LONGEST] if isinstance(raw, str) else raw_json(raw)
