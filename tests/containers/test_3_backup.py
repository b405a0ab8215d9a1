"""Backup and restore of the running stack: while orders come in, after a lost volume, and what is refused."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers.conftest import COMPOSE, compose
from tests.containers.test_2_containers import containers, docker
from tests.driver.api import Client, limited_offers
from tests.driver.polling import eventually
from tests.driver.screen import Screen
from tests.driver.system import System

TAKEN_WITHIN_S = 120
RESTORED_WITHIN_S = 400
DATABASES = ("orders", "usda", "notify")


@pytest.fixture(scope="module")
def buyers(system: System) -> Iterator[dict[str, Client]]:
    """People with tokens that were made before any backup."""
    people = {name: system.client(name) for name in ("buyer1", "buyer2", "buyer3", "staff")}
    yield people
    for each in people.values():
        each.http.close()


def tried(system: System, command: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one of compose's scripts, whatever comes of it."""
    return subprocess.run(
        [str(COMPOSE / command), *arguments],
        env=system.environment | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=TAKEN_WITHIN_S,
    )


def backups(system: System) -> list[str]:
    return [line.split()[0] for line in compose("backup", "list", system=system, within_s=TAKEN_WITHIN_S).splitlines()]


def folder(system: System) -> Path:
    return system.run_dir / "backups"


def ordered(buyer: Client, *, skipping: int = 0) -> dict[str, Any]:
    """Place an order anew; return it as it was answered."""
    buyer.start_afresh()
    offer = limited_offers(buyer.cycle())[skipping]
    answer = buyer.place({offer["id"]: 1})
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def sql(system: System, database: str, statement: str) -> str:
    postgres = containers(system)["postgres"]["Id"]
    command = ["psql", "-XqAt", "--username", "postgres", "--dbname", database, "--command", statement]
    return docker("exec", "--user", "999", postgres, *command).strip()


@pytest.fixture(scope="module")
def kept_order(buyers: dict[str, Client]) -> dict[str, Any]:
    """An order that had its 201 before the backup."""
    return ordered(buyers["buyer1"])


@pytest.fixture(scope="module")
def newest(system: System, buyers: dict[str, Client], kept_order: dict[str, Any]) -> str:
    """The name of a backup that was taken while orders came in."""
    stop = threading.Event()

    def order_on() -> None:
        while not stop.is_set():
            ordered(buyers["buyer2"], skipping=1)

    crowd = threading.Thread(target=order_on)
    crowd.start()
    try:
        system.make("backup")
    finally:
        stop.set()
        crowd.join()
    return backups(system)[-1]


def test_a_backup_taken_while_orders_come_in_passes_its_drill(system: System, newest: str) -> None:
    lines = system.make("restore-drill").splitlines()
    assert "✓ orders: available is what remains and what live lines hold" in lines
    assert not [line for line in lines if line.startswith("✗")]
    assert f'"name": "{newest}"' in lines[-1]


def test_what_lies_there_is_locked_and_nobody_else_may_read_it(system: System, newest: str) -> None:
    files = sorted((folder(system) / newest).iterdir())
    assert [file.name for file in files] == ["manifest.json", *(f"{x}.dump.age" for x in ("notify", "orders", "usda"))]
    for file in files[1:]:
        assert file.read_bytes().startswith(b"age-encryption.org/v1")
        assert file.stat().st_mode & 0o077 == 0
    secret = (system.run_dir / "backup_key.txt").read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-")
    inside = docker(
        "exec", containers(system)["backup"]["Id"], "sh", "-c", "cat /var/lib/mercadito/backup-state/*; env"
    )
    assert secret not in inside


def test_its_role_reads_all_and_changes_nothing(system: System) -> None:
    attempt = (
        "PGPASSWORD=$(cat /run/secrets/backup_db_password) psql -h postgres -U backup -d orders -XqAt"
        " -c 'SELECT count(*) > 0 FROM people' -c 'SET default_transaction_read_only = off'"
        " -c 'DELETE FROM order_lines' 2>&1 || true"
    )
    said = docker("exec", containers(system)["backup"]["Id"], "sh", "-c", attempt)
    assert said.splitlines()[0] == "t"
    assert "permission denied for table order_lines" in said


