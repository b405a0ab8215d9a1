"""What is read of the events of a market day, of stores, comments, tasks and crawls; see ``readings``."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from notify.readings import MAX_QUANTITY, Actor, Cents, Id, Name, OrderNumber, Reading
from notify.text import some_lines

MAX_LISTED = 100
MAX_TOP = 10
MAX_STORES = 5_000
MAX_COUNT = 10**9

Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Words = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(some_lines)]


class MarketDay(Reading):
    """What every event of a market day says."""

    cycle_id: Id
    cutoff_at: AwareDatetime
    delivery_on: date


class ListedOffer(Reading):
    """One price of an opening."""

    name: Name
    name_es: Name
    pack: Name
    pack_es: Name | None = None  # absent where it reads the same
    unit_price_cents: Cents
    last_unit_price_cents: Cents | None = None


class OpenedDay(MarketDay):
    """``orders.cycle.opened.v1``; older publishers tell no prices."""

    republished: bool = False
    price_list: Annotated[tuple[ListedOffer, ...], Field(max_length=MAX_LISTED)] = ()
    offers_total: Count | None = None

    @property
    def unlisted(self) -> int:
        """Return how many offers the shop has beyond those told here."""
        return max((self.offers_total or 0) - len(self.price_list), 0)


class ClosingDay(MarketDay):
    """``orders.cycle.closing.v1``."""

    stores_without_order: Annotated[tuple[Id, ...], Field(max_length=MAX_STORES)]


class StoreReminder(MarketDay):
    """That one store has not ordered; made of a ``ClosingDay``."""

    store_id: Id
    store_name: Name


class TopLine(Reading):
    """A product and how much of it was ordered."""

    name: Name
    name_es: Name
    pack: Name
    pack_es: Name | None = None
    quantity: Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
    shorted: Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]


class DaySums(Reading):
    """What came together until the cutoff."""

    orders: Count
    stores_without_order: Count
    units: Count
    shorted: Count
    total_cents: Annotated[int, Field(strict=True, ge=0)]
    products: Count
    top: Annotated[tuple[TopLine, ...], Field(max_length=MAX_TOP)]


class ClosedDay(MarketDay):
    """``orders.cycle.closed.v1``; older publishers tell no sums."""

    summary: DaySums | None = None


class CancelledDay(MarketDay):
    """``orders.cycle.cancelled.v1``."""

    opens_at: AwareDatetime
    server_time: AwareDatetime
    reason: Words = ""

    @property
    def had_opened(self) -> bool:
        """Tell whether stores had been told of it."""
        return self.opens_at <= self.server_time


class Store(Reading):
    """``orders.store.changed.v1``."""

    store_id: Id
    name: Name
    active: Annotated[bool, Field(strict=True)]
    wants_reminder: Annotated[bool, Field(strict=True)]


class Author(Actor):
    """Who wrote a comment."""

    name: Name = ""


class Comment(Reading):
    """``orders.comment.posted.v1``."""

    order_id: Id
    number: OrderNumber
    store_id: Id
    store_name: Name
    comment_id: Id
    actor: Author
    text: Words
    at: AwareDatetime

    @property
    def is_of_store(self) -> bool:
        """Tell whether the store wrote to the hub, and not the other way round."""
        return self.actor.role == "buyer"


class Task(Reading):
    """``orders.task.progressed.v1``."""

    task_id: Id
    person_id: Id
    kind: Name
    state: Literal["waiting", "running", "done", "failed"]
    done: Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY * 1_000)]

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will come of it."""
        return self.state in {"done", "failed"}


class FailedCrawl(Reading):
    """``usda.crawl.failed.v1``."""

    crawl_id: Id
    source: Name
    files: Count
    rows: Count
    reason: Words


class CrawlAlarm(FailedCrawl):
    """A failed crawl with the time of its event."""

    at: AwareDatetime
