"""The offers of a market day: added, changed and taken out while their rows are locked, each with its trail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from orders.application import facts
from orders.application.commands import Answer, RequestKey
from orders.application.once import once
from orders.application.planning_ports import OfferAudit, ProductToOffer
from orders.application.ports import Transactions, UnitOfWork
from orders.application.price_limits import drop_dear_lines
from orders.domain.cycle import Cycle, CycleState
from orders.domain.errors import FieldError, Invalid, NotFound, VersionConflict
from orders.domain.faults import Fault, text_fault
from orders.domain.offer import (
    MAX_OFFERS_AT_ONCE,
    MAX_OFFERS_PER_CYCLE,
    PlannedOffer,
    Terms,
    require_planning,
    term_changes,
    term_faults,
    with_terms,
)
from orders.domain.order import LockedOffer, is_id
from orders.domain.people import Actor
from orders.domain.planning import MAX_REASON_CHARACTERS


@dataclass(frozen=True, slots=True)
class NewOffer:
    """A product to offer. Without a price it gets the suggested one, else the last one; without a case size its own."""

    product_id: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddOffers:
    """`is_single`: the fields that faults name stand for themselves instead of being numbered."""

    actor: Actor
    cycle_id: str
    offers: tuple[NewOffer, ...]
    is_single: bool = False


@dataclass(frozen=True, slots=True)
class AddCategory:
    actor: Actor
    cycle_id: str
    category: str


@dataclass(frozen=True, slots=True)
class EditOffer:
    """`changes` are fields of `Terms`; `shown` says what some of them were when it was decided to change them."""

    actor: Actor
    cycle_id: str
    offer_id: str
    changes: Mapping[str, Any]
    expected_version: int | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RemoveOffer:
    actor: Actor
    cycle_id: str
    offer_id: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class AddedOffers:
    """`unpriced` are products that have neither a suggested nor an earlier price and were left out."""

    offers: tuple[PlannedOffer, ...]
    unpriced: tuple[ProductToOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovedOffer:
    """`offer` as it stands when it could only be closed, because somebody had ordered it; None: it is gone."""

    offer: PlannedOffer | None


class OffersDesk:
    """The use cases; each is for staff only, and one transaction."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add(self, command: AddOffers, render: Callable[[AddedOffers], Answer], key: RequestKey | None = None) -> Answer:
        """Offer products, all of them or none.

        Raises:
            CycleNotEditable, Invalid, NotFound: refused; nothing is added.

        """
        command.actor.require_staff()
        if not 1 <= len(command.offers) <= MAX_OFFERS_AT_ONCE:
            raise Invalid(FieldError("offers", f"from 1 to {MAX_OFFERS_AT_ONCE}"))
        return once(self._transactions, key, lambda work: _add(command, work), render)

    def add_category(
        self, command: AddCategory, render: Callable[[AddedOffers], Answer], key: RequestKey | None = None
    ) -> Answer:
        """Offer what a category has and the market day has not yet, at usual prices; up to 500 at once."""
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: _add_category(command, work), render)

    def edit(
        self, command: EditOffer, render: Callable[[PlannedOffer], Answer], key: RequestKey | None = None
    ) -> Answer:
        """Change what is said of an offer; lines that were placed keep their price.

        Raises:
            Invalid: no sense, or less available than is ordered; the fault names the figure.
            VersionConflict: somebody changed the same in the meantime.

        """
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: _edit(command, work), render)

    def remove(
        self, command: RemoveOffer, render: Callable[[RemovedOffer], Answer], key: RequestKey | None = None
    ) -> Answer:
        """Take an offer out; one that was ordered before is closed instead: nothing more of it can be had."""
        command.actor.require_staff()
        return once(self._transactions, key, lambda work: _remove(command, work), render)


