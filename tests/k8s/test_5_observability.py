"""The component for a cluster that watches: the same alerts and dashboards as in compose, over the same pods."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.k8s.manifests import COMPONENT, OURS, build_own, matches, workloads
from tests.observability.promql import DASHBOARDS, RULES

WITHOUT_SCHEMA = {"PodMonitor", "PrometheusRule", "Cluster"}
COLLECTOR_PORT = 4318


@pytest.fixture
def watched(overlay: str, tmp_path: Path) -> list[dict[str, Any]]:
    """What an overlay of an operator's own makes that takes the component along."""
    return build_own(tmp_path, overlay, ["observability"])


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def test_kubernetes_takes_it_all(watched: list[dict[str, Any]]) -> None:
    for each in watched:
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "mercadito"
        if each["kind"] not in WITHOUT_SCHEMA:
            kubernetes_validate.validate(each, "1.34", strict=True)


def test_alerts_are_those_of_compose(watched: list[dict[str, Any]]) -> None:
    (rule,) = of_kind(watched, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


def test_dashboards_are_those_of_compose_and_found_by_grafana(watched: list[dict[str, Any]]) -> None:
    (made,) = [each for each in of_kind(watched, "ConfigMap") if each["metadata"]["name"].startswith("dashboards")]
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: json.loads(text) for name, text in made["data"].items()} == {
        file.name: json.loads(file.read_text()) for file in DASHBOARDS
    }


def test_every_pod_that_tells_figures_is_scraped_where_it_tells_them(
    overlay: str, watched: list[dict[str, Any]]
) -> None:
    scraped = {}
    for monitor in of_kind(watched, "PodMonitor"):
        assert monitor["spec"]["jobLabel"] == COMPONENT
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        for each in workloads(overlay):
            if matches(monitor["spec"]["selector"], each.template["metadata"]["labels"]):
                ports = {port["name"]: port["containerPort"] for port in each.main["ports"]}
                scraped[each.name] = ports[endpoint["port"]]
    assert scraped == dict.fromkeys(OURS, 8000) | {"gateway": 8081}


def test_spans_may_leave_for_the_collector_and_nowhere_else(watched: list[dict[str, Any]]) -> None:
    (policy,) = [each for each in of_kind(watched, "NetworkPolicy") if each["metadata"]["name"] == "spans-to-collector"]
    (rule,) = policy["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [COLLECTOR_PORT]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    traced = {
        each["spec"]["template"]["metadata"]["labels"][COMPONENT]
        for each in of_kind(watched, "Deployment")
        for container in each["spec"]["template"]["spec"]["containers"]
        if "OTEL_EXPORTER_OTLP_ENDPOINT" in {variable["name"] for variable in container.get("env", [])}
    }
    labels = [{COMPONENT: name} for name in traced]
    assert traced == {"gateway", "orders-web", "orders-worker", "realtime", "notify"}
    assert all(matches(policy["spec"]["podSelector"], each) for each in labels)
