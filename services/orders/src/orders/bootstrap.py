"""The only wiring: which adapters the entry points work with."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mercadito_events.envelope import Event
from mercadito_events.handling import Handler, Permanent
from mercadito_events.service.database import create_engine
from sqlalchemy import Connection, Engine

from orders.adapters.comments import SqlCommentReads
from orders.adapters.demo_world import DemoWorld
from orders.adapters.directory_reads import SqlDirectoryReads
from orders.adapters.market_prices import SqlMarketPrices
from orders.adapters.market_standing import SqlMarketStandings
from orders.adapters.order_lists import SqlOrderLists
from orders.adapters.passwords import Argon2Passwords
from orders.adapters.planning_reads import SqlPlanningQueries
from orders.adapters.product_reads import SqlProductQueries
from orders.adapters.pruning import prune
from orders.adapters.readiness import SchemaCheck
from orders.adapters.reads import SqlQueries
from orders.adapters.seed_world import SeedWorld
from orders.adapters.shop import SqlShop
from orders.adapters.signing import KeyFileSigner, rotate_keys
from orders.adapters.standing_reads import SqlStandingReads
from orders.adapters.totp import Totp
from orders.adapters.transactions import SqlTransactions, SqlUnitOfWork
from orders.adapters.trends import SqlTrends
from orders.application import clock, incoming
from orders.application.accounts import Accounts
from orders.application.comment_book import CommentReads
from orders.application.commenting import CommentDesk
from orders.application.directory_views import DirectoryReads
from orders.application.factor_records import OneTimeCodes
from orders.application.market_prices import MarketPrices
from orders.application.market_standing import MarketStandings
from orders.application.order_lists import OrderLists
from orders.application.ordering import OrderDesk, Ordering
from orders.application.own_access import OwnAccess
from orders.application.password_changes import PasswordChanges
from orders.application.password_check import DEMO_LIMITS, Limits, PasswordCheck
from orders.application.people_desk import PeopleDesk
from orders.application.planning import PlanningDesk
from orders.application.planning_offers import OffersDesk
from orders.application.planning_prices import PriceDesk
from orders.application.planning_queries import PlanningQueries
from orders.application.ports import Passwords, Transactions, UnitOfWork
from orders.application.product_import import ImportDesk
from orders.application.product_queries import ProductQueries
from orders.application.products import ProductDesk
from orders.application.queries import Queries
from orders.application.second_factors import SecondFactors
from orders.application.shop import Shop
from orders.application.standing_desk import StandingDesk
from orders.application.standing_orders import StandingReads
from orders.application.store_desk import StoreDesk
from orders.application.trends import Trends
from orders.settings import TaskSettings, WebSettings, WorkerSettings

__all__ = [
    "Container",
    "Demo",
    "Seed",
    "Worker",
    "build_demo",
    "build_seed",
    "build_transactions",
    "build_web",
    "build_worker",
    "migrations_dir",
    "rotate_keys",
]

# The relay keeps one; two consumers, the clock, pruning and the readiness check take one each at times.
WORKER_POOL_SIZE = 6
TASK_POOL_SIZE = 2
# Two past days are written while a third connection draws numbers.
SEED_POOL_SIZE = 3


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """What a person does with the own account."""

    passwords: PasswordChanges
    second_factor: SecondFactors
    access: OwnAccess


@dataclass(frozen=True, slots=True)
class Container:
    """What the web's entry points work with."""

    settings: WebSettings
    queries: Queries
    trends: Trends
    market: MarketStandings
    market_prices: MarketPrices
    shop: Shop
    order_lists: OrderLists
    accounts: Accounts
    own: OwnAccount
    ordering: Ordering
    directory: DirectoryReads
    stores: StoreDesk
    people: PeopleDesk
    catalogue: ProductQueries
    products: ProductDesk
    imports: ImportDesk
    planning: PlanningDesk
    planned_offers: OffersDesk
    planned_prices: PriceDesk
    planning_queries: PlanningQueries
    comments: CommentReads
    commenting: CommentDesk
    standing: StandingReads
    standing_desk: StandingDesk
    problems: Callable[[], Sequence[str]]
    """What keeps this process from serving, now; empty when it is ready."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What the background process works with; the kit's relay and consumers take the engine as it is."""

    engine: Engine
    on_usda: Mapping[str, Handler]
    on_mails: Mapping[str, Handler]
    advance_clock: Callable[[], int]
    prune: Callable[[], Mapping[str, int]]
    problems: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Demo:
    """What `orders demo` works with."""

    world: DemoWorld
    transactions: Transactions
    passwords: Passwords


@dataclass(frozen=True, slots=True)
class Seed:
    """What `orders seed` works with."""

    world: SeedWorld
    passwords: Passwords


def migrations_dir(env: Mapping[str, str] = os.environ) -> Path:
    """Return where the migration steps are: beside the source, unless an image says otherwise."""
    return Path(env.get("MIGRATIONS_DIR") or Path(__file__).resolve().parents[2] / "migrations")


