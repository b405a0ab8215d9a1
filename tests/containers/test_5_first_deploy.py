"""The first deploy on an empty server, by the files of production with TLS, the next one over it, and a restore.

The server takes the place of the one of the other tests, which is thought to be lost: it was given that one's secrets,
as docs/operations.md has it, and in the end its backup.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.compose.test_deploy import GOOD
from tests.containers.conftest import COMPOSE, HEALTH_INTERVAL, STOPPED_WITHIN_S, compose
from tests.containers.releases import BASE, tried
from tests.containers.test_2_containers import docker
from tests.containers.test_3_backup import folder as backups_of
from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.ports import free_port_pair
from tests.driver.system import ROOT, System
from tests.faults.containers import sql

DOMAIN = "localhost"
FOUND_WITHIN_S = 60
RESTORED_WITHIN_S = 400
PROCESSES_BUT_ONE = 8


def certificate(folder: Path) -> None:
    """One of its own making, as an operator's lies there: the gateway's user reads it."""
    for name in ("certificates", "challenges"):
        (folder / name).mkdir(parents=True)
    key, chain = (folder / "certificates" / f"{DOMAIN}.{end}" for end in ("key", "crt"))
    subject = ["-subj", f"/CN={DOMAIN}", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )
    for made in (folder, *folder.iterdir(), key, chain):
        os.chown(made, 10_001, 10_001)


@pytest.fixture(scope="module")
def server(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """An empty server; the images are those that the system of the other tests has had built."""
    folder, port = tmp_path_factory.mktemp("server"), free_port_pair()
    certificate(folder / "tls")
    shutil.copytree(system.run_dir / "secrets", folder / "state" / "secrets")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    told = {
        **{name: value for name, value in GOOD.items() if name != "GATEWAY_TRUSTED_PROXIES"},
        "MERCADITO_VERSION": BASE,
        "COMPOSE_PROJECT_NAME": f"mercadito-server-{os.getpid()}",
        "MERCADITO_STATE_DIR": str(folder / "state"),
        "MERCADITO_PORT": str(port),
        "TLS_PORT": str(port + 1),
        "TLS_DIR": str(folder / "tls"),
        "TLS_DOMAIN": DOMAIN,
        "PUBLIC_URL": f"https://{DOMAIN}:{port + 1}",
        "USDA_SCHEDULE": "off",
        "HEALTH_INTERVAL": HEALTH_INTERVAL,
    }
    made = System(port, folder / "state", kept | told)
    try:
        yield made
    finally:
        compose("down", "--volumes", system=made, within_s=STOPPED_WITHIN_S)


def test_what_a_process_would_not_start_with_is_refused_before_anything_is_touched(server: System) -> None:
    done = tried(server, "deploy", GATEWAY_HSTS_S="a year", BACKUP_AT="25:00", SEND_PER_SECOND="many")
    assert done.returncode == 1
    assert [name for name in ("GATEWAY_HSTS_S", "BACKUP_AT", "SEND_PER_SECOND") if name not in done.stdout] == []
    assert "settings are refused; nothing was touched" in done.stdout


def test_an_empty_server_becomes_a_shop_and_says_how_to_let_the_first_one_in(server: System) -> None:
    # As a first deploy leaves it that was broken off: every container made, none started.
    assert tried(server, "production", "create").returncode == 0
    done = tried(server, "deploy")
    assert done.returncode == 0, done.stdout
    assert "the first release here" in done.stdout
    assert "make invite-admin" in done.stdout
    with httpx.Client(verify=False, follow_redirects=True) as visitor:
        page = visitor.get(f"{server.url}/sign-in", timeout=30)
    assert page.status_code == 200
    assert str(page.url).startswith(server.environment["PUBLIC_URL"])
    assert "Strict-Transport-Security" in page.headers


def volumes_nobody_uses() -> set[str]:
    return set(docker("volume", "ls", "--quiet", "--filter", "dangling=true").split())


def test_nobody_is_in_it_and_there_is_no_demo(server: System) -> None:
    refused = tried(server, "up")
    assert refused.returncode == 1
    assert "this is a production system" in refused.stdout
    count = "SELECT count(*) FROM people"
    psql = ("exec", "-T", "--user", "999", "postgres", "psql", "-XqAt", "-U", "postgres", "-d", "orders", "-c", count)
    assert tried(server, "production", *psql).stdout.strip() == "0"


def test_the_first_admin_gets_a_mail_that_waits_for_the_relay(server: System) -> None:
    said = server.make("invite-admin", "A=ana@hub.example --name 'Ana Ruiz'")
    assert "admin made; the link to choose a password is on its way" in said
    assert sql(server, "orders", "SELECT role FROM people WHERE email = 'ana@hub.example'") == [["admin"]]
    queued = "SELECT kind FROM messages"
    eventually(lambda: sql(server, "notify", queued) == [["invitation"]], within_s=FOUND_WITHIN_S, what="her mail")


def what_waits(server: System) -> str:
    """What the smoke test of a deploy would say stands still."""
    script = f"for part in system holding release/smoke; do source {COMPOSE}/$part; done; waiting"
    done = subprocess.run(["bash", "-c", script], env=server.environment, check=True, capture_output=True, text=True)
    return done.stdout


def test_the_smoke_test_says_who_does_not_reach_nats(server: System) -> None:
    assert tried(server, "production", "stop", "nats").returncode == 0
    try:
        eventually(lambda: "notify for NATS" in what_waits(server), within_s=FOUND_WITHIN_S, what="notify waits")
    finally:
        assert tried(server, "production", "start", "nats").returncode == 0
    eventually(lambda: not what_waits(server), within_s=FOUND_WITHIN_S, what="nobody waits any more")


def test_there_is_no_release_to_go_back_to_yet(server: System) -> None:
    done = tried(server, "rollback")
    assert done.returncode == 1
    assert "there is none to go back to" in done.stdout


def test_what_another_server_lost_is_back_here(system: System, server: System) -> None:
    system.make("backup")
    orders = "SELECT number, state, total_cents FROM orders ORDER BY number"
    lost, before = sql(system, "orders", orders), volumes_nobody_uses()
    shutil.copytree(backups_of(system), backups_of(server), dirs_exist_ok=True)
    for copied in backups_of(server).rglob("*"):
        os.chown(copied, 10_001, 10_001)
    # As over SSH: the key never lies on the server.
    done = subprocess.run(
        [str(COMPOSE / "restore"), "newest", "--yes"],
        env=server.environment | {"BACKUP_KEY_FILE": "-"},
        input=(system.run_dir / "backup_key.txt").read_text(),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RESTORED_WITHIN_S,
    )
    assert done.returncode == 0, done.stdout
    assert sql(server, "orders", orders) == lost
    assert volumes_nobody_uses() == before
    staff = Client(server.environment["PUBLIC_URL"], "staff@mercadito.example")
    queue = staff.get("/api/v1/notifications/standing")["queue"]
    staff.http.close()
    assert queue["held"] is True
    kept = [path for path in server.run_dir.glob("*") if path.is_file()]
    assert not [path for path in kept if "AGE-SECRET-KEY" in path.read_text("latin-1")]


def serves(server: System) -> bool:
    with httpx.Client(verify=False) as visitor:
        return visitor.get(f"{server.environment['PUBLIC_URL']}/sign-in", timeout=30).status_code == 200


def test_secrets_are_changed_by_the_lines_of_the_documents(server: System) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    found = re.search(r"^new_secret\(\) \{.*?^\}", operations, re.MULTILINE | re.DOTALL)
    assert found
    function = found.group(0).replace("/srv/mercadito/state", server.environment["MERCADITO_STATE_DIR"])
    names = ("orders_db_password", "backup_db_password", "nats_orders_password", "gateway_admin_token")
    subprocess.run(["bash", "-ec", f"{function}\nfor name in {' '.join(names)}; do new_secret $name; done"], check=True)
    for service, *command in (["databases"], ["keys", "orders", "keys", "rotate"]):
        assert f"compose/production run --rm --no-deps {' '.join([service, *command])}`" in operations
        done = tried(server, "production", "run", "--rm", "--no-deps", service, *command)
        assert done.returncode == 0, done.stdout
    for process in ("gateway", "nats", "orders-worker", "orders-web", "backup"):
        server.make("restart", f"S={process}")
    assert serves(server)
    eventually(lambda: not what_waits(server), within_s=FOUND_WITHIN_S, what="events flow, nobody is held")


def test_the_same_release_again_starts_what_was_stopped_and_touches_nothing_else(server: System) -> None:
    assert tried(server, "production", "stop", "usda").returncode == 0
    before = volumes_nobody_uses()
    # Takes a backup, by a password that is another one now.
    done = tried(server, "deploy")
    assert volumes_nobody_uses() == before
    assert done.returncode == 0, done.stdout
    assert "✓ backup" in done.stdout
    assert "  usda: as it should be" not in done.stdout
    assert done.stdout.count("as it should be") == PROCESSES_BUT_ONE
    assert serves(server)


def test_a_database_that_does_not_start_goes_back_to_what_it_was(server: System) -> None:
    broken = f"mercadito-test/broken-postgres:{os.getpid()}"
    lines = 'FROM postgres:17-trixie\nENTRYPOINT ["false"]'
    subprocess.run(["docker", "build", "--quiet", "--tag", broken, "-"], input=lines, check=True, text=True)
    try:
        done = tried(server, "deploy", POSTGRES_IMAGE=broken)
        assert done.returncode == 1, done.stdout
        assert "postgres is back on 17-trixie, with its settings of before" in done.stdout
        assert serves(server)
    finally:
        docker("rmi", "--force", broken)
