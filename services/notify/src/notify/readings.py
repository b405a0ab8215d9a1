"""What this service reads of the events it consumes: these fields and no others (see contracts/consumes)."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from mercadito_events.inbox import Permanent
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from notify.text import one_line

# Bounds of what we take into a mail; an event beyond them is dead-lettered, never cut in silence.
MAX_LINES = 1_000
MAX_CHANGES = 2_000
MAX_CENTS = 10**11
MAX_QUANTITY = 10**6

PRICE_LIMIT = "price_limit"
"""A line was taken out: `old` is its limit, `new` the price that went above it."""
BY_PHONE = "by phone"
TOLD = frozenset({"quantity", "shorted", "max_unit_price_cents", "note"})

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
Name = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(one_line)]
Cents = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]

# People call an order by a number; should it grow a prefix one day, nothing here has to change.
OrderNumber = Annotated[
    Name, StringConstraints(min_length=1), BeforeValidator(lambda given: str(given) if type(given) is int else given)
]


class Reading(BaseModel):
    """The part of an event's body that we read; unknown fields are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read a body.

        Raises:
            Permanent: it can never be read; names the fields at fault but not their values, which may be personal.

        """
        try:
            return cls.model_validate(dict(data))
        except ValidationError as problem:
            wrong = ", ".join(sorted({".".join(map(str, error["loc"])) or "body" for error in problem.errors()}))
            raise Permanent(f"{cls.__name__} cannot be read: {wrong}") from None


class Line(Reading):
    """One line of an order."""

    name: Name
    name_es: Name
    pack: Name
    pack_es: Name | None = None  # absent where it reads the same
    quantity: Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
    unit_price_cents: Cents
    total_cents: Cents
    shorted: Annotated[int, Field(ge=0, le=MAX_QUANTITY)] = 0


class PlacedOrder(Reading):
    """``orders.order.placed.v1``."""

    order_id: Id
    number: OrderNumber
    cycle_id: Id | None = None  # absent in what an older version of this service kept
    store_id: Id
    store_name: Name
    delivery_on: date
    cutoff_at: AwareDatetime
    lines: Annotated[tuple[Line, ...], Field(max_length=MAX_LINES)]
    total_cents: Cents


class OfferLine(Line):
    """A line that changes can refer to."""

    offer_id: Id


class Change(Reading):
    """One value of an order that changed; the name is missing where the order's line says it."""

    field: Annotated[Name, StringConstraints(min_length=1, max_length=50)]
    old: int | str | bool | None
    new: int | str | bool | None
    offer_id: Id | None = None
    name: Name | None = None
    name_es: Name | None = None

    @property
    def is_told(self) -> bool:
        """Tell whether a mail has words for it; amounts that are none are left to the page."""
        if self.field in {"unit_price_cents", PRICE_LIMIT}:
            return type(self.old) is int and type(self.new) is int
        return self.field in TOLD and not (self.field == "max_unit_price_cents" and isinstance(self.new, str))


class Actor(Reading):
    """Who did it."""

    person_id: Id
    role: Literal["buyer", "staff", "admin"]


class ChangedOrder(PlacedOrder):
    """``orders.order.amended.v1`` and ``orders.order.cancelled.v1``."""

    version: Annotated[int, Field(strict=True, ge=0)]
    lines: Annotated[tuple[OfferLine, ...], Field(max_length=MAX_LINES)]
    changes: Annotated[tuple[Change, ...], Field(max_length=MAX_CHANGES)]
    reason: Annotated[str, StringConstraints(max_length=2_000), AfterValidator(one_line)] | None = None
    actor: Actor | None = None

    @property
    def differences(self) -> list[Change]:
        """Return what a mail tells, each with its names: a line that its price limit took out is told once."""
        lines = {line.offer_id: line for line in self.lines}
        limited = {change.offer_id for change in self.changes if change.field == PRICE_LIMIT}
        told = (
            change
            for change in self.changes
            if change.is_told and not (change.field == "quantity" and change.offer_id in limited)
        )
        return [_named(change, lines.get(change.offer_id or "")) for change in told]

    @property
    def words(self) -> str:
        """Return the reason as somebody gave it; what a price limit did is told in the reader's language instead."""
        is_told = self.is_by_phone or any(change.field == PRICE_LIMIT for change in self.changes)
        return "" if is_told else self.reason or ""

    @property
    def is_by_phone(self) -> bool:
        """Tell whether staff wrote down what the store said on the phone."""
        return self.reason == BY_PHONE


class TracedOrder(ChangedOrder):
    """A changed order with the name of whoever changed it, as far as we know it."""

    actor_name: Name = ""

    @property
    def is_of_store(self) -> bool:
        """Tell whether somebody of the store did it."""
        return self.actor is not None and self.actor.role == "buyer"


def _named(change: Change, line: OfferLine | None) -> Change:
    if change.name is not None or line is None:
        return change
    return change.model_copy(update={"name": line.name, "name_es": line.name_es})


class ContactChange(Reading):
    """``accounts.contact.changed.v1``."""

    person_id: Id
    email: Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00-\x20\x7f]+@[^\x00-\x20\x7f@]+$")]
    name: Name
    locale: Annotated[Name, StringConstraints(max_length=35)]
    time_zone: Annotated[Name, StringConstraints(max_length=64)] | None = None
    role: Literal["buyer", "staff", "admin"]
    store_ids: Annotated[tuple[Id, ...], Field(max_length=10_000)]
    active: Annotated[bool, Field(strict=True)]
    version: Annotated[int, Field(strict=True, ge=0)]


class MailedLink(Reading):
    """``accounts.invitation.issued.v1`` and ``accounts.password_reset.requested.v1``.

    The link opens somebody's account: it stands in the mail and, until that is sent, in the intent; nowhere else.
    """

    person_id: Id
    link: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[\x21-\x7e]+$"), Field(repr=False)]
    expires_at: AwareDatetime


class PasswordChange(Reading):
    """``accounts.password.changed.v1``."""

    person_id: Id
    at: AwareDatetime


class SignedOut(Reading):
    """``orders.person.signed_out.v1``: of one session, of one token, or of everything when neither is named."""

    person_id: Id
    session_id: Id | None = None
    token_id: Id | None = None
    until: AwareDatetime
