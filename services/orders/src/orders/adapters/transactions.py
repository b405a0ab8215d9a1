"""One transaction: rollback unless it reaches its end, bounded retries of what PostgreSQL asks to repeat."""

import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, cast

import structlog
from mercadito_events.envelope import new_event
from mercadito_events.outbox import enqueue
from mercadito_events.service import tracing
from prometheus_client import Counter
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orders.adapters.account_records import SqlAccountRecords
from orders.adapters.availability import code, is_passing, is_repeatable, unavailable
from orders.adapters.comments import SqlComments
from orders.adapters.cycles import SqlCycles, SqlOffers
from orders.adapters.day_reports import SqlDayReports
from orders.adapters.dear_orders import SqlDearOrders
from orders.adapters.directory import SqlDirectory
from orders.adapters.factor_records import SqlSecondFactorRecords
from orders.adapters.keys import SqlKeys
from orders.adapters.links import SqlOneTimeLinks
from orders.adapters.market import SqlMarket
from orders.adapters.orders import SqlOrders
from orders.adapters.people import SqlPeople
from orders.adapters.planned_cycles import SqlPlannedCycles
from orders.adapters.planned_offers import SqlPlannedOffers
from orders.adapters.products import SqlProducts, SqlUploads
from orders.adapters.standing_orders import SqlStandingOrders
from orders.application.ports import AuditEntry, Fact, MailOutcome, UnitOfWork
from orders.domain.errors import KeyInFlight, OrderExists, PriceChanged, SoldOut, Unavailable, VersionConflict

SOURCE = "/mercadito/orders"
AUDIT_BATCH = 1_000
ATTEMPTS = 4
FIRST_PAUSE_S = 0.02

# What people meet because others were quicker, by what it is; of everything else the answers' statuses tell enough.
_CONFLICTS: dict[type[Exception], str] = {
    SoldOut: "sold_out",
    PriceChanged: "price_changed",
    VersionConflict: "version_conflict",
    OrderExists: "order_exists",
    KeyInFlight: "key_in_flight",
}
_conflicts = Counter("orders_conflicts_total", "Changes refused because something else came first", ["what"])
for _what in _CONFLICTS.values():
    _conflicts.labels(_what)

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class SqlUnitOfWork:
    """`UnitOfWork` on a connection inside a transaction; `flush` writes trail and facts, and must come last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: list[Fact] = []
        self._trail: list[AuditEntry] = []
        self.cycles = SqlCycles(connection)
        self.offers = SqlOffers(connection)
        self.day_reports = SqlDayReports(connection)
        self.orders = SqlOrders(connection)
        self.people = SqlPeople(connection)
        self.links = SqlOneTimeLinks(connection)
        self.directory = SqlDirectory(connection)
        self.accounts = SqlAccountRecords(connection)
        self.factors = SqlSecondFactorRecords(connection)
        self.plans = SqlPlannedCycles(connection)
        self.planned_offers = SqlPlannedOffers(connection)
        self.market = SqlMarket(connection)
        self.products = SqlProducts(connection)
        self.uploads = SqlUploads(connection)
        self.keys = SqlKeys(connection)
        self.dear_orders = SqlDearOrders(connection)
        self.comments = SqlComments(connection)
        self.standing = SqlStandingOrders(connection)

    def now(self) -> datetime:
        """Return the database's clock at this moment."""
        return cast("datetime", self._connection.scalar(text("SELECT clock_timestamp()")))

    def audit(self, entry: AuditEntry) -> None:
        """Remember a line of the trail for `flush`."""
        self._trail.append(entry)

    def audit_all(self, entries: Sequence[AuditEntry]) -> None:
        """Remember many lines."""
        self._trail.extend(entries)

    def publish(self, fact: Fact) -> None:
        """Remember a fact for `flush`."""
        self._facts.append(fact)

    def record_mail(self, outcome: MailOutcome) -> None:
        """Keep what became of a mail, unless something later is known."""
        self._connection.execute(
            _MAIL,
            {
                "message_id": outcome.message_id,
                "kind": outcome.kind,
                "state": outcome.state,
                "person_id": outcome.person_id,
                "order_id": outcome.order_id,
                "at": outcome.at,
                "reason": outcome.reason,
            },
        )

    def flush(self) -> None:
        """Write trail and facts: every row lock is held by now, so the order of the facts is that of the commits."""
        self._write_trail()
        for fact in self._facts:
            event = new_event(fact.type, fact.data, source=SOURCE, subject=fact.about, traceparent=tracing.current())
            enqueue(self._connection, event, expires_at=fact.expires_at)
        self._facts.clear()

    def _write_trail(self) -> None:
        """Write the lines, many a statement: an order moves the stock of ten offers, each with a line of its own."""
        for start in range(0, len(self._trail), AUDIT_BATCH):
            lines = [_audit_line(entry) for entry in self._trail[start : start + AUDIT_BATCH]]
            self._connection.execute(_AUDIT, {"lines": json.dumps(lines)})
        self._trail.clear()


class SqlTransactions:
    """`Transactions` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` and commit; see the port."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(work)
            except DBAPIError as error:
                if not is_repeatable(error):
                    raise
                if attempt == ATTEMPTS:
                    raise Unavailable("too much at once", not_processed=True) from error
                _log.info("transaction_repeated", attempt=attempt, code=code(error))
            except tuple(_CONFLICTS) as refused:
                # Some have kinds of their own.
                _conflicts.labels(next(what for kind, what in _CONFLICTS.items() if isinstance(refused, kind))).inc()
                raise
            time.sleep(FIRST_PAUSE_S * 2**attempt * random.random())
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    def _attempt(self, work: Callable[[UnitOfWork], T]) -> T:
        committing = False
        try:
            with (
                tracing.span("transaction"),
                self._engine.connect() as connection,
                connection.begin() as transaction,
            ):
                unit = SqlUnitOfWork(connection)
                result = work(unit)
                unit.flush()
                committing = True
                transaction.commit()
                return result
        except PoolTimeout as error:
            raise unavailable(error) from error
        except DBAPIError as error:
            if not is_passing(error):
                raise
            raise unavailable(error, committing=committing) from error


def _audit_line(entry: AuditEntry) -> dict[str, object]:
    return {
        "entity": entry.entity,
        "entity_id": entry.entity_id,
        "action": entry.action,
        "person_id": entry.actor.person_id if entry.actor else None,
        "role": entry.actor.role.value if entry.actor else None,
        "changes": entry.changes,
        "reason": entry.reason,
    }


_AUDIT = text(
    "INSERT INTO audit (entity, entity_id, action, person_id, role, changes, reason)"
    " SELECT entity, entity_id, action, person_id, role, changes, reason FROM jsonb_to_recordset(CAST(:lines AS jsonb))"
    " AS line (entity text, entity_id uuid, action text, person_id uuid, role text, changes jsonb, reason text)"
)
_MAIL = text(
    "INSERT INTO mails (message_id, kind, state, person_id, order_id, at, reason)"
    " VALUES (:message_id, :kind, :state, CAST(:person_id AS uuid), CAST(:order_id AS uuid), :at, :reason)"
    " ON CONFLICT (message_id) DO UPDATE SET state = excluded.state, at = excluded.at, reason = excluded.reason"
    " WHERE mails.at <= excluded.at"
)
