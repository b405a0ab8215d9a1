"""Taking over a file of products: planned first, row by row, then written whole or, if wished, what is good of it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from orders.application.commands import Answer, RequestKey
from orders.application.once import answered_once
from orders.application.ports import Transactions, UnitOfWork
from orders.application.product_sheet import MAX_VALUE_SHOWN, SheetFault, SheetRow, read_sheet
from orders.application.product_store import StoredProduct, Upload
from orders.application.product_text import NEEDED, read_product
from orders.application.products import audit_entry
from orders.domain.errors import FieldError, Invalid, NotFound, VersionConflict
from orders.domain.people import Actor
from orders.domain.product import Fault, Rule, tidy

IMPORTED = "import"
"""The reason in the trail of what came by a file."""
MAX_ERRORS_TOLD = 200
MAX_FILE_NAME_CHARACTERS = 120
UPLOADS_KEPT = 5


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What a row will do: `before` None makes a product, the same before and after changes nothing."""

    line: int
    before: StoredProduct | None
    after: StoredProduct

    @property
    def kind(self) -> Literal["new", "changed", "unchanged"]:
        if self.before is None:
            return "new"
        return "unchanged" if self.before.product == self.after.product else "changed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file will do to the products as they are now."""

    rows: tuple[PlannedRow, ...]
    faults: tuple[SheetFault, ...]
    counts: Mapping[str, int] = field(init=False)
    fingerprint: str = field(init=False)
    """Two plans with the same one do the same."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", Counter(row.kind for row in self.rows))
        object.__setattr__(self, "fingerprint", _fingerprint(self.rows))

    @property
    def new(self) -> tuple[PlannedRow, ...]:
        return tuple(row for row in self.rows if row.kind == "new")

    @property
    def changed(self) -> tuple[PlannedRow, ...]:
        return tuple(row for row in self.rows if row.kind == "changed")

    @property
    def faulty_rows(self) -> int:
        return len({fault.line for fault in self.faults})


class ImportRefused(Invalid):
    """Rows make no sense; nothing was written."""

    def __init__(self, plan: Plan) -> None:
        told = plan.faults[:MAX_ERRORS_TOLD]
        super().__init__(*(FieldError(f"line {one.line}, {one.fault.field}", one.fault.message) for one in told))
        self.plan = plan


class PlanChanged(VersionConflict):
    """The file would do something else than when it was looked at; nothing was written."""

    def __init__(self) -> None:
        super().__init__(0)


RenderPlan = Callable[[Plan], Answer]


class ImportDesk:
    """The use cases as entry points call them."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def preview(self, actor: Actor, body: bytes) -> Plan:
        """Tell what the file would do; writes nothing."""
        actor.require_staff()
        return self._transactions.run(lambda work: plan(body, work.products.every()))

    def run(
        self,
        actor: Actor,
        body: bytes,
        render: RenderPlan,
        *,
        partial: bool = False,
        expected: str | None = None,
        once: RequestKey | None = None,
    ) -> Answer:
        """Write what the file says, all of it or, if `partial`, its good rows.

        Raises:
            ImportRefused: rows make no sense (not if `partial` and some do), or the file is none.
            PlanChanged: the plan is not the `expected` one any more.

        """
        actor.require_staff()

        def work(unit: UnitOfWork) -> Answer:
            planned = plan(body, unit.products.lock_for_import())
            if expected not in (None, planned.fingerprint):
                raise PlanChanged
            if planned.faults and not (partial and planned.rows):
                raise ImportRefused(planned)
            _write(planned, unit, actor)
            return render(planned)

        return answered_once(self._transactions, once, work)

    def upload(self, actor: Actor, file_name: str, body: bytes) -> str:
        """Keep a file until it is confirmed; return its id."""
        actor.require_staff()
        upload = Upload(str(uuid4()), file_name[:MAX_FILE_NAME_CHARACTERS], body)
        self._transactions.run(lambda work: work.uploads.keep(upload, actor.person_id, UPLOADS_KEPT))
        return upload.id

    def uploaded(self, actor: Actor, upload_id: str) -> Upload:
        """Return a file that this person uploaded within the last day."""
        actor.require_staff()
        found = self._transactions.run(lambda work: work.uploads.find(upload_id, actor.person_id))
        if found is None:
            raise NotFound("no such file")
        return found


