"""Making and changing products: each change one transaction, with the trail of who, when, old and new."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from uuid import uuid4

from orders.application.commands import Answer, RequestKey
from orders.application.once import answered_once
from orders.application.ports import AuditEntry, Transactions, UnitOfWork
from orders.application.product_store import StoredProduct
from orders.application.product_text import plain
from orders.domain.errors import NotFound, VersionConflict
from orders.domain.order import is_id
from orders.domain.people import Actor
from orders.domain.product import Product

ENTITY = "product"
Alter = Callable[[Product], Product]


Render = Callable[[StoredProduct], Answer]


class ProductDesk:
    """The use cases as entry points call them; `render` turns a product into the answer to give and to keep."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def create(self, actor: Actor, product: Product, render: Render, once: RequestKey | None = None) -> Answer:
        """Make a product; raise ImpossibleProduct naming every field that makes no sense."""
        actor.require_staff()
        product.require_sound()

        def work(unit: UnitOfWork) -> Answer:
            stored = StoredProduct(str(uuid4()), 1, product)
            unit.products.add([stored])
            unit.audit(audit_entry(None, stored, actor))
            return render(stored)

        return answered_once(self._transactions, once, work)

    def change(
        self,
        actor: Actor,
        product_id: str,
        alter: Alter,
        render: Render,
        *,
        expected_version: int | None,
        once: RequestKey | None = None,
    ) -> Answer:
        """Change a product that is still as the caller saw it; what changes nothing makes no new version.

        Raises:
            NotFound, VersionConflict (not with `expected_version` None), ImpossibleProduct.

        """
        actor.require_staff()

        def work(unit: UnitOfWork) -> Answer:
            stored = unit.products.lock(product_id) if is_id(product_id) else None
            if stored is None:
                raise NotFound("no such product")
            if expected_version not in (None, stored.version):
                raise VersionConflict(stored.version, "product")
            product = alter(stored.product)
            product.require_sound()
            if product == stored.product:
                return render(stored)
            changed = StoredProduct(stored.id, stored.version + 1, product)
            unit.products.replace([changed])
            unit.audit(audit_entry(stored, changed, actor))
            return render(changed)

        return answered_once(self._transactions, once, work)


def deactivated(product: Product) -> Product:
    """Take a product out of what may be offered; it stays for the record."""
    return replace(product, active=False)


def audit_entry(before: StoredProduct | None, after: StoredProduct, actor: Actor, reason: str = "") -> AuditEntry:
    """Write down what changed of a product, and who changed it."""
    changes = list(differences(before.product if before else None, after.product))
    if before is None:
        action = "created"
    elif [change["field"] for change in changes] == ["active"]:
        action = "activated" if after.product.active else "deactivated"
    else:
        action = "changed"
    return AuditEntry(ENTITY, after.id, action, actor, changes, reason)


def differences(before: Product | None, after: Product) -> Iterator[Mapping[str, object]]:
    """Yield every field that differs, old and new; of a new product every field that says something."""
    for field in fields(Product):
        old = None if before is None else getattr(before, field.name)
        new = getattr(after, field.name)
        if old != new:
            yield {"field": field.name, "old": _stored(old), "new": _stored(new)}


def _stored(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value
