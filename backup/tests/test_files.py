"""What is written is whole or not there; what lies there is judged before anything is touched. With age itself."""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mercadito_backup import shelf
from mercadito_backup.locking import ENVIRONMENT, lock, new_key, unlock
from mercadito_backup.manifest import NAME, Dump, Manifest
from mercadito_backup.problems import Busy, Failed, NoRoom, Refused
from mercadito_backup.programs import chained, free_bytes, into_file, run
from mercadito_backup.restoring import check

NOW = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    file = tmp_path / "key.txt"
    return file, new_key(file)


def test_a_key_is_readable_by_its_owner_alone(key: tuple[Path, str]) -> None:
    assert key[0].stat().st_mode & 0o077 == 0
    assert key[1].startswith("age1")


def test_what_was_written_is_locked_and_opens_with_the_key(tmp_path: Path, key: tuple[Path, str]) -> None:
    target = tmp_path / "x.age"
    written = into_file([["printf", "sold out"], lock([key[1]])], ENVIRONMENT, target)
    assert b"sold out" not in target.read_bytes()
    assert (written.size, written.sha256) == (target.stat().st_size, hashlib.sha256(target.read_bytes()).hexdigest())
    assert target.stat().st_mode & 0o077 == 0
    assert run(unlock(key[0], target), ENVIRONMENT) == "sold out"


def test_a_program_killed_half_way_makes_it_fail(tmp_path: Path, key: tuple[Path, str]) -> None:
    killed = ["sh", "-c", "printf 'half of it'; kill -9 $$"]
    with pytest.raises(Failed, match="sh ended with -9"):
        into_file([killed, lock([key[1]])], ENVIRONMENT, tmp_path / "x.age")


def test_encryption_that_fails_makes_it_fail(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="age ended with 1"):
        into_file([["yes"], lock(["age1nobody"])], ENVIRONMENT, tmp_path / "x.age")


def test_a_disk_that_gets_too_full_ends_it_and_its_programs(tmp_path: Path) -> None:
    with pytest.raises(NoRoom, match="would be left"):
        into_file([["yes"]], ENVIRONMENT, tmp_path / "x", keep_free=free_bytes(tmp_path) - 2_000_000)


def test_the_words_of_a_program_that_failed_are_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no such table"):
        chained([["sh", "-c", "echo no such table >&2; exit 3"]], ENVIRONMENT, lambda stream: stream.close())


def test_only_one_works_at_a_time(tmp_path: Path) -> None:
    with shelf.alone(tmp_path), pytest.raises(Busy), shelf.alone(tmp_path):
        raise AssertionError("both work")


def test_one_under_way_is_no_backup_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    shelf.begin(tmp_path, shelf.name_of(NOW))
    assert shelf.names(tmp_path) == []
    partial = shelf.begin(tmp_path, shelf.name_of(NOW + timedelta(hours=1)))
    assert [each.name for each in tmp_path.iterdir()] == [partial.name]
    shelf.finish(partial)
    assert shelf.names(tmp_path) == ["2026-11-30T033000Z"]
    assert shelf.find(tmp_path, "newest") == tmp_path / "2026-11-30T033000Z"


def test_what_is_kept_no_longer_goes(tmp_path: Path) -> None:
    for back in range(60):
        (tmp_path / shelf.name_of(NOW - timedelta(days=back))).mkdir()
    gone = shelf.tidy(tmp_path, NOW)
    assert "2026-11-20T023000Z" in gone
    assert set(gone).isdisjoint(shelf.names(tmp_path))
    assert len(gone) + len(shelf.names(tmp_path)) == 60


def test_the_last_of_the_schema_before_stays_and_a_damaged_manifest_speaks_of_none(tmp_path: Path) -> None:
    """As deploys leave them, each of which takes one: an upgrade, then corrections of the same day."""
    taken = [tmp_path / shelf.name_of(NOW + timedelta(minutes=minute)) for minute in range(9)]
    for minute, folder in enumerate(taken):
        folder.mkdir()
        schema = "0001" if minute < 2 else "0002"
        Manifest(NOW, 1.0, {"orders": Dump("orders.age", 1, "", schema, {}, 1)}, 0, {}).write(folder)
    (taken[0] / NAME).write_text("")
    (taken[5] / NAME).unlink()
    assert shelf.tidy(tmp_path, NOW) == [folder.name for folder in (taken[0], *taken[2:6])]


