"""What the use cases need of the world: one unit of work per transaction, made of a few repositories."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from orders.application.account_records import AccountRecords
from orders.application.commands import Answer, RequestKey
from orders.application.comment_book import CommentBook
from orders.application.day_reports import DayReports
from orders.application.dear_orders import DearOrders
from orders.application.directory import Directory
from orders.application.factor_records import SecondFactorRecords
from orders.application.planning_ports import PlannedCycles, PlannedOffers
from orders.application.product_store import Products, Uploads
from orders.application.sessions import Caller, SignedToken
from orders.application.standing_orders import StandingOrders
from orders.application.trends import Forecast
from orders.domain.cycle import Cycle, CycleState
from orders.domain.order import LockedOffer, Order, OrderLine, OrderState
from orders.domain.people import Actor, Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact:
    """An event to publish: `type` is also its NATS subject, `about` the id of what it is about.

    After `expires_at` nobody may act on it; the outbox forgets its body then.
    """

    type: str
    about: str
    data: Mapping[str, Any]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail; `changes` is a list of JSON objects as `queries.Change` reads them."""

    entity: str
    entity_id: str
    action: str
    actor: Actor | None
    changes: Sequence[Mapping[str, Any]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is needed to check a password; `active` false means that nobody may sign in with it, no hash likewise."""

    person_id: str
    password_hash: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class StoreRecord:
    id: str
    name: str
    active: bool
    wants_reminder: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A person as notify needs to know one."""

    person_id: str
    email: str
    name: str
    locale: str
    role: Role
    store_ids: tuple[str, ...]
    active: bool
    version: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A day's quote of a series as the USDA service published it; prices in USD per package."""

    series_id: str
    market: str
    report_id: str
    commodity: str
    variety: str
    package: str
    size: str
    organic: bool
    quoted_on: date
    low: Decimal | None
    high: Decimal | None
    mostly_low: Decimal | None
    mostly_high: Decimal | None
    reference: Decimal


@dataclass(frozen=True, slots=True)
class WithdrawnQuote:
    """A day's quote of a series that a correction took back."""

    series_id: str
    quoted_on: date


@dataclass(frozen=True, slots=True)
class CrawlSeen:
    """How a crawl goes or ended, as the USDA service told it."""

    source: str
    crawl_id: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """What notify said became of a mail."""

    message_id: str
    kind: str
    state: str
    person_id: str | None
    order_id: str | None
    at: datetime
    reason: str


class OneTimeLinks(Protocol):
    """Links that come by mail and work once. Only a hash of the secret is stored."""

    def add(self, link_id: str, person_id: str, purpose: str, secret_hash: bytes, lifetime_s: int) -> datetime:
        """Store the link, and end earlier ones of this person and purpose; return when it expires."""

    def recent(self, person_id: str, purpose: str, since_s: int) -> int:
        """Count what was issued lately, so that nobody's mailbox can be flooded."""

    def owner(self, secret_hash: bytes, purpose: str) -> str | None:
        """Return whose live, unused link it is."""

    def use(self, secret_hash: bytes, purpose: str) -> str | None:
        """Mark the link as used and return whose it was; None when it is unknown, used or over."""


class Cycles(Protocol):
    def lock_for_ordering(self, cycle_id: str) -> Cycle | None:
        """Hold the cycle's row in share mode: it cannot close until this transaction ends."""

    def due_to_open(self) -> Sequence[Cycle]:
        """Lock the scheduled cycles whose time has come; those another clock holds are left out."""

    def due_to_close(self) -> Sequence[Cycle]:
        """Lock the open cycles whose cutoff has passed, likewise."""

    def due_to_warn(self, ahead_s: int) -> Sequence[Cycle]:
        """Lock the open cycles that close within `ahead_s` and whose stores were not told yet, likewise."""

    def open_ones(self) -> Sequence[Cycle]: ...

    def closing_told(self, cycle_id: str) -> None: ...

    def set_state(self, cycle_id: str, state: CycleState) -> None: ...

    def stores_without_order(self, cycle_id: str) -> Sequence[str]:
        """Return the ids of active stores that have no live order in the cycle."""


class Offers(Protocol):
    def lock(self, offer_ids: Iterable[str], cycle_id: str) -> dict[str, LockedOffer]:
        """Lock those of the offers that belong to the cycle, in id order, which rules out deadlocks."""

    def take(self, deltas: Mapping[str, int]) -> dict[str, LockedOffer]:
        """Take stock (negative gives back) where enough remains; return the limited offers that changed, as they are.

        Offers without a limit are left alone. An offer that has too little is missing from the result. What is given
        back of an offer that was closed by hand lowers what is available of it: nothing more of it can be had.
        """

    def count(self, offer_ids: Iterable[str]) -> dict[str, LockedOffer]:
        """Count what live lines hold of these locked offers, one version on: for those whose stock doesn't tell."""

    def of_cycle(self, cycle_id: str) -> Sequence[LockedOffer]: ...


class Orders(Protocol):
    def live(self, cycle_id: str, store_id: str) -> str | None:
        """Return the id of the store's order that is not cancelled."""

    def add(self, order: Order) -> Order:
        """Write order and lines; return it with the number and the times that the database gave.

        Raises OrderExists when another transaction won the store's place in the cycle.
        """

    def read(self, order_id: str) -> Order | None:
        """Return the order as it is at this moment, without a lock."""

    def lock(self, order_id: str) -> Order | None: ...

    def replace(self, order: Order, lines: Sequence[OrderLine]) -> Order:
        """Write state, note, version and lines anew; return it with the database's time."""

    def set_state(self, order: Order, state: OrderState) -> Order:
        """Move the order to a state, one version on; its lines stay for the record."""

    def store(self, store_id: str) -> StoreRecord | None: ...


class People(Protocol):
    def credentials(self, email: str) -> Credentials | None: ...

    def set_password_hash(self, person_id: str, known: str, fresh: str) -> str | None:
        """Replace a hash by a better one, unless it is not the known one any more; return the one that stands then."""

    def failures(self, account: str, address: str, since_s: int) -> tuple[int, int]:
        """Count recent failed sign-ins: of this account from this address, and of all accounts from this address."""

    def add_failure(self, account: str, address: str) -> None: ...

    def add_session(
        self, session_id: str, person_id: str, secret_hash: bytes, lifetime_s: int, client: str
    ) -> datetime:
        """Store the session; return when it ends at the latest, by the database's clock."""

    def by_session(self, secret_hash: bytes, idle_s: int) -> Caller | None:
        """Return the caller of a session that is neither over nor idle for too long; note that it was used."""

    def keeps_session(self, session_id: str) -> bool:
        """Tell whether a session of an active person lives, and keep it from being ended until the transaction is."""

    def by_token(self, token_id: str) -> Caller | None: ...

    def remove_session(self, session_id: str) -> bool: ...

    def live_tokens(self, person_id: str) -> int:
        """Lock the person's row, so that two requests can't both take the last place; count live tokens."""

    def add_token(
        self, token_id: str, person_id: str, lifetime_s: int, name: str, scopes: Sequence[str]
    ) -> tuple[Caller, datetime]: ...

    def remove_token(self, token_id: str) -> datetime | None:
        """Delete the token; return when it would have ended."""

    def contacts(self) -> Sequence[ContactRecord]: ...

    def set_locale(self, person_id: str, locale: str) -> ContactRecord | None:
        """Keep the language a person reads in, one contact version on; None when it is the same already."""

    def stores(self) -> Sequence[StoreRecord]: ...


class Market(Protocol):
    def record(self, quotes: Sequence[Quote]) -> int:
        """Keep each quote unless a later day's is known; return how many were kept."""

    def forget(self, withdrawn: Sequence[WithdrawnQuote]) -> None:
        """Forget days that a correction took back; the latest quote falls back to the newest day left, or goes."""

    def record_forecasts(self, forecasts: Sequence[Forecast]) -> None:
        """Keep each forecast unless a later one is known."""

    def crawl_seen(self, crawl: CrawlSeen) -> None: ...

    def finished_crawl(self) -> CrawlSeen | None: ...

    def latest(self, market_contains: str) -> Sequence[Quote]: ...


class Keys(Protocol):
    def claim(self, key: RequestKey) -> Answer | None:
        """Make the key this transaction's, or return the answer that was kept for it.

        Raises KeyReused for another request, KeyInFlight when its holder has not finished within 3 s.
        """

    def keep(self, key: RequestKey, answer: Answer) -> None: ...


class UnitOfWork(Protocol):
    """One transaction. Facts are written to the outbox by the commit, as its last statements."""

    @property
    def cycles(self) -> Cycles: ...

    @property
    def offers(self) -> Offers: ...

    @property
    def day_reports(self) -> DayReports: ...

    @property
    def orders(self) -> Orders: ...

    @property
    def people(self) -> People: ...

    @property
    def links(self) -> OneTimeLinks: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def accounts(self) -> AccountRecords: ...

    @property
    def factors(self) -> SecondFactorRecords: ...

    @property
    def plans(self) -> PlannedCycles: ...

    @property
    def planned_offers(self) -> PlannedOffers: ...

    @property
    def market(self) -> Market: ...

    @property
    def products(self) -> Products: ...

    @property
    def uploads(self) -> Uploads: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def dear_orders(self) -> DearOrders: ...

    @property
    def comments(self) -> CommentBook: ...

    @property
    def standing(self) -> StandingOrders: ...

    def now(self) -> datetime:
        """Return the database's clock, not the time at which the transaction began."""

    def audit(self, entry: AuditEntry) -> None: ...

    def audit_all(self, entries: Sequence[AuditEntry]) -> None:
        """Write many lines of the trail in few statements."""

    def publish(self, fact: Fact) -> None: ...

    def record_mail(self, outcome: MailOutcome) -> None: ...


class Transactions(Protocol):
    def run(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in a transaction and commit; roll back on any exception.

        Deadlocks and serialisation failures are tried again a few times, so `work` must have no effect but through
        the unit of work. Raises Unavailable when the database cannot be asked.
        """


class Passwords(Protocol):
    def matches(self, password_hash: str | None, password: str) -> bool:
        """Check a password in the same time whether the account exists (hash given) or not (None)."""

    def turn(self) -> AbstractContextManager[None]:
        """Take one of the few turns that there are at once; raises Unavailable when none frees up in time."""

    def outdated(self, password_hash: str) -> bool: ...

    def hash(self, password: str) -> str: ...


class Signer(Protocol):
    def sign(
        self,
        caller: Caller,
        audience: str,
        *,
        lifetime_s: int,
        token_id: str | None = None,
        now: datetime | None = None,
    ) -> SignedToken: ...

    def api_token_id(self, token: str) -> str:
        """Return the id inside an API token whose signature and times are good; raise Unauthenticated else."""

    def public_keys(self) -> Mapping[str, Any]:
        """Return the JWK set."""
