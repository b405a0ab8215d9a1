"""Why an order was placed or changed: the writer's own words, or one of a few that the pages say in both languages."""

from orders.domain.errors import FieldError, Invalid
from orders.domain.people import Actor

MAX_REASON_CHARACTERS = 200
BY_PHONE = "by phone"
"""Staff wrote down what a store said on the phone."""
STANDING_ORDER = "standing order"
"""Placed when the market day opened, from what the store ordered once and for all; only the clock says so."""


def require_own_words(reason: str, actor: Actor) -> None:
    """Refuse a reason that is too long, or that claims what did not happen."""
    if len(reason) > MAX_REASON_CHARACTERS:
        raise Invalid(FieldError("reason", f"at most {MAX_REASON_CHARACTERS} characters"))
    reserved = {STANDING_ORDER} if actor.is_staff else {STANDING_ORDER, BY_PHONE}
    if reason.strip().casefold() in reserved:
        raise Invalid(FieldError("reason", f"“{reason}” is not yours to say; use other words"))
