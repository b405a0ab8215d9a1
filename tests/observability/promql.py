"""The queries of alerts and dashboards, and what they ask for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.driver.system import ROOT

FOLDER = ROOT / "compose" / "observability"
PROMETHEUS = FOLDER / "prometheus"
RULES = PROMETHEUS / "alerts.yml"
RULE_TESTS = PROMETHEUS / "alerts.test.yml"
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))

_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_SELECTOR = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(?!\s*\()(\{[^}]*\})?")
_WORDS = {"and", "or", "unless", "bool", "offset", "Inf", "NaN"}


def alerts() -> list[dict[str, Any]]:
    """Return every alert."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every dashboard by its file's name."""
    return {file.name: json.loads(file.read_text()) for file in DASHBOARDS}


def queries() -> Iterator[tuple[str, str]]:
    """Return every query with where it stands."""
    for alert in alerts():
        yield f"alert {alert['alert']}", alert["expr"]
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def selectors(query: str) -> set[str]:
    """Return what a query reads: names of metrics, each with its matchers."""
    texts: list[str] = []

    def keep(found: re.Match[str]) -> str:
        texts.append(found.group())
        return f"§{len(texts) - 1}§"

    plain = _RANGE.sub("", _GROUPING.sub("", _STRINGS.sub(keep, query)))
    read = set()
    for name, matchers in _SELECTOR.findall(plain):
        if name not in _WORDS:
            read.add(re.sub(r"§(\d+)§", lambda at: texts[int(at.group(1))], name + matchers))
    return read
