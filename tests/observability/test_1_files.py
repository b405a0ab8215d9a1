"""Alerts, dashboards and the containers that show them, as files: nothing has to run."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.driver.system import ROOT
from tests.observability.promql import (
    FOLDER,
    PROMETHEUS,
    RULE_TESTS,
    RULES,
    alerts,
    dashboards,
    queries,
    selectors,
)

OVERLAY = ROOT / "compose" / "compose.observability.yaml"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
GRID_COLUMNS = 24


def run(*command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60
    )


def test_prometheus_takes_its_configuration() -> None:
    checked = run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(alerts())} rules found" in checked.stdout


def test_every_alert_is_quiet_until_it_must_speak() -> None:
    tested = run("promtool", "test", "rules", RULE_TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_tests_of_alerts_can_fail(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES.read_text().replace("expr: up == 0", "expr: up == 2"))
    (tmp_path / "alerts.test.yml").write_text(RULE_TESTS.read_text())
    assert run("promtool", "test", "rules", tmp_path / "alerts.test.yml").returncode == 1


def test_every_alert_is_tested_for_silence_and_for_speaking() -> None:
    looks = [look for test in yaml.safe_load(RULE_TESTS.read_text())["tests"] for look in test["alert_rule_test"]]
    names = {alert["alert"] for alert in alerts()}
    assert len(names) == len(alerts())
    assert {look["alertname"] for look in looks if look["exp_alerts"]} == names
    assert {look["alertname"] for look in looks if not look["exp_alerts"]} == names


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert alert["annotations"]["summary"]
    file, anchor = alert["annotations"]["runbook"].split("#")
    assert file == "docs/operations.md"
    assert anchor == alert["alert"].lower()


def runbooks() -> dict[str, str]:
    """Every section of the runbook by its heading."""
    found = re.search(r"^### Runbook\n(.*?)(?=^##? |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert found
    parts = re.split(r"^#### (\w+)\n", found.group(1), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_its_runbook_and_there_is_none_without() -> None:
    assert list(runbooks()) == [alert["alert"] for alert in alerts()]
    short = [name for name, text in runbooks().items() if len(text.split()) < 15]
    assert short == []


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_is_one_that_grafana_can_show(name: str) -> None:
    board = dashboards()[name]
    assert board["uid"]
    assert board["editable"] is False
    assert board["schemaVersion"] >= 39
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in {"stat", "timeseries", "state-timeline"}
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0


@pytest.mark.parametrize("name", dashboards())
def test_no_panel_lies_over_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboards()[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= GRID_COLUMNS
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_what_dashboards_and_grafana_call_the_same_is_the_same() -> None:
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/mercadito.yaml").read_text())["datasources"]
    used = {panel["datasource"]["uid"] for board in dashboards().values() for panel in board["panels"]}
    assert used <= {source["uid"] for source in sources}
    (provider,) = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/mercadito.yaml").read_text())["providers"]
    grafana = overlay()["grafana"]
    assert f"./observability/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(provider["options"]["path"])
    assert Path(home).name in dashboards()


def test_what_a_query_reads_is_found() -> None:
    assert selectors('sum by (job) (rate(a_total{b="x, (y)"}[5m])) / on (job) c > 0 or time() - d unless e == 1') == {
        'a_total{b="x, (y)"}',
        "c",
        "d",
        "e",
    }
    assert all(selectors(query) for _, query in queries())


def overlay() -> dict[str, dict[str, Any]]:
    """The services that the overlay adds; the others it only tells where spans go."""
    services = yaml.safe_load(OVERLAY.read_text())["services"]
    return {name: service for name, service in services.items() if "image" in service}


@pytest.mark.parametrize("name", overlay())
def test_who_watches_may_do_no_more_than_others(name: str) -> None:
    service = overlay()[name]
    # What each must have, tests/compose/test_hardening.py asks of all services.
    assert service["user"].split(":")[0] != "0"
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/-]+:v?\d+\.\d+\.\d+}", service["image"])
    assert not [volume for volume in service["volumes"] if volume.startswith(".") and not volume.endswith(":ro")]


def test_only_grafana_has_a_port_and_it_is_this_machines_alone() -> None:
    assert {name: service["ports"] for name, service in overlay().items() if "ports" in service} == {
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]
    }


def test_nobody_comes_into_grafana_without_a_password_and_that_is_a_file() -> None:
    environment = overlay()["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert "grafana_admin_password" in (ROOT / "compose" / "secrets").read_text()


def test_figures_are_kept_within_bounds_of_time_and_size() -> None:
    command = " ".join(overlay()["prometheus"]["command"])
    assert "--storage.tsdb.retention.time=" in command
    assert "--storage.tsdb.retention.size=" in command


def test_everybody_is_scraped_where_he_listens() -> None:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert all(len(hosts) == 1 for hosts in targets.values())
    hosts = {name: found[0].split(":") for name, found in targets.items()}
    assert hosts.pop("prometheus") == ["127.0.0.1", "9090"]
    assert {name: host for name, (host, _) in hosts.items()} == {name: name for name in hosts}
    ours = {"orders-web", "orders-worker", "realtime", "usda", "notify", "backup"}
    assert {name for name, (_, port) in hosts.items() if port == "8000"} == ours
    assert hosts["gateway"][1] == "8081"
    # Whoever is scraped shares a network with Prometheus.
    core = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
    nets = set(overlay()["prometheus"]["networks"])
    assert all(nets & set((core | overlay())[name]["networks"]) for name in hosts)


def test_a_queue_of_spans_has_an_end_everywhere() -> None:
    collector = yaml.safe_load((FOLDER / "collector/collector.yaml").read_text())
    queue = collector["exporters"]["otlphttp"]["sending_queue"]
    assert queue["queue_size"] > 0
    assert collector["exporters"]["otlphttp"]["retry_on_failure"]["max_elapsed_time"] != "0s"
    for name in ("collector", "jaeger"):
        settings = yaml.safe_load((FOLDER / name / f"{name}.yaml").read_text())
        bound = settings["processors"]["memory_limiter"]["limit_mib"]
        assert bound < int(overlay()[name]["mem_limit"].removesuffix("m"))
        pipeline = settings["service"]["pipelines"]["traces"]
        assert pipeline["processors"][0] == "memory_limiter"
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) == set(settings[kind])
    jaeger = yaml.safe_load((FOLDER / "jaeger/jaeger.yaml").read_text())
    assert jaeger["extensions"]["jaeger_storage"]["backends"]["newest"]["memory"]["max_traces"] > 0


ALERTMANAGER = FOLDER / "alertmanager" / "start"
MAIL = {
    "ALERT_MAIL_TO": "ops@hub.example",
    "MAIL_FROM": "Hub's desk: <orders@hub.example>",
    "SMTP_HOST": "smtp.relay.example",
    "SMTP_PORT": "2525",
    "SMTP_USER": "hub",
    "SMTP_PASSWORD": "never-shown",
    "SMTP_PASSWORD_FILE": "",
    "SMTP_STARTTLS": "required",
}


def test_alerts_are_mailed_by_the_hubs_own_relay(tmp_path: Path) -> None:
    shown = run("sh", ALERTMANAGER, "show", **MAIL)
    assert shown.returncode == 0, shown.stderr
    settings = yaml.safe_load(shown.stdout)
    (receiver,) = settings["receivers"]
    (mail,) = receiver["email_configs"]
    assert mail["from"] == MAIL["MAIL_FROM"]
    assert (mail["smarthost"], mail["require_tls"]) == ("smtp.relay.example:2525", True)
    assert "never-shown" not in shown.stdout
    assert mail["auth_password_file"] == "/tmp/smtp_password"
    by_file = run("sh", ALERTMANAGER, "show", **(MAIL | {"SMTP_PASSWORD_FILE": "/run/secrets/smtp_password"}))
    assert "auth_password_file: /run/secrets/smtp_password" in by_file.stdout
    (tmp_path / "alertmanager.yml").write_text(shown.stdout)
    checked = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_links_in_mails_of_alerts_lead_to_grafana() -> None:
    port = overlay()["alertmanager"]["environment"]["GRAFANA_PORT"]
    assert overlay()["grafana"]["ports"] == [f"127.0.0.1:{port}:3000"]
    assert '--web.external-url="http://localhost:${GRAFANA_PORT:-3000}/"' in ALERTMANAGER.read_text()


def test_without_an_address_nobody_is_mailed_and_with_half_a_setting_it_does_not_start(tmp_path: Path) -> None:
    shown = run("sh", ALERTMANAGER, "show", ALERT_MAIL_TO="")
    assert yaml.safe_load(shown.stdout)["receivers"] == [{"name": "admins"}]
    (tmp_path / "alertmanager.yml").write_text(shown.stdout)
    assert run("amtool", "check-config", tmp_path / "alertmanager.yml").returncode == 0
    refused = run("sh", ALERTMANAGER, "show", **(MAIL | {"SMTP_HOST": ""}))
    assert refused.returncode != 0
    assert "which relay" in refused.stderr


def test_what_silences_another_alert_is_one() -> None:
    names = {alert["alert"] for alert in alerts()}
    for rule in yaml.safe_load(run("sh", ALERTMANAGER, "show", ALERT_MAIL_TO="").stdout)["inhibit_rules"]:
        told = json.dumps(rule["source_matchers"] + rule["target_matchers"])
        assert set(re.findall(r"[A-Z][A-Za-z]+", told)) <= names
