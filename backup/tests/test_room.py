"""Whether the databases' disk has room for a restore: asked of a real server, and judged."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from mercadito_backup import databases, restoring, room
from mercadito_backup.manifest import NAME, Dump, Manifest
from mercadito_backup.problems import Refused
from mercadito_backup.room import Room
from mercadito_backup.settings import MB, server

from .conftest import Hub

EXABYTE = 10**18
ENDS = {"left_over": restoring.BESIDE, "aside": restoring.BEFORE, "mark": restoring.HALF_WAY}


@pytest.fixture
def too_large(hub: Hub) -> Hub:
    """Its newest backup is of databases that no disk holds."""
    manifest = hub.take() / NAME
    known = json.loads(manifest.read_text())
    known["databases"]["orders"]["database_bytes"] = EXABYTE
    manifest.write_text(json.dumps(known))
    return hub


def checked(hub: Hub, command: str = "check") -> tuple[int, str]:
    done = hub.run(command, "newest", key=hub.folder / "first.key")
    return done.returncode, done.stdout


@pytest.mark.parametrize("command", ["check", "load"])
def test_one_for_which_there_is_no_room_is_refused_and_nothing_is_touched(too_large: Hub, command: str) -> None:
    code, said = checked(too_large, command)
    assert code == 1
    assert " MB beside those in use, and their disk has " in said
    assert "--forget" not in said
    assert too_large.ask("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_restored'") == "0"


def test_what_the_last_restore_put_aside_may_go_but_not_what_one_under_way_did(too_large: Hub) -> None:
    too_large.ask("postgres", "CREATE DATABASE orders_before_restore")
    assert "compose/restore --forget drops it" in checked(too_large)[1]
    too_large.ask("postgres", f"COMMENT ON DATABASE orders IS '{restoring.HALF_WAY}'")
    code, said = checked(too_large)
    assert code == 1
    assert "--forget" not in said
    there = "SELECT count(*) FROM pg_database WHERE datname = 'orders_before_restore'"
    done = too_large.run("forget")
    assert (done.returncode, too_large.ask("postgres", there)) == (1, "1")
    assert "the only copy" in done.stdout
    too_large.ask("postgres", "COMMENT ON DATABASE orders IS NULL")
    assert (too_large.run("forget").returncode, too_large.ask("postgres", there)) == (0, "0")


@pytest.mark.parametrize("program", ["exit 3", "true", "echo no such option"])
def test_a_server_that_cannot_tell_keeps_no_restore_out(
    too_large: Hub, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(room, "FREE", program)
    superuser = server(too_large.told, user="postgres", password="")
    assert room.look(superuser, **ENDS) is None
    newest = max(each for each in too_large.settings.folder.iterdir() if each.name.endswith("Z"))
    restoring.check(newest, too_large.folder / "first.key", too_large.settings.migrations, print, superuser)


def test_a_server_that_is_away_keeps_no_check_out(too_large: Hub) -> None:
    too_large.told = too_large.told | {"DATABASE_PORT": "1"}
    code, said = checked(too_large)
    assert code == 0, said


def test_a_check_without_the_superusers_password_looks_at_the_files(too_large: Hub) -> None:
    too_large.told = too_large.told | {"DATABASE_PASSWORD_FILE": str(too_large.folder / "nowhere")}
    assert checked(too_large)[0] == 0
    assert checked(too_large, "load")[0] == 1


def test_the_server_tells_what_is_free_and_what_a_broken_restore_left(hub: Hub) -> None:
    superuser = server(hub.told, user="postgres", password="")
    before = room.look(superuser, **ENDS)
    assert before is not None
    assert (before.left_over, before.aside) == (0, 0)
    assert before.free > MB
    assert before.log >= MB
    hub.ask("postgres", "CREATE DATABASE usda_restored")
    after = room.look(superuser, **ENDS)
    assert after is not None
    assert after.left_over > MB


def taking(size: int) -> Manifest:
    each = Dump("x.age", 1, "", "0001", {}, size)
    return Manifest(datetime.now(UTC), 1.0, dict.fromkeys(databases.DATABASES, each), 0, {})


def test_rows_and_their_log_have_room() -> None:
    there = Room(free=5 * MB, left_over=MB, aside=9 * MB, log=100 * MB)
    room.need(taking(MB), there)
    room.need(taking(MB), None)
    for less in (replace(there, free=there.free - 1), replace(there, left_over=0)):
        with pytest.raises(Refused, match="need about 6 MB"):
            room.need(taking(MB), less)
    # The log of a large one is thrown away meanwhile.
    room.need(taking(10 * MB), replace(there, free=31 * MB, log=MB))
