"""Everything that can be refused.

Refused
├── Unauthenticated        nobody, or nobody any more
├── WrongCredentials       e-mail and password do not go together (said the same way for an unknown e-mail)
├── TooManyAttempts        throttled; says for how long
├── TooManyMails           enough was mailed to this person for now; says for how long
├── TooManyTokens          a person holds as many API tokens as one may
├── TooManyComments        an order or a person's last hour holds as many comments as it may
├── Forbidden              somebody, but not somebody who may
├── NotFound               not there, or not for these eyes
├── Invalid                fields that make no sense, each with a sentence
├── CycleClosed            the market day takes no orders (not yet, no longer)
│   ├── CycleCancelled     it will not take place at all
│   └── OffersClosed       some offers closed earlier than their day; names them
├── CycleNotEditable       the market day is too far on for this change
├── OrderExists            the store already has a live order in this cycle
├── OrderNotEditable       packed, delivered or cancelled
├── SoldOut                names every short line with what is left
├── PriceChanged           names every line whose price is not the expected one
├── VersionConflict        somebody changed the order, market day or offer since it was read
├── KeyInFlight            another request with this idempotency key is still at work
├── KeyReused              the idempotency key was used for another request
└── Unavailable            the database cannot be asked now; worth trying again
"""

from dataclasses import dataclass
from datetime import datetime


class Refused(Exception):
    """Base of every refusal; nothing has been changed when one is raised."""


class Unauthenticated(Refused):
    pass


class WrongCredentials(Refused):
    pass


class Forbidden(Refused):
    pass


class NotFound(Refused):
    pass


class CycleClosed(Refused):
    pass


class CycleCancelled(CycleClosed):
    pass


class CycleNotEditable(Refused):
    pass


@dataclass(frozen=True, slots=True)
class OfferCutoff:
    offer_id: str
    cutoff_at: datetime


class OffersClosed(CycleClosed):
    def __init__(self, offers: tuple[OfferCutoff, ...]) -> None:
        super().__init__(f"the cutoff of {len(offers)} of these offers has passed; their lines can't be changed")
        self.offers = offers


class OrderNotEditable(Refused):
    pass


class KeyInFlight(Refused):
    pass


class KeyReused(Refused):
    pass


class TooManyAttempts(Refused):
    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed attempts; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TooManyMails(Refused):
    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"enough was mailed for now; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TooManyTokens(Refused):
    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} tokens are in use; delete one first")
        self.limit = limit


class TooManyComments(Refused):
    def __init__(self, reason: str, retry_after_s: int) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    message: str


class Invalid(Refused):
    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class OrderExists(Refused):
    def __init__(self, order_id: str | None) -> None:
        super().__init__("the store already has an order in this cycle")
        self.order_id = order_id


@dataclass(frozen=True, slots=True)
class Shortage:
    offer_id: str
    requested: int
    remaining: int


class SoldOut(Refused):
    def __init__(self, shortages: tuple[Shortage, ...]) -> None:
        super().__init__(f"{len(shortages)} lines fell short")
        self.shortages = shortages


@dataclass(frozen=True, slots=True)
class PriceNow:
    offer_id: str
    unit_price_cents: int


class PriceChanged(Refused):
    def __init__(self, prices: tuple[PriceNow, ...]) -> None:
        super().__init__(f"{len(prices)} prices are not the expected ones")
        self.prices = prices


class VersionConflict(Refused):
    def __init__(self, version: int, what: str = "order") -> None:
        super().__init__(f"the {what} is at version {version} by now")
        self.version = version
        self.what = what


class Unavailable(Refused):
    """The database cannot be asked now.

    `not_processed` is a promise: nothing was committed, so that the same request may be sent again, whatever it is.
    `in_doubt`: the commit got no answer, so that nobody can tell.
    """

    def __init__(self, reason: str, *, not_processed: bool, in_doubt: bool = False) -> None:
        super().__init__(reason)
        self.not_processed = not_processed
        self.in_doubt = in_doubt
