"""What is said when cancelling an order or commenting on it is refused."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_HOUR
from orders.application.queries import LineView
from orders.domain import errors
from orders.entrypoints.pages import refusals
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import locale
from orders.entrypoints.pages.refusals import CONFLICT, UNPROCESSABLE, Refusal

TOO_MANY = 429


def forged_cancelling() -> Refusal:
    """Say that a form came from an older sign-in; it only has to be sent again."""
    return replace(refusals.forged(), of_cancelling=True)


def cancelling(refused: errors.Refused, lines: Callable[[], Sequence[LineView]]) -> Refusal | None:
    """Put into words why an order is not cancelled; None for what this page can't mend."""
    match refused:
        case errors.VersionConflict():
            return refusals.changed_before_cancelling()
        case errors.OffersClosed(offers=closed):
            return _closed_in_part(closed, lines())
        case errors.CycleClosed() | errors.OrderNotEditable():
            return refusals.too_late_to_cancel()
        case errors.Invalid():
            return Refusal(UNPROCESSABLE, _("Please write the reason in other words."), of_cancelling=True)
        case errors.KeyReused() | errors.KeyInFlight():
            return replace(comment_sent_before(), of_cancelling=True)
        case _:
            return None


def _closed_in_part(closed: Sequence[errors.OfferCutoff], lines: Sequence[LineView]) -> Refusal:
    """Say what of the order may be bought already, so that it can't be cancelled as a whole."""
    ids = {one.offer_id for one in closed}
    names = ", ".join(line.name_es if locale() == "es" else line.name for line in lines if line.offer_id in ids)
    return Refusal(
        CONFLICT,
        _("This order can no longer be cancelled as a whole."),
        _(
            "These have closed earlier than the rest and may be bought already: %(names)s."
            " You can change the order and take out everything else."
        )
        % {"names": names},
        of_cancelling=True,
    )


def comment_of_wrong_length() -> Refusal:
    """Say at the top what the field says beside itself."""
    return Refusal(UNPROCESSABLE, _("Your comment was not sent."), comment_length())


def comment_length() -> str:
    """Say how long a comment may be."""
    return _("Write something, up to %(most)s characters.") % {"most": f"{MAX_CHARACTERS:,}"}


def comment_sent_before() -> Refusal:
    """Say that the same form came twice with different words; drawn anew it can be sent."""
    return Refusal(
        UNPROCESSABLE,
        _("This form was already sent once."),
        _("See below what came of it. What you typed now is still in its field: send it again if it is needed."),
    )


def too_many_comments() -> Refusal:
    """Say that it is enough for now; what was typed stays."""
    return Refusal(
        TOO_MANY,
        _("Your comment was not sent."),
        _("You wrote %(most)s comments in an hour, or this order has as many as fit. Call us if it can not wait.")
        % {"most": MAX_PER_HOUR},
    )
