"""Market days and their offers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orders.domain.cycle import Cycle, CycleState
from orders.domain.order import LockedOffer

CYCLE = (
    "SELECT id, name, state, opens_at, cutoff_at, delivery_on, version, remind_at, packing_at,"
    " closing_told_at IS NOT NULL AS is_reminded, copied_from, cancel_reason FROM cycles"
)
# Row locks in share mode can follow each other without a gap, so that whoever wants the row alone waits for ever; an
# advisory lock is a queue. Orders pass this gate together, those who change or close the market day alone.
_GATE = "(1668899692, hashtext(CAST(:id AS text)))"
PASS_ALONE = text(f"SELECT pg_advisory_xact_lock{_GATE}")
_OFFER_FIELDS = (
    "o.id, o.cycle_id, o.version, p.name, p.name_es, p.pack, o.unit_price_cents, o.available, o.remaining,"
    " o.max_per_store, o.case_size, o.cutoff_at"
)
_COUNTED = (
    "(SELECT coalesce(sum(l.quantity), 0) FROM order_lines l JOIN orders x ON x.id = l.order_id"
    " AND x.state <> 'cancelled' WHERE l.offer_id = o.id)"
)
_FROM_OFFERS = "FROM offers o JOIN products p ON p.id = o.product_id"
_FOR_ORDERING = text(
    f"{CYCLE} WHERE id = CAST(:id AS uuid) AND pg_advisory_xact_lock_shared{_GATE} IS NOT NULL FOR SHARE"
)
_DUE_TO_OPEN = text(
    f"{CYCLE} WHERE state = 'scheduled' AND opens_at <= clock_timestamp() ORDER BY opens_at, id FOR UPDATE SKIP LOCKED"
)
_OVER = "WHERE state = 'open' AND cutoff_at <= clock_timestamp()"
_ABOUT_TO_CLOSE = text(f"SELECT CAST(id AS text) AS id FROM cycles {_OVER} ORDER BY id")
_DUE_TO_CLOSE = text(f"{CYCLE} {_OVER} ORDER BY cutoff_at, id FOR UPDATE SKIP LOCKED")
_DUE_TO_WARN = text(
    f"{CYCLE} WHERE state = 'open' AND closing_told_at IS NULL AND cutoff_at > clock_timestamp()"
    " AND coalesce(remind_at, cutoff_at - make_interval(secs => :ahead_s)) <= clock_timestamp()"
    " ORDER BY cutoff_at, id FOR UPDATE SKIP LOCKED"
)
_OPEN = text(f"{CYCLE} WHERE state = 'open' ORDER BY cutoff_at, id")
_SET_STATE = text("UPDATE cycles SET state = :state, version = version + 1 WHERE id = CAST(:id AS uuid)")
_TOLD = text("UPDATE cycles SET closing_told_at = clock_timestamp() WHERE id = CAST(:id AS uuid)")
_WITHOUT_ORDER = text(
    "SELECT s.id FROM stores s WHERE s.active AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.store_id = s.id"
    " AND o.cycle_id = CAST(:id AS uuid) AND o.state <> 'cancelled') ORDER BY s.id"
)
# The rows are locked in the order of the sort below them in the plan, hence every transaction in the same order. Not
# FOR UPDATE: foreign keys of lines that are only written anew would wait for that, in an order of their own.
_LOCK_OFFERS = text(
    f"SELECT {_OFFER_FIELDS}, NULL AS counted {_FROM_OFFERS} WHERE o.id = ANY(CAST(:ids AS uuid[]))"
    " AND o.cycle_id = CAST(:cycle_id AS uuid) ORDER BY o.id FOR NO KEY UPDATE OF o"
)
# What is given back of an offer that was closed by hand is not for sale again: there is less of it instead.
_TAKE = text(
    "UPDATE offers o SET version = o.version + 1, remaining = o.remaining - CASE WHEN o.withdrawn_at IS NULL"
    " THEN wanted.quantity ELSE greatest(wanted.quantity, 0) END, available = o.available + CASE WHEN o.withdrawn_at"
    " IS NULL THEN 0 ELSE least(wanted.quantity, 0) END"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS integer[])) AS wanted (id, quantity), products p"
    " WHERE o.id = wanted.id AND p.id = o.product_id AND o.remaining >= wanted.quantity"
    f" RETURNING {_OFFER_FIELDS}, NULL AS counted"
)
_COUNT = text(
    "UPDATE offers o SET version = o.version + 1 FROM products p WHERE o.id = ANY(CAST(:ids AS uuid[]))"
    f" AND p.id = o.product_id RETURNING {_OFFER_FIELDS}, {_COUNTED} AS counted"
)
_OF_CYCLE = text(
    f"SELECT {_OFFER_FIELDS}, CASE WHEN o.available IS NULL AND o.case_size IS NOT NULL THEN {_COUNTED} END AS counted"
    f" {_FROM_OFFERS} WHERE o.cycle_id = CAST(:cycle_id AS uuid) ORDER BY p.category, p.name, o.id"
)


class SqlCycles:
    """`Cycles` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_for_ordering(self, cycle_id: str) -> Cycle | None:
        """Hold the cycle in share mode; see the port."""
        row = self._connection.execute(_FOR_ORDERING, {"id": cycle_id}).one_or_none()
        return None if row is None else cycle_of(row)

    def due_to_open(self) -> Sequence[Cycle]:
        """Lock what should be open; see the port."""
        return [cycle_of(row) for row in self._connection.execute(_DUE_TO_OPEN)]

    def due_to_close(self) -> Sequence[Cycle]:
        """Lock what should be closed; see the port."""
        for cycle_id in self._connection.scalars(_ABOUT_TO_CLOSE).all():
            self._connection.execute(PASS_ALONE, {"id": cycle_id})
        return [cycle_of(row) for row in self._connection.execute(_DUE_TO_CLOSE)]

    def due_to_warn(self, ahead_s: int) -> Sequence[Cycle]:
        """Lock what closes soon; see the port."""
        return [cycle_of(row) for row in self._connection.execute(_DUE_TO_WARN, {"ahead_s": ahead_s})]

    def open_ones(self) -> Sequence[Cycle]:
        """Return the open cycles, nearest cutoff first."""
        return [cycle_of(row) for row in self._connection.execute(_OPEN)]

    def set_state(self, cycle_id: str, state: CycleState) -> None:
        """Move the cycle to a state."""
        self._connection.execute(_SET_STATE, {"id": cycle_id, "state": state.value})

    def closing_told(self, cycle_id: str) -> None:
        """Note that the stores were told of the cutoff."""
        self._connection.execute(_TOLD, {"id": cycle_id})

    def stores_without_order(self, cycle_id: str) -> Sequence[str]:
        """Return the ids of active stores without a live order."""
        return [str(row.id) for row in self._connection.execute(_WITHOUT_ORDER, {"id": cycle_id})]