def build_web(settings: WebSettings) -> Container:
    """Wire the web process; opens no connection, so that it may be called before a fork."""
    engine = create_engine(settings.database, pool_size=settings.threads, application_name="orders-web")
    signer = KeyFileSigner(settings.key_file, settings.jwks_file)
    transactions = SqlTransactions(engine)
    schema = SchemaCheck(engine, migrations_dir())
    limits = Limits() if settings.environment == "production" else DEMO_LIMITS
    passwords, codes = Argon2Passwords(), Totp(settings.session_secret)

    def problems() -> list[str]:
        unsigned = signer.problem()
        return [*schema.problems(), *([unsigned] if unsigned else [])]

    return Container(
        settings=settings,
        queries=SqlQueries(engine, settings.hub.time_zone, settings.hub.usda_today),
        trends=SqlTrends(engine, settings.hub.time_zone, settings.hub.usda_today),
        market=SqlMarketStandings(engine, settings.hub.time_zone, settings.hub.usda_today),
        market_prices=SqlMarketPrices(engine, settings.hub.time_zone, settings.hub.usda_today),
        accounts=Accounts(transactions, passwords, signer, limits, codes),
        own=_own_account(settings, transactions, passwords, codes, limits),
        shop=SqlShop(engine, settings.hub.time_zone, settings.hub.usda_today),
        order_lists=SqlOrderLists(engine),
        ordering=OrderDesk(transactions),
        directory=SqlDirectoryReads(engine),
        stores=StoreDesk(transactions, settings.hub.time_zone.key),
        people=PeopleDesk(transactions, settings.hub.time_zone.key, settings.public_url),
        catalogue=SqlProductQueries(engine, settings.hub.time_zone, settings.hub.usda_today),
        products=ProductDesk(transactions),
        imports=ImportDesk(transactions),
        planning=PlanningDesk(transactions, settings.hub.time_zone),
        planned_offers=OffersDesk(transactions),
        planned_prices=PriceDesk(transactions, settings.hub.time_zone, settings.hub.usda_today),
        planning_queries=SqlPlanningQueries(engine, settings.hub.time_zone, settings.hub.usda_today),
        comments=SqlCommentReads(engine),
        commenting=CommentDesk(transactions),
        standing=SqlStandingReads(engine),
        standing_desk=StandingDesk(transactions),
        problems=problems,
    )


def _own_account(
    settings: WebSettings, transactions: Transactions, passwords: Passwords, codes: OneTimeCodes, limits: Limits
) -> OwnAccount:
    check = PasswordCheck(transactions, passwords, limits)
    return OwnAccount(
        passwords=PasswordChanges(
            transactions,
            passwords,
            check,
            public_url=settings.public_url,
            hub_name=settings.hub.name,
            askings_per_address=limits.askings_per_address,
        ),
        second_factor=SecondFactors(transactions, codes, check, settings.hub.name),
        access=OwnAccess(transactions),
    )


def build_worker(settings: WorkerSettings) -> Worker:
    """Wire the background process."""
    engine = create_engine(settings.database, pool_size=WORKER_POOL_SIZE, application_name="orders-worker")
    transactions = SqlTransactions(engine)
    return Worker(
        engine=engine,
        on_usda={
            "usda.price.recorded.v1": _handler(_record_prices),
            "usda.forecast.updated.v1": _handler(_record_forecasts),
            "usda.crawl.progressed.v1": _handler(_see_crawl),
            "usda.crawl.failed.v1": _handler(_see_crawl),
        },
        on_mails={f"notify.email.{state}.v1": _handler(_record_mail) for state in incoming.MAIL_STATES},
        advance_clock=lambda: clock.advance(transactions),
        prune=lambda: prune(engine),
        problems=SchemaCheck(engine, migrations_dir()).problems,
    )


def build_transactions(settings: TaskSettings) -> Transactions:
    """Wire a command that runs one use case."""
    return SqlTransactions(_task_engine(settings))


def build_demo(settings: TaskSettings) -> Demo:
    """Wire `orders demo`."""
    engine = _task_engine(settings)
    return Demo(DemoWorld(engine, settings.hub.time_zone), SqlTransactions(engine), Argon2Passwords())


def build_seed(settings: TaskSettings) -> Seed:
    """Wire `orders seed`."""
    engine = _task_engine(settings, SEED_POOL_SIZE)
    return Seed(SeedWorld(engine, settings.hub.time_zone, settings.hub.usda_today), Argon2Passwords())


def _task_engine(settings: TaskSettings, pool_size: int = TASK_POOL_SIZE) -> Engine:
    return create_engine(settings.database, pool_size=pool_size, application_name="orders-task")


def _handler(use_case: Callable[[Event, UnitOfWork], None]) -> Handler:
    """Run a use case in the transaction that the inbox opened: the effect and the inbox row commit together."""

    def handle(connection: Connection, event: Event) -> None:
        unit = SqlUnitOfWork(connection)
        try:
            use_case(event, unit)
        except incoming.Unreadable as error:
            raise Permanent(str(error)) from error
        unit.flush()

    return handle


def _record_prices(event: Event, work: UnitOfWork) -> None:
    # First what was taken back: of a series that has both, the quotes that stand then come on top.
    work.market.forget(incoming.read_withdrawn(event.data))
    work.market.record(incoming.read_quotes(event.data))


def _record_forecasts(event: Event, work: UnitOfWork) -> None:
    work.market.record_forecasts(incoming.read_forecasts(event.data))


def _see_crawl(event: Event, work: UnitOfWork) -> None:
    work.market.crawl_seen(incoming.read_crawl(event.data, event.time))


def _record_mail(event: Event, work: UnitOfWork) -> None:
    # "notify.email.sent.v1": the verb is the state.
    work.record_mail(incoming.read_mail(event.data, event.type.split(".")[-2]))
