"""To those who run the hub's system, when market reports could not be fetched: once a day for each source."""

from collections.abc import Sequence
from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.day_readings import CrawlAlarm, FailedCrawl
from notify.kinds.audiences import to_admins
from notify.kinds.kind import Group, Kind


def _of_event(_: Connection, event: Event) -> Sequence[CrawlAlarm]:
    return (CrawlAlarm(**FailedCrawl.of(event.data).model_dump(), at=event.time),)


KIND = Kind(
    name="crawl_failed",
    group=Group.OPERATIONS,
    event_type="usda.crawl.failed.v1",
    reading=CrawlAlarm,
    expires_after=timedelta(hours=24),
    # A source that is away fails every visit; the first of a day is news.
    about=lambda crawl: f"{crawl.source}:{crawl.at.date().isoformat()}",
    recipients=to_admins,
    of_event=_of_event,
)
