"""A running system, scraped by a real Prometheus: no alert and no panel asks for what nobody tells."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from native.settings import full_environment
from native.settings import gateway as settings_of_gateway
from native.state import State
from tests.driver.api import Client, limited_offers
from tests.driver.polling import eventually
from tests.driver.ports import free_port, free_port_pair
from tests.driver.system import ROOT, System
from tests.observability.prometheus import Prometheus, prometheus
from tests.observability.promql import queries, selectors

# What is there only once something went wrong; for the rest a figure is there from the beginning.
ONLY_AFTER_A_FAULT = {'gateway_requests_total{class="5xx"}', 'ALERTS{alertstate="firing"}'}
# Told by Alertmanager, which is no program of the machine that these tests run on.
OF_ALERTMANAGER = {"alertmanager_notifications_failed_total"}
# Of the machine that the tests run on, not of the system.
OF_THE_MACHINE = {"DiskFilling"}
SEEN_WITHIN_S = 40
STARTED_WITHIN_S = 30


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path, figures: str) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: _answers(figures), within_s=STARTED_WITHIN_S, what=f"{figures}; see {log}")
        yield
    finally:
        process.terminate()
        process.wait(timeout=STARTED_WITHIN_S)


@contextmanager
def backup(folder: Path) -> Iterator[str]:
    """The process that takes backups; `make run` has none. It is not due for one."""
    folder.mkdir()
    port = free_port()
    (folder / "password").write_text("no-database-is-asked\n")
    for name in ("backups", "state"):
        (folder / name).mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HTTP_PORT": str(port),
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PASSWORD_FILE": str(folder / "password"),
        "BACKUP_FOLDER": str(folder / "backups"),
        "BACKUP_STATE_FOLDER": str(folder / "state"),
        "BACKUP_RECIPIENTS": "age1" + "q" * 58,
        "BACKUP_COPY_COMMAND": "true",
    }
    command = [str(ROOT / "backup" / ".venv" / "bin" / "mercadito-backup"), "serve"]
    with _running(command, environment, folder / "log", f"http://127.0.0.1:{port}/metrics"):
        yield f"127.0.0.1:{port}"


@contextmanager
def gateway_with_tls(system: System, folder: Path) -> Iterator[str]:
    """A second gateway before the same services, with a certificate; the first has none."""
    folder.mkdir()
    environment = full_environment(settings_of_gateway(State(system.run_dir, system.port)))
    port, tls_port = free_port_pair(), free_port()
    names = ("-keyout", f"{folder}/own.key", "-out", f"{folder}/own.crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost", *names],
        check=True,
        capture_output=True,
    )
    environment |= {
        "GATEWAY_PORT": str(port),
        "GATEWAY_ADMIN_PORT": str(port + 1),
        "GATEWAY_STATE_DIR": str(folder / "state"),
        "GATEWAY_ACCESS_LOG": str(folder / "access.log"),
        "GATEWAY_TLS_PORT": str(tls_port),
        "GATEWAY_TLS_CERTIFICATE_FILE": f"{folder}/own.crt",
        "GATEWAY_TLS_KEY_FILE": f"{folder}/own.key",
    }
    command = [str(ROOT / "gateway" / "bin" / "start")]
    with _running(command, environment, folder / "log", f"http://127.0.0.1:{port + 1}/metrics"):
        yield f"127.0.0.1:{port + 1}"


@pytest.fixture(scope="module")
def lived(system: System) -> None:
    """A little of a market day: an order placed, changed and taken back, a mail that arrived, a page that was read."""
    buyer: Client = system.client("buyer1")
    buyer.start_afresh()
    mailbox = system.mailbox()
    offer = limited_offers(buyer.cycle())[0]["id"]
    order = buyer.place({offer: 1}).json()
    assert httpx.get(system.url, follow_redirects=True, timeout=20).status_code == 200
    eventually(
        lambda: mailbox.new(to=buyer.email, naming=str(order["number"])), within_s=SEEN_WITHIN_S, what="a confirmation"
    )


@pytest.fixture(scope="module")
def watching(system: System, lived: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    ports = json.loads((system.run_dir / "ports.json").read_text())
    named = {name: [f"127.0.0.1:{ports[name]}"] for name in ("orders-web", "orders-worker", "usda", "notify")}
    with ExitStack() as stack:
        extra = {
            "gateway": [
                f"127.0.0.1:{ports['gateway-admin']}",
                stack.enter_context(gateway_with_tls(system, folder / "gateway")),
            ],
            "realtime": [f"127.0.0.1:{ports['realtime-http']}"],
            "backup": [stack.enter_context(backup(folder / "backup"))],
        }
        asked = stack.enter_context(prometheus(folder, named | extra))
        eventually(lambda: len(asked.values("up == 1")) == 8, within_s=SEEN_WITHIN_S, what="every target up")
        yield asked


def test_every_target_is_up(watching: Prometheus) -> None:
    targets = watching.get("targets")["activeTargets"]
    assert {(each["labels"]["job"], each["lastError"]) for each in targets if each["health"] != "up"} == set()


def test_the_rules_are_loaded_and_can_be_reckoned(watching: Prometheus) -> None:
    def reckoned() -> bool:
        rules = [rule for group in watching.get("rules")["groups"] for rule in group["rules"]]
        return bool(rules) and all(rule["health"] == "ok" for rule in rules)

    eventually(reckoned, within_s=SEEN_WITHIN_S, what="every rule reckoned without a fault")


@pytest.mark.parametrize(("where", "query"), list(queries()), ids=[where for where, _ in queries()])
def test_what_is_asked_for_is_told(watching: Prometheus, where: str, query: str) -> None:
    for selector in sorted(selectors(query) - ONLY_AFTER_A_FAULT - OF_ALERTMANAGER):
        eventually(partial(watching.values, selector), within_s=SEEN_WITHIN_S, what=f"{where}: {selector}")
    watching.values(query)


def test_what_is_there_only_after_a_fault_is_a_figure_all_the_same(watching: Prometheus) -> None:
    names = {re.split("{", selector)[0] for selector in ONLY_AFTER_A_FAULT} - {"ALERTS"}
    assert names <= set(watching.get("label/__name__/values"))
    asked = {selector for _, query in queries() for selector in selectors(query)}
    assert asked >= ONLY_AFTER_A_FAULT


def test_a_system_that_is_well_sets_off_no_alert(watching: Prometheus) -> None:
    told = {alert["labels"]["alertname"] for alert in watching.get("alerts")["alerts"]} - OF_THE_MACHINE
    assert told == set()


def test_figures_have_few_series(watching: Prometheus) -> None:
    series = watching.values('count by (job) ({__name__=~".+"})')
    assert max(number for _, number in series) < 5_000


def test_figures_do_not_pass_the_gateway(system: System) -> None:
    for path in ("/metrics", "/metrics/"):
        assert httpx.get(system.url + path, timeout=20).status_code == 404