def test_a_manifest_is_on_the_disk_before_the_backup_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink()))
    partial = shelf.begin(tmp_path, shelf.name_of(NOW))
    Manifest(NOW, 1.0, {}, 0, {}).write(partial)
    assert synced == [partial / NAME]
    assert (partial / NAME).read_text().endswith("}\n")


def test_the_newest_is_none_that_a_wrong_clock_named(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ahead, sound = (shelf.name_of(now + timedelta(days=days)) for days in (3650, -1))
    for name in (ahead, sound):
        (tmp_path / name).mkdir()
    assert shelf.find(tmp_path, "newest").name == sound
    assert shelf.find(tmp_path, ahead).name == ahead
    (tmp_path / sound).rmdir()
    # By the clock of now all are ahead: it may be that one that is wrong.
    assert shelf.find(tmp_path, "newest").name == ahead


def test_a_wrong_clock_takes_no_backup_away(tmp_path: Path) -> None:
    """Neither one that is behind, to which all are of days to come, nor what one that was ahead has left."""
    now = datetime.now(UTC)
    there = [shelf.name_of(now - timedelta(days=back)) for back in range(7)]
    ahead = [shelf.name_of(now + timedelta(days=3650 + day)) for day in range(40)]
    for name in (*there, *ahead):
        (tmp_path / name).mkdir()
    assert shelf.tidy(tmp_path, now) == []


@pytest.mark.parametrize("name", ["../elsewhere", "2026-11-30", "", "/etc"])
def test_a_backup_is_found_by_its_name_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="there is no backup"):
        shelf.find(tmp_path, name)


def test_a_damaged_state_file_is_no_end(tmp_path: Path) -> None:
    (tmp_path / shelf.STATE).write_text("{")
    assert shelf.recall(tmp_path) == {}
    shelf.remember(tmp_path, since="now")
    assert shelf.recall(tmp_path) == {"since": "now"}


def test_what_several_remember_at_once_is_all_remembered(tmp_path: Path) -> None:
    """A copy ends while a backup does."""
    marks = [f"mark {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda mark: shelf.remember(tmp_path, **{mark: "done"}), marks))
    assert shelf.recall(tmp_path).keys() == set(marks)


@pytest.fixture
def backup(tmp_path: Path, key: tuple[Path, str]) -> Path:
    """A backup whose dumps are none: what is looked at before them is what these tests are about."""
    folder = tmp_path / "backups" / shelf.name_of(NOW)
    folder.mkdir(parents=True)
    dumps = {}
    for name in ("notify", "usda", "orders"):
        (tmp_path / "migrations" / name).mkdir(parents=True)
        (tmp_path / "migrations" / name / "0001_first.py").write_text('revision = "0001"\n')
        written = into_file([["printf", name], lock([key[1]])], ENVIRONMENT, folder / f"{name}.age")
        dumps[name] = Dump(f"{name}.age", written.size, written.sha256, "0001", {"people": 3}, 1_000)
    Manifest(NOW, 1.0, dumps, 0, {}).write(folder)
    return folder


def refusal(backup: Path, key: Path) -> str:
    with pytest.raises(Refused) as refused:
        check(backup, key, backup.parent.parent / "migrations", print)
    return str(refused.value)


def test_a_changed_byte_is_found(backup: Path, key: tuple[Path, str]) -> None:
    damaged = bytearray((backup / "usda.age").read_bytes())
    damaged[-1] ^= 1
    (backup / "usda.age").write_bytes(damaged)
    assert "usda.age is damaged" in refusal(backup, key[0])


def test_a_missing_file_and_a_damaged_manifest_are_found(backup: Path, key: tuple[Path, str]) -> None:
    (backup / "notify.age").unlink()
    assert "notify.age is damaged" in refusal(backup, key[0])
    (backup / "manifest.json").write_text('{"version": 1}')
    assert "manifest.json is damaged" in refusal(backup, key[0])


def test_another_key_is_told(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    new_key(other)
    assert "can't be opened with this key" in refusal(backup, other)


def test_one_of_a_newer_version_is_refused(backup: Path, key: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "migrations" / "notify" / "0001_first.py").write_text('revision = "0000"\n')
    assert "is of a newer version: notify has schema 0001" in refusal(backup, key[0])


def test_what_opens_but_is_no_dump_is_refused(backup: Path, key: tuple[Path, str]) -> None:
    assert subprocess.run(["pg_restore", "--version"], check=False, capture_output=True).returncode == 0
    assert "sh ended with 1: pg_restore: error" in refusal(backup, key[0])