def plan(body: bytes, known: Sequence[StoredProduct]) -> Plan:
    """Match every row with the product it means, by id or else by name and pack, and say what it would do."""
    sheet = read_sheet(body)
    return _Planner(known).plan(sheet.rows, sheet.faults)


class _Planner:
    def __init__(self, known: Sequence[StoredProduct]) -> None:
        self._by_id = {product.id: product for product in known}
        self._by_name: dict[tuple[str, str], list[StoredProduct]] = {}
        for product in known:
            self._by_name.setdefault(_key(product.product.name, product.product.pack), []).append(product)
        self._lines: dict[object, int] = {}
        self._faults: list[SheetFault] = []

    def plan(self, rows: Iterable[SheetRow], faults: Iterable[SheetFault]) -> Plan:
        self._faults.extend(faults)
        bad_lines = {fault.line for fault in self._faults}
        planned = [found for row in rows if row.line not in bad_lines and (found := self._row(row)) is not None]
        return Plan(tuple(planned), tuple(sorted(self._faults, key=lambda fault: fault.line)))

    def _row(self, row: SheetRow) -> PlannedRow | None:
        try:
            before = self._match(row)
        except _RowRefused as refused:
            self._refuse(row, refused.fault)
            return None
        base = before.product if before else None
        cells = row.cells if before else {**dict.fromkeys(NEEDED, ""), **row.cells}
        read = read_product(cells, base)
        if read.product is None:
            self._refuse(row, *read.faults)
            return None
        if before is None:
            return PlannedRow(row.line, None, StoredProduct(str(uuid4()), 1, read.product))
        version = before.version if before.product == read.product else before.version + 1
        return PlannedRow(row.line, before, StoredProduct(before.id, version, read.product))

    def _refuse(self, row: SheetRow, *faults: Fault) -> None:
        for fault in faults:
            value = tidy(row.cells.get(fault.field, ""))[:MAX_VALUE_SHOWN]
            self._faults.append(SheetFault(row.line, fault.field, value, fault))

    def _match(self, row: SheetRow) -> StoredProduct | None:
        """Find the product a row means; None for a new one."""
        wanted = row.cells.get("id", "").strip().lower()
        name_and_pack = _key(row.cells.get("name", ""), row.cells.get("pack", ""))
        if not wanted and not all(name_and_pack):
            return None
        found = self._with_id(wanted) if wanted else self._named(name_and_pack)
        identity = found.id if found else name_and_pack
        earlier = self._lines.setdefault(identity, row.line)
        if earlier != row.line:
            raise _RowRefused(Fault("id" if wanted else "name", Rule.SAME_AS_LINE, str(earlier)))
        return found

    def _with_id(self, wanted: str) -> StoredProduct:
        found = self._by_id.get(wanted)
        if found is None:
            raise _RowRefused(Fault("id", Rule.UNKNOWN_ID))
        return found

    def _named(self, name_and_pack: tuple[str, str]) -> StoredProduct | None:
        """Find a product by name and pack; of several the only active one."""
        found = self._by_name.get(name_and_pack, [])
        active = [product for product in found if product.product.active] or found
        if len(active) > 1:
            raise _RowRefused(Fault("id", Rule.AMBIGUOUS, str(len(active))))
        return active[0] if active else None


class _RowRefused(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.rule.value)
        self.fault = fault


def _key(name: str, pack: str) -> tuple[str, str]:
    return tidy(name).casefold(), tidy(pack).casefold()


def _write(planned: Plan, work: UnitOfWork, actor: Actor) -> None:
    new, changed = planned.new, planned.changed
    work.products.add([row.after for row in new])
    work.products.replace([row.after for row in changed])
    work.audit_all([audit_entry(row.before, row.after, actor, IMPORTED) for row in (*new, *changed)])


def _fingerprint(rows: Iterable[PlannedRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        before = f"{row.before.id} {row.before.version}" if row.before else ""
        digest.update(f"{row.line} {row.kind} {before}\n".encode())
    return digest.hexdigest()