def _add(command: AddOffers, work: UnitOfWork) -> AddedOffers:
    cycle = plannable_cycle(work, command.cycle_id)
    products = work.planned_offers.products({offer.product_id for offer in command.offers if is_id(offer.product_id)})
    faults: list[FieldError] = []
    wanted: list[tuple[str, str, Terms]] = []
    seen: set[str] = set()
    for index, offer in enumerate(command.offers):
        at = "" if command.is_single else f"offers.{index}."
        product = products.get(offer.product_id)
        if product is None or offer.product_id in seen:
            code = "no_product" if product is None else "twice"
            faults.append(Fault(f"{at}product_id", "no such active product, or named twice", code))
            continue
        seen.add(product.id)
        terms = _terms(offer, product)
        if terms is None:
            faults.append(Fault(f"{at}unit_price_cents", "no price is known for it: say one", "price_unknown"))
            continue
        faults += term_faults(terms, cycle, now=work.now(), at=at)
        wanted.append((str(uuid4()), product.id, terms))
    if faults:
        raise Invalid(*faults)
    return AddedOffers(_added(command.actor, cycle, wanted, products, work, is_all=True))


def _add_category(command: AddCategory, work: UnitOfWork) -> AddedOffers:
    cycle = plannable_cycle(work, command.cycle_id)
    products = work.planned_offers.products(work.planned_offers.products_of(command.category, cycle.id))
    priced = [(product, _terms(NewOffer(product.id), product)) for product in products.values()]
    wanted = [(str(uuid4()), product.id, terms) for product, terms in priced if terms is not None]
    added = _added(command.actor, cycle, wanted, products, work, is_all=False)
    return AddedOffers(added, tuple(product for product, terms in priced if terms is None))


def _terms(offer: NewOffer, product: ProductToOffer) -> Terms | None:
    usual = {"unit_price_cents": product.usual_price_cents, "case_size": product.case_size}
    values = {**usual, **offer.values}
    return None if values["unit_price_cents"] is None else Terms(**values)


def _added(
    actor: Actor,
    cycle: Cycle,
    wanted: Sequence[tuple[str, str, Terms]],
    products: Mapping[str, ProductToOffer],
    work: UnitOfWork,
    *,
    is_all: bool,
) -> tuple[PlannedOffer, ...]:
    if work.planned_offers.count(cycle.id) + len(wanted) > MAX_OFFERS_PER_CYCLE:
        message = f"a market day has at most {MAX_OFFERS_PER_CYCLE:,} offers"
        raise Invalid(Fault("offers", message, "too_many", {"most": MAX_OFFERS_PER_CYCLE}))
    added = work.planned_offers.add(cycle.id, wanted)
    missing = [products[product_id] for offer_id, product_id, _ in wanted if offer_id not in added]
    if missing and is_all:
        names = ", ".join(product.name for product in missing)
        raise Invalid(Fault("product_id", f"offered already: {names}", "offered_already", {"names": names}))
    offers = tuple(
        PlannedOffer(
            offer_id, cycle.id, product_id, 1, products[product_id].name, products[product_id].name_es, terms, 0
        )
        for offer_id, product_id, terms in wanted
        if offer_id in added
    )
    trail = [OfferAudit(offer.id, "added", term_changes(None, offer.terms)) for offer in offers]
    work.planned_offers.audit(actor, trail)
    publish_offers(work, cycle, [offer.id for offer in offers])
    return offers


def _edit(command: EditOffer, work: UnitOfWork) -> PlannedOffer:
    reason = command.reason.strip()
    fault = text_fault("reason", reason, most=MAX_REASON_CHARACTERS, required=False, lines=True)
    cycle = plannable_cycle(work, command.cycle_id)
    was = _locked(work, cycle, command.offer_id, command.expected_version)
    now_there = {name: getattr(was.terms, name) for name in command.shown}
    if any(now_there[name] not in (shown, command.changes.get(name)) for name, shown in command.shown.items()):
        raise VersionConflict(was.version, "offer")
    terms = replace(was.terms, **command.changes)
    faults = [
        *term_faults(terms, cycle, now=work.now(), was=was.terms, ordered=was.ordered),
        *([fault] if fault else []),
    ]
    if faults:
        raise Invalid(*faults)
    if terms == was.terms:
        return was
    now = with_terms(was, terms)
    dropped = write_offers(work, cycle, command.actor, [(was, now, "changed", reason)])
    # What was dropped gave stock back, which is one more version.
    return work.planned_offers.lock(cycle.id, [now.id])[0] if dropped else now


