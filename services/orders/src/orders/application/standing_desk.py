"""Saving, pausing and giving up a standing order; at most one per store, guarded by its version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from orders.application.commands import Answer, RequestKey
from orders.application.once import answered_once
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.application.standing_orders import StandingLine, StandingOrder
from orders.domain.errors import FieldError, Invalid, NotFound, VersionConflict
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS, MAX_QUANTITY, is_id
from orders.domain.people import Actor

MAX_PRICE_CENTS = 2_147_483_647
NONE_YET = 0
"""The version of a standing order that is not there yet."""

Render = Callable[[StandingOrder], Answer]


@dataclass(frozen=True, slots=True)
class SaveStandingOrder:
    """`lines` replace what was there. `expected_version` None: whichever there is; NONE_YET: there must be none.

    `active` None leaves it as it is; a new one is active.
    """

    actor: Actor
    store_id: str
    expected_version: int | None
    lines: tuple[StandingLine, ...]
    note: str = ""
    active: bool | None = None


class StandingDesk:
    """The use cases, each one transaction."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def save(self, command: SaveStandingOrder, render: Render, once: RequestKey | None = None) -> Answer:
        """Write a store's standing order; it counts from the next market day that opens.

        Raises:
            Invalid: lines or note make no sense.
            NotFound: no such store for these eyes.
            VersionConflict: it is not as it was seen.

        """
        _check(command)
        return answered_once(self._transactions, once, lambda work: render(_save(command, work)))

    def pause(self, actor: Actor, store_id: str, expected_version: int | None, *, active: bool) -> None:
        """Pause (`active` false) or resume it, everything else as it is."""

        def work(unit: UnitOfWork) -> None:
            standing = _held(actor, store_id, expected_version, unit)
            if standing.active != active:
                lines = tuple(line.line for line in standing.lines)
                _write(unit, actor, standing, replace(standing, active=active), lines)

        self._transactions.run(work)

    def remove(
        self, actor: Actor, store_id: str, expected_version: int | None, once: RequestKey | None = None
    ) -> Answer:
        """Give it up; what was placed already stays."""

        def work(unit: UnitOfWork) -> Answer:
            standing = _held(actor, store_id, expected_version, unit)
            unit.standing.remove(standing)
            changes = _line_changes(standing, ())
            unit.audit(AuditEntry("standing_order", standing.id, "removed", actor, changes))
            return Answer(204, "")

        return answered_once(self._transactions, once, work)

    def from_order(self, actor: Actor, order_id: str) -> str:
        """Make an order's lines, as they were asked for, the standing order of its store; return the store."""

        def work(unit: UnitOfWork) -> str:
            order = unit.orders.read(order_id) if is_id(order_id) else None
            if order is None:
                raise NotFound("no such order")
            actor.require_sight_of(order.store_id)
            lines = tuple(unit.standing.lines_of(order.id))
            standing = unit.standing.lock(order.store_id)
            version = standing.version if standing else NONE_YET
            note = standing.note if standing else order.note
            _save(SaveStandingOrder(actor, order.store_id, version, lines, note, active=True), unit)
            return order.store_id

        return self._transactions.run(work)


def _check(command: SaveStandingOrder) -> None:
    lines, errors = command.lines, []
    if not 1 <= len(lines) <= MAX_LINES:
        errors.append(FieldError("lines", f"from 1 to {MAX_LINES} products"))
    if len(command.note) > MAX_NOTE_CHARACTERS:
        errors.append(FieldError("note", f"at most {MAX_NOTE_CHARACTERS} characters"))
    seen: set[str] = set()
    for index, line in enumerate(lines[: MAX_LINES + 1]):
        if not is_id(line.product_id):
            errors.append(FieldError(f"lines.{index}.product_id", "not an id"))
        if line.product_id in seen:
            errors.append(FieldError(f"lines.{index}.product_id", "a product may appear once"))
        if not 1 <= line.quantity <= MAX_QUANTITY:
            errors.append(FieldError(f"lines.{index}.quantity", f"from 1 to {MAX_QUANTITY}"))
        if line.max_unit_price_cents is not None and not 0 <= line.max_unit_price_cents <= MAX_PRICE_CENTS:
            errors.append(FieldError(f"lines.{index}.max_unit_price_cents", f"from 0 to {MAX_PRICE_CENTS}"))
        seen.add(line.product_id)
    if errors:
        raise Invalid(*errors)


def _save(command: SaveStandingOrder, work: UnitOfWork) -> StandingOrder:
    _require_store(command.actor, command.store_id, work)
    known = work.standing.known_products(line.product_id for line in command.lines)
    unknown = [
        FieldError(f"lines.{index}.product_id", "no such product")
        for index, line in enumerate(command.lines)
        if line.product_id not in known
    ]
    if unknown:
        raise Invalid(*unknown)
    found = work.standing.lock(command.store_id)
    _require_version(found, command.expected_version)
    standing = found or work.standing.add(str(uuid4()), command.store_id, command.actor.person_id)
    if standing is None:
        raise VersionConflict(1)
    active = standing.active if command.active is None else command.active
    changed = replace(standing, active=active, note=command.note)
    return _write(work, command.actor, standing, changed, command.lines)


def _write(
    work: UnitOfWork, actor: Actor, before: StandingOrder, after: StandingOrder, lines: Sequence[StandingLine]
) -> StandingOrder:
    is_new, resumes = before.version == NONE_YET, after.active and not before.active
    if is_new or resumes:
        # It is placed when a day opens, not whenever it is saved: nobody expects an order from a page left open.
        work.standing.skip_open_days(after.store_id)
    written = work.standing.replace(replace(after, saved_by=actor.person_id), lines)
    changes = _line_changes(before, lines)
    changes += [
        {"field": field, "old": getattr(before, field), "new": getattr(written, field)}
        for field in ("active", "note")
        if getattr(before, field) != getattr(written, field)
    ]
    work.audit(AuditEntry("standing_order", written.id, "saved", actor, changes))
    return written


def _line_changes(before: StandingOrder, lines: Sequence[StandingLine]) -> list[Mapping[str, object]]:
    was = {line.product.id: line.line for line in before.lines}
    becomes = {line.product_id: line for line in lines}
    return [
        {"field": field, "old": getattr(old, field, None), "new": getattr(new, field, None), "product_id": product_id}
        for product_id in (*becomes, *(one for one in was if one not in becomes))
        for old, new in [(was.get(product_id), becomes.get(product_id))]
        for field in ("quantity", "max_unit_price_cents")
        if getattr(old, field, None) != getattr(new, field, None)
    ]


def _held(actor: Actor, store_id: str, expected_version: int | None, work: UnitOfWork) -> StandingOrder:
    _require_store(actor, store_id, work)
    standing = work.standing.lock(store_id)
    if standing is None:
        raise NotFound("no standing order")
    _require_version(standing, expected_version)
    return standing


def _require_store(actor: Actor, store_id: str, work: UnitOfWork) -> None:
    if not is_id(store_id) or not actor.may_act_for(store_id) or work.orders.store(store_id) is None:
        raise NotFound("no such store")


def _require_version(found: StandingOrder | None, expected: int | None) -> None:
    version = found.version if found else NONE_YET
    if expected is None and found is None:
        raise VersionConflict(NONE_YET)
    if expected not in (None, version):
        raise VersionConflict(version)
