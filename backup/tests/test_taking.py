"""A backup from beginning to end on a real server: what is remembered of it, and who may work beside it."""

import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from mercadito_backup import shelf, taking
from mercadito_backup.manifest import NAME
from mercadito_backup.problems import Busy, Failed
from mercadito_backup.serving import due

from .conftest import Hub

COPIED_WITHIN_S = 60


def test_a_success_ends_what_a_failure_in_years_to_come_began(hub: Hub) -> None:
    shelf.remember(hub.settings.state, failed_at="2036-01-01T00:00:00+00:00")
    hub.take()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert due(tomorrow, tomorrow, shelf.recall(hub.settings.state), "backup_at", "failed_at")
    assert shelf.recall(hub.settings.state)["failed_at"] is None


def test_two_of_the_same_second_are_both_taken_and_have_names_and_keys_of_their_own(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Stopped":
            return cls(2026, 11, 30, 20, 56, 18, tzinfo=tz)

    monkeypatch.setattr(taking, "datetime", Stopped)
    first, second = hub.take(), hub.take()
    assert [first.name, second.name] == ["2026-11-30T205618Z", "2026-11-30T205619Z"]
    assert [path.name for path in hub.settings.state.glob("drill-*.key")] == [f"drill-{second.name}.key"]
    second.rename(second.with_name("2036-01-01T000000Z"))
    assert hub.take().name == second.name


def test_the_newest_by_the_clock_is_told_alone_and_the_others_are_marked(hub: Hub) -> None:
    (hub.take()).rename(hub.settings.folder / "2036-01-01T000000Z")
    name = hub.take().name
    assert hub.run("newest").stdout == f"{name}\n"
    listed = hub.run("list").stdout.splitlines()
    assert [line.endswith("! of a day to come: the clock was wrong") for line in listed] == [False, True]


def test_a_damaged_one_is_marked_and_the_others_are_listed(hub: Hub) -> None:
    """As a power cut may leave it: the one that is left to restore is among the others."""
    emptied, bare = (hub.settings.folder / f"2026-01-0{day}T020000Z" for day in (1, 2))
    for folder in (emptied, bare):
        folder.mkdir()
    (emptied / NAME).write_text("")
    name = hub.take().name
    done = hub.run("list")
    assert done.returncode == 0, done.stdout
    first, second, last = done.stdout.splitlines()
    assert first.startswith(f"{emptied.name}  ! damaged: ")
    assert second == f"{bare.name}  ! damaged: {bare.name} has no {NAME}"
    assert last.startswith(f"{name}  0.0 MB  ")


def test_others_are_taken_while_a_copy_is_under_way(hub: Hub, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    hub.more["BACKUP_COPY_COMMAND"] = f"touch {begun}; until [ -e {end} ]; do sleep 0.05; done"
    copying = threading.Thread(target=hub.take)
    copying.start()
    try:
        while not begun.exists() and copying.is_alive():
            copying.join(0.05)
        # As a deploy does.
        of_a_deploy = Hub(hub.folder, hub.told, hub.more | {"BACKUP_COPY_COMMAND": ""})
        whole = of_a_deploy.take()
        with pytest.raises(Failed, match=r"the backup stands here.*a copy is under way"):
            hub.take()
        with shelf.alone(hub.settings.state):
            pass
    finally:
        end.touch()
        copying.join(COPIED_WITHIN_S)
    assert whole.name in shelf.names(hub.settings.folder)
    assert "copy_at" in shelf.recall(hub.settings.state)


def test_nothing_is_removed_under_a_copy(hub: Hub) -> None:
    for back in range(60):
        (hub.settings.folder / shelf.name_of(datetime.now(UTC) - timedelta(days=back + 1))).mkdir()
    with shelf.alone(hub.settings.state, shelf.COPYING):
        hub.take()
        assert len(shelf.names(hub.settings.folder)) == 61
    hub.take()
    assert len(shelf.names(hub.settings.folder)) < 30


def test_two_backups_are_not_taken_at_once(hub: Hub) -> None:
    with shelf.alone(hub.settings.state), pytest.raises(Busy):
        hub.take()
