"""Who someone is and what that allows."""

from dataclasses import dataclass
from enum import StrEnum

from orders.domain.errors import Forbidden, NotFound


class Role(StrEnum):
    BUYER = "buyer"
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person as far as rights are concerned; read from the database at each request, never from a token."""

    person_id: str
    role: Role
    store_ids: frozenset[str]

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.STAFF, Role.ADMIN)

    def may_act_for(self, store_id: str) -> bool:
        return self.is_staff or store_id in self.store_ids

    def require_store(self, store_id: str) -> None:
        """Refuse whoever may not order for the store."""
        if not self.may_act_for(store_id):
            raise Forbidden("this store is not one of yours")

    def require_sight_of(self, store_id: str) -> None:
        """Refuse as if the thing were not there: a stranger does not learn that it exists."""
        if not self.may_act_for(store_id):
            raise NotFound("no such order")

    def require_staff(self) -> None:
        if not self.is_staff:
            raise Forbidden("for staff only")