def _remove(command: RemoveOffer, work: UnitOfWork) -> RemovedOffer:
    cycle = plannable_cycle(work, command.cycle_id)
    was = _locked(work, cycle, command.offer_id, command.expected_version)
    if work.planned_offers.was_ordered(was.id):
        terms = replace(was.terms, available=was.ordered)
        closed = replace(with_terms(was, terms), is_withdrawn=True)
        if not (was.is_withdrawn and terms == was.terms):
            write_offers(work, cycle, command.actor, [(was, closed, "closed", "")])
        return RemovedOffer(closed)
    gone = work.offers.lock([was.id], cycle.id)
    work.planned_offers.remove(was.id)
    work.planned_offers.audit(command.actor, [OfferAudit(was.id, "removed", _as_removed(was))])
    if cycle.state is CycleState.OPEN:
        # Pages that show it must not go on promising it: to them it is sold out.
        last = [replace(offer, version=offer.version + 1, available=0, remaining=0) for offer in gone.values()]
        for fact in facts.offers_changed(cycle.id, last):
            work.publish(fact)
    return RemovedOffer(None)


def _as_removed(was: PlannedOffer) -> list[dict[str, object]]:
    product: dict[str, object] = {"field": "product_id", "old": was.product_id, "new": None}
    return [product, *({**change, "old": change["new"], "new": None} for change in term_changes(None, was.terms))]


def _locked(work: UnitOfWork, cycle: Cycle, offer_id: str, expected_version: int | None) -> PlannedOffer:
    found = work.planned_offers.lock(cycle.id, [offer_id]) if is_id(offer_id) else ()
    if not found:
        raise NotFound("no such offer")
    if expected_version not in (None, found[0].version):
        raise VersionConflict(found[0].version, "offer")
    return found[0]


def plannable_cycle(work: UnitOfWork, cycle_id: str) -> Cycle:
    """Return the market day, held so that it neither opens nor closes meanwhile; refuse one that is too far on."""
    cycle = work.cycles.lock_for_ordering(cycle_id) if is_id(cycle_id) else None
    if cycle is None:
        raise NotFound("no such market day")
    require_planning(cycle, work.now())
    return cycle


def write_offers(
    work: UnitOfWork, cycle: Cycle, actor: Actor, changed: Sequence[tuple[PlannedOffer, PlannedOffer, str, str]]
) -> int:
    """Write locked offers (as they were, as they are, action, reason) with their trail, and tell the screens.

    Returns how many lines a raised price dropped.
    """
    work.planned_offers.change([now for _, now, _, _ in changed])
    trail = [
        OfferAudit(now.id, action, [*term_changes(was.terms, now.terms), *_stock_change(was, now)], reason)
        for was, now, action, reason in changed
    ]
    work.planned_offers.audit(actor, trail)
    published = publish_offers(work, cycle, [now.id for _, now, _, _ in changed])
    if cycle.state is not CycleState.OPEN:
        return 0
    dearer = {now.id for was, now, _, _ in changed if now.terms.unit_price_cents > was.terms.unit_price_cents}
    return drop_dear_lines(work, cycle, [offer for offer in published if offer.id in dearer], actor=actor)


def _stock_change(was: PlannedOffer, now: PlannedOffer) -> list[dict[str, object]]:
    if was.remaining == now.remaining:
        return []
    return [{"field": "remaining", "old": was.remaining, "new": now.remaining}]


def publish_offers(work: UnitOfWork, cycle: Cycle, offer_ids: Sequence[str]) -> Sequence[LockedOffer]:
    """Tell the screens how offers of an open market day stand now; those of one to come are staff's business only.

    When it opens, the whole price list is published.
    """
    if cycle.state is not CycleState.OPEN or not offer_ids:
        return ()
    offers = list(work.offers.lock(offer_ids, cycle.id).values())
    for fact in facts.offers_changed(cycle.id, offers):
        work.publish(fact)
    return offers
