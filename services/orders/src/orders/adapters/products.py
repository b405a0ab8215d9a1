"""Products, and files of products that wait for a confirmation."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, text

from orders.application.product_store import StoredProduct, Upload
from orders.domain.product import Product

BATCH_ROWS = 1_000
# Any number, always the same: who holds it imports.
IMPORT_LOCK = 4_107_001
_FIELDS = (
    "name, name_es, category, pack, series_id, units_per_package, yield_share, markup, floor_cents, ceiling_cents,"
    " case_size, active"
)
_PRODUCT = f"SELECT id, version, {_FIELDS} FROM products"
# FOR NO KEY UPDATE: offers that refer to a product meanwhile need not wait.
_LOCK = text(f"{_PRODUCT} WHERE id = CAST(:id AS uuid) FOR NO KEY UPDATE")
_EVERY = text(f"{_PRODUCT} ORDER BY id")
_LOCK_EVERY = text(f"{_PRODUCT} ORDER BY id FOR NO KEY UPDATE")
_LOCK_IMPORTS = text("SELECT pg_advisory_xact_lock(:lock)")
_RECORDS = (
    "jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, version bigint, name text, name_es text, category text,"
    " pack text, series_id uuid, units_per_package numeric, yield_share numeric, markup numeric, floor_cents integer,"
    " ceiling_cents integer, case_size integer, active boolean)"
)
_ADD = text(f"INSERT INTO products (id, version, {_FIELDS}) SELECT id, version, {_FIELDS} FROM {_RECORDS}")
_REPLACE = text(
    "UPDATE products p SET version = r.version, "
    + ", ".join(f"{name} = r.{name}" for name in _FIELDS.split(", "))
    + f" FROM {_RECORDS} WHERE p.id = r.id"
)

_KEEP = text(
    "INSERT INTO product_imports (id, person_id, file_name, body)"
    " VALUES (CAST(:id AS uuid), CAST(:person_id AS uuid), :file_name, :body)"
)
_FORGET_OLDEST = text(
    "DELETE FROM product_imports WHERE id IN (SELECT id FROM product_imports"
    " WHERE person_id = CAST(:person_id AS uuid) ORDER BY created_at DESC OFFSET :most)"
)
_FIND = text(
    "SELECT id, file_name, body FROM product_imports WHERE id = CAST(:id AS uuid)"
    " AND person_id = CAST(:person_id AS uuid)"
)


class SqlProducts:
    """`Products` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, product_id: str) -> StoredProduct | None:
        """Lock one product."""
        row = self._connection.execute(_LOCK, {"id": product_id}).one_or_none()
        return None if row is None else stored_product(row)

    def lock_for_import(self) -> Sequence[StoredProduct]:
        """Lock all products; see the port."""
        self._connection.execute(_LOCK_IMPORTS, {"lock": IMPORT_LOCK})
        return [stored_product(row) for row in self._connection.execute(_LOCK_EVERY)]

    def every(self) -> Sequence[StoredProduct]:
        """Return all products."""
        return [stored_product(row) for row in self._connection.execute(_EVERY)]

    def add(self, products: Sequence[StoredProduct]) -> None:
        """Write new products."""
        self._write(_ADD, products)

    def replace(self, products: Sequence[StoredProduct]) -> None:
        """Write changed products; see the port."""
        self._write(_REPLACE, products)

    def _write(self, statement: Any, products: Sequence[StoredProduct]) -> None:
        for start in range(0, len(products), BATCH_ROWS):
            rows = [_record(product) for product in products[start : start + BATCH_ROWS]]
            self._connection.execute(statement, {"rows": json.dumps(rows, default=str)})


class SqlUploads:
    """`Uploads` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, upload: Upload, person_id: str, most: int) -> None:
        """Store a file; see the port."""
        self._connection.execute(_KEEP, {**asdict(upload), "person_id": person_id})
        self._connection.execute(_FORGET_OLDEST, {"person_id": person_id, "most": most})

    def find(self, upload_id: str, person_id: str) -> Upload | None:
        """Return a person's own file."""
        row = self._connection.execute(_FIND, {"id": upload_id, "person_id": person_id}).one_or_none()
        return None if row is None else Upload(str(row.id), row.file_name, bytes(row.body))


def stored_product(row: Row[Any]) -> StoredProduct:
    """Read a product and its version from a row."""
    return StoredProduct(
        str(row.id),
        row.version,
        Product(
            name=row.name,
            name_es=row.name_es,
            category=row.category,
            pack=row.pack,
            series_id=None if row.series_id is None else str(row.series_id),
            units_per_package=row.units_per_package,
            yield_share=row.yield_share,
            markup=row.markup,
            floor_cents=row.floor_cents,
            ceiling_cents=row.ceiling_cents,
            case_size=row.case_size,
            active=row.active,
        ),
    )


def _record(stored: StoredProduct) -> dict[str, Any]:
    return {"id": stored.id, "version": stored.version, **asdict(stored.product)}
