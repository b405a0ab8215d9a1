"""The rules of planning, without a database: clocks that jump, weeks that are proposed, what may change when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.cycle import Cycle, CycleState
from orders.domain.errors import CycleNotEditable, Invalid
from orders.domain.hub_time import NoSuchTime, days_later, moment_of, wall_clock
from orders.domain.offer import PlannedOffer, Terms, term_changes, with_terms
from orders.domain.planning import changed_plan, may_change, next_plan, require_cancellable, usual_packing_at

HUB = ZoneInfo("America/Los_Angeles")
NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)


def cycle(**changed: object) -> Cycle:
    day = Cycle(
        id="00000000-0000-0000-0000-000000000001",
        name="Jan 8",
        state=CycleState.SCHEDULED,
        opens_at=datetime(2026, 1, 6, 18, tzinfo=UTC),
        cutoff_at=datetime(2026, 1, 8, 2, tzinfo=UTC),
        delivery_on=date(2026, 1, 8),
        packing_at=datetime(2026, 1, 8, 11, tzinfo=UTC),
    )
    return replace(day, **changed)  # type: ignore[arg-type]


def test_a_time_that_the_clocks_skip_does_not_exist() -> None:
    with pytest.raises(NoSuchTime):
        moment_of(datetime(2026, 3, 8, 2, 30), HUB)  # noqa: DTZ001 - what a field holds has no zone
    assert moment_of(datetime(2026, 3, 8, 3, 30), HUB) == datetime(2026, 3, 8, 10, 30, tzinfo=UTC)  # noqa: DTZ001


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    first = moment_of(datetime(2026, 11, 1, 1, 30), HUB)  # noqa: DTZ001 - what a field holds has no zone
    assert first == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert wall_clock(first + timedelta(hours=1), HUB) == wall_clock(first, HUB)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_the_clock_shows_means_the_moment_or_an_hour_before(moment: datetime) -> None:
    shown = wall_clock(moment, HUB)
    assert moment_of(shown, HUB) in (moment, moment - timedelta(hours=1))


def test_a_week_later_means_the_same_time_on_the_wall() -> None:
    before = datetime(2026, 3, 6, 2, tzinfo=UTC)  # 6 PM PST
    assert days_later(before, 7, HUB) - before == timedelta(days=7, hours=-1)
    skipped = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)  # 2:30 AM, a time that the next Sunday skips
    assert wall_clock(days_later(skipped, 7, HUB), HUB).hour == 3


@pytest.mark.parametrize("day", [date(2026, 1, 8), date(2026, 3, 8), date(2026, 11, 1)])
def test_packing_begins_at_three_on_the_wall(day: date) -> None:
    packing = usual_packing_at(day, datetime(2025, 1, 1, tzinfo=UTC), HUB)
    assert wall_clock(packing, HUB).hour == 3


def test_the_proposal_lies_ahead_and_avoids_days_that_are_taken() -> None:
    plan = next_plan(cycle(), taken=frozenset(), now=NOW, zone=HUB)
    assert (plan.name, plan.delivery_on) == ("Jan 15", date(2026, 1, 15))
    assert plan.packing_at == usual_packing_at(plan.delivery_on, plan.cutoff_at, HUB)
    plan = next_plan(cycle(), taken={date(2026, 1, 15), date(2026, 1, 16)}, now=NOW, zone=HUB)
    assert (plan.delivery_on, plan.cutoff_at - plan.opens_at) == (date(2026, 1, 17), timedelta(hours=32))
    late = next_plan(cycle(), taken=frozenset(), now=NOW + timedelta(days=40), zone=HUB)
    assert late.opens_at > NOW + timedelta(days=40)
    assert late.delivery_on.weekday() == date(2026, 1, 8).weekday()


def test_a_reminder_of_ones_own_is_proposed_as_long_before_the_cutoff() -> None:
    own = cycle(remind_at=datetime(2026, 1, 7, 22, tzinfo=UTC))
    plan = next_plan(own, taken=frozenset(), now=NOW, zone=HUB)
    assert plan.remind_at is not None
    assert plan.cutoff_at - plan.remind_at == timedelta(hours=4)


def test_a_name_that_is_no_date_stays() -> None:
    assert next_plan(cycle(name="Thursday run"), taken=frozenset(), now=NOW, zone=HUB).name == "Thursday run"


def test_the_reminder_comes_an_hour_before_the_cutoff_but_not_before_the_opening() -> None:
    assert cycle().reminds_at == datetime(2026, 1, 8, 1, tzinfo=UTC)
    short = cycle(opens_at=datetime(2026, 1, 8, 1, 30, tzinfo=UTC))
    assert short.reminds_at == short.opens_at


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        (CycleState.SCHEDULED, 6),
        (CycleState.OPEN, 5),
        (CycleState.CLOSED, 1),
        (CycleState.PACKING, 0),
        (CycleState.DONE, 0),
        (CycleState.CANCELLED, 0),
    ],
)
def test_the_further_a_day_is_the_less_may_change(state: CycleState, fields: int) -> None:
    assert len(may_change(cycle(state=state), NOW)) == fields


def test_a_reminder_that_was_sent_is_not_planned_again() -> None:
    told = cycle(state=CycleState.OPEN, is_reminded=True)
    assert "remind_at" not in may_change(told, NOW)
    assert changed_plan(told, {"remind_at": None}, now=NOW, zone=HUB).remind_at is None  # as it is: no change
    with pytest.raises(CycleNotEditable):
        changed_plan(told, {"remind_at": NOW}, now=NOW, zone=HUB)


def test_the_packing_time_follows_the_day_unless_it_was_chosen() -> None:
    moved = changed_plan(cycle(), {"delivery_on": date(2026, 1, 9)}, now=NOW, zone=HUB)
    assert moved.packing_at == datetime(2026, 1, 9, 11, tzinfo=UTC)
    own = cycle(packing_at=datetime(2026, 1, 8, 14, tzinfo=UTC))
    moved = changed_plan(own, {"delivery_on": date(2026, 1, 9)}, now=NOW, zone=HUB)
    assert moved.packing_at == own.packing_at
    with pytest.raises(Invalid):
        changed_plan(own, {"cutoff_at": datetime(2026, 1, 8, 15, tzinfo=UTC)}, now=NOW, zone=HUB)


def test_only_days_that_are_not_over_can_be_cancelled() -> None:
    for state in (CycleState.SCHEDULED, CycleState.OPEN, CycleState.CLOSED, CycleState.PACKING):
        require_cancellable(cycle(state=state))
    for state in (CycleState.DONE, CycleState.CANCELLED):
        with pytest.raises(CycleNotEditable):
            require_cancellable(cycle(state=state))


def test_saying_how_much_there_is_opens_a_closed_offer_again_and_a_price_does_not() -> None:
    closed = PlannedOffer("o", "c", "p", 3, "Apples", "Manzanas", Terms(100, available=2), 2, is_withdrawn=True)
    assert with_terms(closed, Terms(120, available=2)).is_withdrawn
    reopened = with_terms(closed, Terms(100, available=9))
    assert (reopened.is_withdrawn, reopened.remaining, reopened.version) == (False, 7, 4)


def test_changes_are_told_field_by_field() -> None:
    was, now = Terms(100, available=5), Terms(120, cutoff_at=NOW)
    assert term_changes(was, now) == [
        {"field": "unit_price_cents", "old": 100, "new": 120},
        {"field": "available", "old": 5, "new": None},
        {"field": "cutoff_at", "old": None, "new": NOW.isoformat()},
    ]
