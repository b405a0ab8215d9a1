"""The stack as it runs: the acceptance walk, restarts, crashes, and what a container is allowed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pytest_docker.plugin import Services

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.system import PROCESSES, System
from tests.driver.walk import WHOLE_WAY, walk

INSPECTED_WITHIN_S = 30


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], check=False, capture_output=True, text=True, timeout=INSPECTED_WITHIN_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def containers(system: System) -> dict[str, Any]:
    """Return each process's description by the engine."""
    project = f"label=com.docker.compose.project={system.environment['COMPOSE_PROJECT_NAME']}"
    ids = docker("ps", "--quiet", "--filter", project).split()
    described = json.loads(docker("inspect", *ids))
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in described}


@contextmanager
def signed_in(system: System, who: str) -> Iterator[Client]:
    client = system.client(who)
    try:
        yield client
    finally:
        client.http.close()


def the_shop_serves(system: System) -> str:
    """Return the open market day's id, read by a buyer who has just signed in."""
    with signed_in(system, "buyer1") as buyer:
        cycle = buyer.cycle()
    assert cycle["offers"]
    return str(cycle["id"])


def test_the_gateway_answers_on_its_published_port(system: System, docker_ip: str, docker_services: Services) -> None:
    port = docker_services.port_for("gateway", 8080)
    assert port == system.port
    docker_services.wait_until_responsive(
        timeout=10, pause=0.2, check=lambda: httpx.get(f"http://{docker_ip}:{port}/healthz").status_code == 200
    )


def test_status_names_every_process_with_its_pid(system: System) -> None:
    assert set(PROCESSES) <= system.pids().keys()


def becomes_healthy(system: System, name: str) -> None:
    def healthy() -> bool:
        return bool(containers(system)[name]["State"]["Health"]["Status"] == "healthy")

    eventually(healthy, within_s=60, what=f"{name} healthy")


def test_every_process_is_healthy_and_not_root(system: System) -> None:
    for name, each in containers(system).items():
        becomes_healthy(system, name)
        assert each["Config"]["User"].split(":")[0] in {"10001", "999"}, name
        assert each["HostConfig"]["ReadonlyRootfs"], name
        assert each["HostConfig"]["CapDrop"] == ["ALL"], name


def test_nothing_but_the_gateway_is_reached_from_outside(system: System) -> None:
    published = {name: each["HostConfig"]["PortBindings"] for name, each in containers(system).items()}
    assert [name for name, ports in published.items() if ports] == ["gateway"]
    assert list(published["gateway"]) == ["8080/tcp"]


def test_no_secret_is_in_an_environment_or_an_image(system: System) -> None:
    secrets = [file.read_text().strip() for file in (system.run_dir / "secrets").iterdir()]
    assert len(secrets) >= 15
    for name, each in containers(system).items():
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", each["Image"])
        assert not [secret for secret in secrets if secret in json.dumps(each) + history], name


def test_only_their_owner_enters_the_folder_of_the_secrets(system: System) -> None:
    assert system.run_dir.stat().st_mode & 0o077 == 0


def test_a_service_cannot_read_another_database(system: System) -> None:
    usda = containers(system)["usda"]["Id"]
    attempt = (
        "import os, psycopg2; p = open('/run/secrets/usda_db_password').read().strip()\n"
        "try: psycopg2.connect(host='postgres', user='usda', password=p, dbname='orders')\n"
        "except psycopg2.OperationalError as refused: print(refused)"
    )
    assert "permission denied for database" in docker("exec", usda, "python", "-c", attempt)


@pytest.mark.skipif(not WHOLE_WAY.exists(), reason="../shared/checks is not beside this checkout")
def test_the_acceptance_walk_holds(system: System) -> None:
    walk(system)


# One that the gateway pauses, one that nobody asks, and those that all depend on, of which one pauses three services;
# test_4_deploys restarts the gateway, and all by a deploy.
@pytest.mark.parametrize("name", ["orders-web", "orders-worker", "nats", "postgres"])
def test_a_process_can_be_restarted(system: System, name: str) -> None:
    before = system.pids()[name]
    system.make("restart", f"S={name}")
    the_shop_serves(system)
    assert system.pids()[name] != before


def test_logs_are_one_json_line_each(system: System) -> None:
    for name in ("orders-web", "orders-worker", "realtime", "usda", "notify"):
        lines = [line for line in system.make("logs", f"S={name}").splitlines() if line]
        assert lines, name
        assert all(json.loads(line)["level"] for line in lines), name


def test_the_way_of_a_mail_is_checked_with_one_command(system: System) -> None:
    lines = system.self_test()
    assert "✓ database: answers" in lines
    assert any(line.startswith("✓ relay primary, sender: ") for line in lines)
