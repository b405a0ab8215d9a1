"""The clock: when a backup or drill is due, over changes of clocks and after failures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from mercadito_backup import shelf
from mercadito_backup.schedule import Moment
from mercadito_backup.serving import RETRY, due, note_start
from mercadito_backup.standing import AHEAD, BACKUP_LATE, ages

HERE = ZoneInfo("America/Los_Angeles")


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=HERE)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "now", "last"),
    [
        ("02:30", local(2026, 11, 30, 2, 30), local(2026, 11, 30, 2, 30)),
        ("02:30", local(2026, 11, 30, 2, 29), local(2026, 11, 29, 2, 30)),
        ("sun 04:00", local(2026, 11, 30, 2, 0), local(2026, 11, 29, 4, 0)),
        ("sun 04:00", local(2026, 11, 29, 3, 59), local(2026, 11, 22, 4, 0)),
        # The clocks leave 02:30 out on this day, and show it twice on the other.
        ("02:30", local(2026, 3, 8, 12, 0), local(2026, 3, 8, 2, 30)),
        ("02:30", local(2026, 11, 1, 12, 0), local(2026, 11, 1, 2, 30)),
    ],
)
def test_the_last_moment(text: str, now: datetime, last: datetime) -> None:
    assert Moment.read(text).last(now.astimezone(UTC), HERE) == last


@pytest.mark.parametrize("text", ["", "2:30", "24:00", "sun", "someday 02:30", "02:30 sun", "02:60"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever words
        Moment.read(text)


def test_a_fresh_server_waits_for_its_first_night_and_one_that_was_away_catches_up() -> None:
    night = local(2026, 11, 30, 2, 30)
    fresh = {"since": (night + timedelta(hours=1)).isoformat()}
    assert not due(night, night + timedelta(hours=2), fresh, "backup_at", "failed_at")
    away = {"backup_at": (night - timedelta(days=3)).isoformat()}
    assert due(night, night + timedelta(hours=9), away, "backup_at", "failed_at")


def test_what_failed_is_tried_again_after_a_while() -> None:
    night = local(2026, 11, 30, 2, 30)
    failed = {"since": "2026-11-01T00:00:00+00:00", "failed_at": night.isoformat()}
    assert not due(night, night + RETRY - timedelta(seconds=1), failed, "backup_at", "failed_at")
    assert due(night, night + RETRY, failed, "backup_at", "failed_at")


def test_late_is_more_than_26_hours_for_a_backup_and_8_days_for_a_drill_counted_from_the_first_start() -> None:
    now = local(2026, 11, 30, 2, 30)
    since = {"since": (now - timedelta(days=8)).isoformat()}
    late = {each.what: each.late for each in ages(since, now, copied=True)}
    assert late == {"backup": True, "drill": False, "copy": True}
    late = {each.what: each.late for each in ages(since, now + timedelta(seconds=1), copied=False)}
    assert late == {"backup": True, "drill": True}
    good = since | {"backup_at": (now - BACKUP_LATE).isoformat()}
    assert not ages(good, now, copied=False)[0].late


NIGHT = local(2026, 11, 30, 2, 30)
LONG_AGO = (NIGHT - timedelta(days=90)).isoformat()
YEARS_AHEAD = (NIGHT + timedelta(days=3650)).isoformat()


@pytest.mark.parametrize("wrong", [{"backup_at": YEARS_AHEAD}, {"failed_at": YEARS_AHEAD}])
def test_a_mark_of_a_clock_that_was_wrong_keeps_no_backup_from_being_taken(wrong: dict[str, str]) -> None:
    assert due(NIGHT, NIGHT + timedelta(hours=1), {"since": LONG_AGO} | wrong, "backup_at", "failed_at")


def test_a_first_start_by_a_clock_that_was_wrong_began_now(tmp_path: Path) -> None:
    shelf.remember(tmp_path, since=YEARS_AHEAD)
    note_start(tmp_path, NIGHT)
    assert shelf.recall(tmp_path) == {"since": NIGHT.isoformat()}
    note_start(tmp_path, NIGHT + timedelta(hours=1))
    assert shelf.recall(tmp_path) == {"since": NIGHT.isoformat()}


def test_what_was_done_in_years_to_come_is_late() -> None:
    (backup, drill) = ages({"since": LONG_AGO, "backup_at": YEARS_AHEAD, "drill_at": YEARS_AHEAD}, NIGHT, copied=False)
    assert backup.late
    assert drill.late
    assert backup.words == "backup: none for 2161 h, more than 26 h"


def test_a_clock_set_back_by_a_little_is_no_reason_for_alarm() -> None:
    known = {"since": LONG_AGO, "backup_at": (NIGHT + AHEAD / 2).isoformat()}
    assert not ages(known, NIGHT, copied=False)[0].late
    assert ages(known, NIGHT, copied=False)[0].age == timedelta(0)
    assert not due(NIGHT - timedelta(days=1), NIGHT, known, "backup_at", "failed_at")
