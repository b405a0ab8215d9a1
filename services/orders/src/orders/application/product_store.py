"""Where products are kept, and the files they come in until they are taken over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orders.domain.product import Product


@dataclass(frozen=True, slots=True)
class StoredProduct:
    id: str
    version: int
    product: Product


class Products(Protocol):
    """The repository."""

    def lock(self, product_id: str) -> StoredProduct | None: ...

    def lock_for_import(self) -> Sequence[StoredProduct]:
        """Hold every product, and off other imports, until this transaction ends; return all of them."""

    def every(self) -> Sequence[StoredProduct]:
        """Return every product, without holding anything."""

    def add(self, products: Sequence[StoredProduct]) -> None: ...

    def replace(self, products: Sequence[StoredProduct]) -> None:
        """Write products that are locked, each with its new version."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file between preview and confirmation."""

    id: str
    file_name: str
    body: bytes


class Uploads(Protocol):
    def keep(self, upload: Upload, person_id: str, most: int) -> None:
        """Store a file, and forget the person's oldest beyond `most`."""

    def find(self, upload_id: str, person_id: str) -> Upload | None: ...
