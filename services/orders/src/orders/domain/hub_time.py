"""The hub's wall clock: what staff type and read, and the moments it stands for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class NoSuchTime(ValueError):
    """A time that the clocks skip when they are set forward."""


def moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the hub's clocks show a time without a zone.

    A time that the clocks show twice, when they are set back, means the first of the two.

    Raises:
        NoSuchTime: the clocks never show it.

    """
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_clock(moment, zone) != local:
        raise NoSuchTime(f"{local} does not exist in {zone.key}")
    return moment


def wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the hub's clocks show at a moment, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the moment at which the clocks show the same time so many days later; a skipped time becomes the next."""
    local = wall_clock(moment, zone) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)
