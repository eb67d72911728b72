"""What the dashboards and the alerts ask Prometheus for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

MONITORING = Path(__file__).parents[2] / "infra" / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where something is asked, and what."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def asked() -> set[str]:
    """Return the names of all metrics that are asked for; a histogram by its own name."""
    found = {name for _, text in expressions() for name in re.findall(r"\b(?:ray|mgdist_edge)_\w+", text)}
    return {re.sub(r"_(bucket|count|sum)$", "", name) if name.startswith("mgdist_edge") else name for name in found}


def exported(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