class SqlOffers:
    """`Offers` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, offer_ids: Iterable[str], cycle_id: str) -> dict[str, LockedOffer]:
        """Lock offers in id order; see the port."""
        rows = self._connection.execute(_LOCK_OFFERS, {"ids": list(offer_ids), "cycle_id": cycle_id})
        return {offer.id: offer for offer in map(_offer, rows)}

    def take(self, deltas: Mapping[str, int]) -> dict[str, LockedOffer]:
        """Take stock where enough remains; see the port."""
        values = {"ids": list(deltas), "quantities": list(deltas.values())}
        return {offer.id: offer for offer in map(_offer, self._connection.execute(_TAKE, values))}

    def count(self, offer_ids: Iterable[str]) -> dict[str, LockedOffer]:
        """Count what live lines hold of offers; see the port."""
        return {offer.id: offer for offer in map(_offer, self._connection.execute(_COUNT, {"ids": list(offer_ids)}))}

    def of_cycle(self, cycle_id: str) -> Sequence[LockedOffer]:
        """Return a cycle's offers as they stand, without locking them."""
        return [_offer(row) for row in self._connection.execute(_OF_CYCLE, {"cycle_id": cycle_id})]


def cycle_of(row: Row[Any]) -> Cycle:
    return Cycle(
        id=str(row.id),
        name=row.name,
        state=CycleState(row.state),
        opens_at=row.opens_at,
        cutoff_at=row.cutoff_at,
        delivery_on=row.delivery_on,
        version=row.version,
        remind_at=row.remind_at,
        packing_at=row.packing_at,
        is_reminded=row.is_reminded,
        copied_from=None if row.copied_from is None else str(row.copied_from),
        cancel_reason=row.cancel_reason,
    )


def _offer(row: Row[Any]) -> LockedOffer:
    return LockedOffer(
        id=str(row.id),
        cycle_id=str(row.cycle_id),
        version=row.version,
        name=row.name,
        name_es=row.name_es,
        pack=row.pack,
        unit_price_cents=row.unit_price_cents,
        available=row.available,
        remaining=row.remaining,
        max_per_store=row.max_per_store,
        case_size=row.case_size,
        cutoff_at=row.cutoff_at,
        counted=None if row.counted is None else int(row.counted),
    )
