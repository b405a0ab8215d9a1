"""What is kept: seven days, four weeks, six months, each by its newest."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from mercadito_backup.retention import KEPT_DAILY, KEPT_LAST, KEPT_MONTHLY, KEPT_SCHEMAS, KEPT_WEEKLY, MOST, kept

NIGHT = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)


def nights(count: int) -> list[datetime]:
    return [NIGHT - timedelta(days=back) for back in range(count)]


def test_the_numbers_are_those_that_the_documents_promise() -> None:
    assert (KEPT_DAILY, KEPT_WEEKLY, KEPT_MONTHLY, KEPT_SCHEMAS, MOST) == (7, 4, 6, 3, 23)


def test_after_a_year_of_nights_the_last_seven_four_weeks_and_six_months_are_there() -> None:
    stay = kept(nights(365))
    assert set(nights(7)) <= stay
    assert {moment.isocalendar()[:2] for moment in stay} >= {moment.isocalendar()[:2] for moment in nights(28)[:22]}
    assert {moment.month for moment in stay} == {11, 10, 9, 8, 7, 6}
    assert max(moment for moment in stay if moment.month == 7) == datetime(2026, 7, 31, 2, 30, tzinfo=UTC)


def test_night_after_night_the_result_is_the_same_as_of_all_at_once() -> None:
    standing: set[datetime] = set()
    for night in reversed(nights(400)):
        standing = kept({*standing, night})
        assert len(standing) <= MOST
    assert standing == kept(nights(400))


def test_several_of_one_day_push_nothing_older_out() -> None:
    today = [NIGHT + timedelta(minutes=minute) for minute in range(10)]
    stay = kept([*nights(30)[1:], *today])
    assert set(nights(7)[1:]) <= stay
    assert sorted(stay)[-KEPT_LAST:] == today[-KEPT_LAST:]
    assert not stay & set(today[:-KEPT_LAST])


def test_silence_removes_nothing() -> None:
    old = [moment - timedelta(days=200) for moment in nights(6)]
    assert set(old) <= kept([*old, NIGHT])
    assert kept([*old, NIGHT]) == kept(kept([*old, NIGHT]))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_are_all_kept(count: int) -> None:
    assert kept(nights(count)) == set(nights(count))


def test_the_newest_is_always_kept() -> None:
    for first, second in itertools.pairwise(nights(50)):
        assert first in kept([first, second, *nights(50)[25:]] if first >= nights(50)[25] else [first, second])


def deploys(count: int) -> list[datetime]:
    """Backups of one day, a minute apart, the newest last."""
    return [NIGHT + timedelta(minutes=minute) for minute in range(count)]


def changed_after(*last: datetime) -> Callable[[datetime], str]:
    """Return the schemas of backups, which changed after each of these."""
    return lambda moment: f"schema {sum(moment > each for each in last)}"


def test_the_one_before_an_upgrade_outlives_further_deploys_of_the_day() -> None:
    before, *after = deploys(9)
    assert before not in kept([*nights(30)[1:], before, *after])
    assert before in kept([*nights(30)[1:], before, *after], changed_after(before))


def test_it_stays_for_a_week_and_not_for_ever() -> None:
    before, *rest = deploys(5)
    standing = {before, *nights(30)[1:]}
    for day in range(8):
        standing = kept({*standing, *(moment + timedelta(days=day) for moment in rest)}, changed_after(before))
        assert (before in standing) is (day < KEPT_DAILY)
        assert len(standing) <= MOST


def test_of_more_schemas_than_are_kept_the_last_ones_are() -> None:
    of_one_day = deploys(12)
    stay = kept(of_one_day, lambda moment: moment)
    assert stay == set(of_one_day[-KEPT_SCHEMAS:])
    changes = of_one_day[::2]
    assert kept(of_one_day, changed_after(*changes)) == {*of_one_day[-KEPT_LAST:], changes[-1], changes[-2]}


def test_those_of_which_nobody_knows_the_schema_stand_for_none() -> None:
    before, *after = deploys(9)
    known = changed_after(before)
    stay = kept([before, *after], lambda moment: None if moment in after[3:] else known(moment))
    assert stay == {*after[-KEPT_LAST:], before, after[2]}