def test_a_killed_dump_leaves_nothing_that_looks_whole(system: System, newest: str) -> None:
    # The first dump that is seen is killed.
    kill = (
        "while :; do for p in /proc/[0-9]*; do read -r comm <$p/comm && [ $comm = pg_dump ] && kill -9 ${p#/proc/}"
        " && exit; done; done 2>/dev/null"
    )
    backup = containers(system)["backup"]["Id"]
    with subprocess.Popen(["docker", "exec", backup, "timeout", str(TAKEN_WITHIN_S), "bash", "-c", kill]) as killer:
        taken = tried(system, "backup", "now")
    assert killer.returncode == 0
    assert taken.returncode == 1
    assert "pg_dump ended with -9" in taken.stderr
    assert backups(system)[-1] == newest
    assert [each.name for each in folder(system).iterdir() if each.name.startswith(".")] == []


def test_a_full_disk_leaves_nothing_that_looks_whole(system: System) -> None:
    backup = containers(system)["backup"]["Id"]
    # A small disk in memory, filled up to the last bytes.
    script = (
        "mkdir /dev/shm/backups && { cat /dev/zero >/dev/shm/fill 2>/dev/null || true; }"
        " && truncate -s -100000 /dev/shm/fill && export BACKUP_FOLDER=/dev/shm/backups BACKUP_KEEP_FREE_MB=0;"
        " mercadito-backup now; echo ended with $?; ls -A /dev/shm/backups; rm -rf /dev/shm/backups /dev/shm/fill"
    )
    said = docker("exec", backup, "sh", "-c", script).splitlines()
    assert said[-1] == "ended with 1"
    assert "backup_failed" in said[0]


def test_what_would_not_leave_room_for_the_databases_is_not_begun(system: System, newest: str) -> None:
    backup = containers(system)["backup"]["Id"]
    said = docker("exec", "-e", "BACKUP_KEEP_FREE_MB=999999999", backup, "sh", "-c", "mercadito-backup now 2>&1; true")
    assert "make room" in said
    assert backups(system)[-1] == newest


def test_the_wrong_key_and_a_damaged_file_are_refused_before_anything_is_touched(
    system: System, newest: str, tmp_path: Path, kept_order: dict[str, Any]
) -> None:
    other = tmp_path / "other.txt"
    other.write_text(docker("exec", containers(system)["backup"]["Id"], "age-keygen"))
    refused = tried(system, "restore", newest, "--yes", BACKUP_KEY_FILE=str(other))
    assert refused.returncode == 1
    assert "can't be opened with this key" in refused.stderr
    file = folder(system) / newest / "orders.dump.age"
    sound = file.read_bytes()
    file.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    try:
        refused = tried(system, "restore", newest, "--yes")
        drilled = tried(system, "backup", "drill")
    finally:
        file.write_bytes(sound)
    assert refused.returncode == 1
    assert "orders.dump.age is damaged" in refused.stderr
    assert drilled.returncode == 1
    assert "✗ orders: the file is as it was written" in drilled.stdout
    assert sql(system, "orders", f"SELECT state FROM orders WHERE id = '{kept_order['id']}'") == "placed"
    assert "✓ orders" in compose("restore", "newest", "--check", system=system, within_s=TAKEN_WITHIN_S)


def raw_files(system: System) -> str:
    """The USDA's answers as they are kept, each with its checksum."""
    listed = "cd /var/lib/mercadito/usda-raw && find . -type f | sort | xargs -r sha256sum"
    return docker("exec", containers(system)["usda"]["Id"], "sh", "-c", listed)


def lose_the_volume(system: System) -> None:
    """As after a broken disk: PostgreSQL starts with nothing."""
    project = system.environment["COMPOSE_PROJECT_NAME"]
    docker("rm", "--force", "--volumes", containers(system)["postgres"]["Id"])
    docker("volume", "rm", f"{project}_postgres")
    file = str(COMPOSE / "compose.yaml")
    up = ["docker", "compose", "--progress", "quiet", "--file", file, "up", "--detach", "--no-deps", "postgres"]
    subprocess.run(up, env=system.environment, check=True, capture_output=True, timeout=TAKEN_WITHIN_S)


