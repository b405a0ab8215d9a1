"""Which backups stay: the newest of each day, week, month and schema, as far back as these numbers say."""

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

KEPT_LAST = 3
KEPT_DAILY = 7
KEPT_WEEKLY = 4
KEPT_MONTHLY = 6
# What the databases are made of changes with a release: the last backup before such a change is the one to go back to.
KEPT_SCHEMAS = 3
# So many stand beside each other at most, and one that is being taken.
MOST = KEPT_LAST + KEPT_DAILY + KEPT_WEEKLY + KEPT_MONTHLY + KEPT_SCHEMAS


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day


def _week(moment: datetime) -> tuple[int, ...]:
    return tuple(moment.isocalendar()[:2])


def _month(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month


def _unknown(_: datetime) -> None:
    return None


def kept(moments: Iterable[datetime], schemas_of: Callable[[datetime], Hashable] = _unknown) -> set[datetime]:
    """Return which of the backups taken at these moments stay.

    Days, weeks and months without a backup do not count: after a month of silence the old ones are all still there,
    instead of having gone one by one. A few of the newest stay in any case, so that several taken on one day do not
    push each other out before anybody has looked at them. Each deploy takes one, and after a few the one before an
    upgrade would be gone: of the days that are kept the newest of each of the last schemas stays, too, of which
    ``schemas_of`` says what a backup has; None where nobody knows.
    """
    newest_first = sorted(moments, reverse=True)
    stay = set(newest_first[:KEPT_LAST])
    rules: tuple[tuple[Callable[[datetime], tuple[int, ...]], int], ...] = (
        (_day, KEPT_DAILY),
        (_week, KEPT_WEEKLY),
        (_month, KEPT_MONTHLY),
    )
    for span_of, most in rules:
        seen: set[tuple[int, ...]] = set()
        for moment in newest_first:
            if len(seen) == most:
                break
            if span_of(moment) not in seen:
                seen.add(span_of(moment))
                stay.add(moment)
    return stay | _of_schemas(newest_first, schemas_of)


def _of_schemas(newest_first: list[datetime], schemas_of: Callable[[datetime], Hashable]) -> set[datetime]:
    days: set[tuple[int, ...]] = set()
    newest: dict[Hashable, datetime] = {}
    for moment in newest_first:
        days.add(_day(moment))
        if len(days) > KEPT_DAILY or len(newest) == KEPT_SCHEMAS:
            break
        schemas = schemas_of(moment)
        if schemas is not None:
            newest.setdefault(schemas, moment)
    return set(newest.values())
