"""The component for a cluster that watches: the same alerts and dashboards as in compose, over the same pods."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.driver.system import ROOT
from tests.k8s.manifests import COMPONENT, OURS, build_own, matches, workloads
from tests.k8s.test_1_builds import README
from tests.observability.promql import DASHBOARDS, RULES, selectors

WITHOUT_SCHEMA = {"PodMonitor", "PrometheusRule", "Cluster"}
COLLECTOR_PORT = 4318
# There it is one process that tells of its backups; here it is CronJobs, one whose copy failed has failed.
# No process of ours tells of copies there, and Alertmanager is the cluster's, not ours.
NOT_HERE = {"CopyLate", "AlertsNotMailed"}
OTHERWISE = {"ServiceDown", "BackupLate", "DrillLate"}
# The scraper's own figure, and kube-state-metrics'.
BY_THE_CLUSTER = {
    *("up", "kube_deployment_status_replicas_available"),
    *("kube_cronjob_created", "kube_cronjob_status_last_successful_time"),
}
RULE_TESTS = ROOT / "tests/k8s/alerts.test.yml"


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


def alerts(groups: dict[str, Any]) -> dict[str, Any]:
    return {alert["alert"]: alert for group in groups["groups"] for alert in group["rules"]}


def test_alerts_are_those_of_compose_but_for_what_a_cluster_tells_otherwise(watched: list[dict[str, Any]]) -> None:
    (rule,) = of_kind(watched, "PrometheusRule")
    here, there = alerts(rule["spec"]), alerts(yaml.safe_load(RULES.read_text()))
    assert here.keys() == there.keys() - NOT_HERE
    assert {name for name in here if here[name] != there[name]} == OTHERWISE
    # How bad it is, and where to read on, is the same.
    assert all(here[name]["labels"] == there[name]["labels"] for name in here)
    assert all(here[name]["annotations"]["runbook"] == there[name]["annotations"]["runbook"] for name in here)


def test_no_alert_asks_for_a_figure_that_nobody_tells_here(overlay: str, watched: list[dict[str, Any]]) -> None:
    (rule,) = of_kind(watched, "PrometheusRule")
    names = {read.split("{")[0] for alert in alerts(rule["spec"]).values() for read in selectors(alert["expr"])}
    sources = [ROOT / "events/src", *(ROOT / "services").glob("*/src"), ROOT / "gateway/lua"]
    told = "".join(
        file.read_text() for folder in sources for file in folder.rglob("*") if file.suffix in {".py", ".lua"}
    )
    unknown = {name for name in names - BY_THE_CLUSTER if re.sub(r"_(total|bucket)$", "", name) not in told}
    assert unknown == set()
    # Of whose alerts another pod of the cluster has no part: all but our own names say the namespace.
    reads = [read for alert in alerts(rule["spec"]).values() for read in selectors(alert["expr"])]
    assert all('namespace="mercadito"' in read for read in reads if read.split("{")[0] in BY_THE_CLUSTER)
    named = {found for read in reads for found in re.findall(r'cronjob="([a-z-]+)"', read)}
    assert named <= {each.name for each in workloads(overlay) if each.kind == "CronJob"}


def test_every_alert_of_a_clusters_own_is_quiet_until_it_must_speak(
    watched: list[dict[str, Any]], tmp_path: Path
) -> None:
    (rule,) = of_kind(watched, "PrometheusRule")
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rule["spec"]))
    (tmp_path / "alerts.test.yml").write_text(RULE_TESTS.read_text())
    looks = [look for test in yaml.safe_load(RULE_TESTS.read_text())["tests"] for look in test["alert_rule_test"]]
    assert {look["alertname"] for look in looks if look["exp_alerts"]} == OTHERWISE
    assert {look["alertname"] for look in looks if not look["exp_alerts"]} == OTHERWISE
    command = ["promtool", "test", "rules", str(tmp_path / "alerts.test.yml")]
    tested = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stdout + tested.stderr


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


def test_a_pod_that_waits_for_its_schema_is_no_target(watched: list[dict[str, Any]]) -> None:
    """It has an address from its first second on, and ServiceDown would tell of it during every longer upgrade."""
    found = [
        endpoint for monitor in of_kind(watched, "PodMonitor") for endpoint in monitor["spec"]["podMetricsEndpoints"]
    ]
    waiting = {"sourceLabels": ["__meta_kubernetes_pod_phase"], "regex": "Pending", "action": "drop"}
    assert [endpoint["relabelings"] for endpoint in found] == [[waiting]] * 2


def test_what_the_readme_says_makes_monitors_and_rules_those_of_a_helm_release(overlay: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(labels:\n.*?)```", README.read_text(), re.DOTALL)
    made = build_own(tmp_path, overlay, ["observability"], **yaml.safe_load(shown))
    found = of_kind(made, "PodMonitor") + of_kind(made, "PrometheusRule")
    assert [each["metadata"]["labels"]["release"] for each in found] == ["kube-prometheus-stack"] * 3
    # No selector has it: those of what is there already cannot be changed.
    assert not [each for each in made if "release" in str(each.get("spec", {}).get("selector"))]


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
