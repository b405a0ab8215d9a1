"""What is kept: seven days, four weeks, six months, each by its newest."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from mercadito_backup.retention import KEPT_DAILY, KEPT_LAST, KEPT_MONTHLY, KEPT_WEEKLY, MOST, kept

NIGHT = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)


def nights(count: int) -> list[datetime]:
    return [NIGHT - timedelta(days=back) for back in range(count)]


def test_the_numbers_are_those_that_the_documents_promise() -> None:
    assert (KEPT_DAILY, KEPT_WEEKLY, KEPT_MONTHLY) == (7, 4, 6)


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