def break_off_half_way(system: System) -> None:
    """Kill a restore that has exchanged the databases."""
    command = [str(COMPOSE / "restore"), "newest", "--yes"]
    with subprocess.Popen(
        command, env=system.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as restore:
        assert restore.stdout is not None
        assert any("new streams" in line for line in restore.stdout)
        restore.kill()
    # What it had under way ends first.
    free = ["flock", "--nonblock", str(system.run_dir / "deploy.lock"), "true"]
    eventually(
        lambda: subprocess.run(free, check=False).returncode == 0, within_s=TAKEN_WITHIN_S, what="the lock is free"
    )


def test_nobody_to_ask_is_a_no(system: System, newest: str) -> None:
    """Over SSH without a terminal."""
    done = subprocess.run(
        [str(COMPOSE / "restore"), newest],
        env=system.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=TAKEN_WITHIN_S,
        start_new_session=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "nothing was changed"


def let_mail_go(staff: Client) -> None:
    """A restored system holds its mail; what comes after needs it."""
    let_go = staff.http.put("/api/v1/notifications/queue", json={"held": False, "reason": "looked at"})
    assert let_go.status_code < 300, let_go.text


def test_after_the_loss_of_the_volume_all_that_was_promised_is_back(
    system: System, buyers: dict[str, Client], newest: str, kept_order: dict[str, Any]
) -> None:
    mailbox = system.mailbox()
    lost = ordered(buyers["buyer3"], skipping=2)
    answers = raw_files(system)
    assert answers
    docker("exec", containers(system)["usda"]["Id"], "sh", "-c", "rm -r /var/lib/mercadito/usda-raw/*")
    lose_the_volume(system)

    break_off_half_way(system)
    said = compose("restore", "newest", "--yes", system=system, within_s=RESTORED_WITHIN_S)

    # What was in use before the first of the two: nothing.
    assert sql(system, "orders_before_restore", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
    assert f"restored {newest}" in said
    assert raw_files(system) == answers
    again = buyers["buyer1"].get(f"/api/v1/orders/{kept_order['id']}")
    assert (again["number"], again["total_cents"]) == (kept_order["number"], kept_order["total_cents"])
    assert buyers["buyer3"].http.get(f"/api/v1/orders/{lost['id']}").status_code == 404
    standing = buyers["staff"].get("/api/v1/notifications/standing")
    assert standing["queue"]["held"] is True
    assert newest in standing["queue"]["reason"]

    with Screen(system.url, buyers["staff"], "staff") as board:
        fresh = ordered(buyers["buyer3"], skipping=2)
        board.sees("order", within_s=5, number=fresh["number"])
    assert fresh["number"] > lost["number"]
    mails = f"/api/v1/notifications?order_id={fresh['id']}"
    eventually(lambda: buyers["staff"].get(mails)["items"], within_s=30, what="the event of a new order at notify")
    assert mailbox.new(to="buyer3@", naming=str(fresh["number"])) == []
    let_mail_go(buyers["staff"])
    eventually(
        lambda: mailbox.new(to="buyer3@", naming=str(fresh["number"])), within_s=30, what="the mail that was held"
    )


def test_the_streams_tell_of_the_restored_world_alone(system: System, kept_order: dict[str, Any]) -> None:
    assert sql(system, "orders", "SELECT count(*) FROM outbox WHERE published_at IS NULL") == "0"
    assert int(sql(system, "orders", "SELECT max(stream_seq) FROM outbox")) < int(
        sql(system, "orders", "SELECT count(*) + 50 FROM outbox")
    )


def test_after_a_rollback_the_release_that_runs_restores_its_own_backups(
    system: System, buyers: dict[str, Client], kept_order: dict[str, Any]
) -> None:
    """The schemas are of a release that it does not know, and on which it is at work."""
    schemas = {name: sql(system, name, "SELECT version_num FROM alembic_version") for name in DATABASES}
    for name in schemas:
        sql(system, name, "UPDATE alembic_version SET version_num = 'later'")
    try:
        system.make("backup")
        assert "✓ this release can restore it" in system.make("restore-drill")
        lose_the_volume(system)
        compose("restore", "newest", "--yes", system=system, within_s=RESTORED_WITHIN_S)
        assert sql(system, "orders", "SELECT version_num FROM alembic_version") == "later"
        assert sql(system, "orders", f"SELECT state FROM orders WHERE id = '{kept_order['id']}'") == "placed"
        let_mail_go(buyers["staff"])
    finally:
        for name, schema in schemas.items():
            sql(system, name, f"UPDATE alembic_version SET version_num = '{schema}'")


def test_what_was_in_use_before_stays_aside_until_it_is_forgotten(system: System) -> None:
    aside = "SELECT count(*) FROM pg_database WHERE datname LIKE '%before_restore'"
    assert sql(system, "postgres", aside) == "3"
    compose("restore", "--forget", system=system, within_s=TAKEN_WITHIN_S)
    assert sql(system, "postgres", aside) == "0"
