"""Sentences about stores and people: what is wrong with a field, what became of a form."""

from collections.abc import Iterable

from orders.domain import errors
from orders.domain.directory import Flaw, Flawed
from orders.domain.people import Role
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.refusals import CONFLICT, FORBIDDEN, PRECONDITION_FAILED, UNPROCESSABLE, Refusal

TOO_MANY = 429


def said(flaws: Iterable[Flawed]) -> dict[str, str]:
    """Say what is wrong, by field; the first flaw of a field is the one to mend first."""
    words: dict[str, str] = {}
    for flaw in flaws:
        words.setdefault(flaw.field, _sentence(flaw))
    return words


def role_words(role: Role) -> str:
    return {Role.BUYER: _("Buyer"), Role.STAFF: _("Staff"), Role.ADMIN: _("Admin")}[role]


def look_again() -> Refusal:
    return Refusal(UNPROCESSABLE, _("Some fields need a look."), _("Nothing was saved yet. What you typed is below."))


def changed_meanwhile() -> Refusal:
    """Say that both are shown: what was typed in the boxes, what was saved meanwhile beside them."""
    return Refusal(
        PRECONDITION_FAILED,
        _("Somebody else saved changes here while you were typing."),
        _("Nothing is lost: what you typed is in the boxes, and what was saved meanwhile stands beside it."),
    )


def not_done_since_changed() -> Refusal:
    return Refusal(
        PRECONDITION_FAILED,
        _("Somebody else saved changes here in the meantime."),
        _("Nothing was done yet. Look it over as it is now, then decide."),
    )


def explain(refused: errors.Refused) -> Refusal | None:
    """Put into words what another look or another try can mend; None for anything else."""
    match refused:
        case errors.VersionConflict():
            return changed_meanwhile()
        case errors.TooManyMails():
            return _too_many_mails()
        case errors.KeyReused() | errors.KeyInFlight():
            return _sent_before(refused)
        case _:
            return None


def forged() -> Refusal:
    return Refusal(
        FORBIDDEN, _("Please send it once more."), _("This page had been open for a while. What you typed is below.")
    )


def _sent_before(refused: errors.Refused) -> Refusal:
    """Answer a form whose idempotency key is known, with a fresh one."""
    if isinstance(refused, errors.KeyInFlight):
        return Refusal(
            CONFLICT, _("This is being saved right now."), _("Wait a moment, then look before sending it again.")
        )
    return Refusal(
        UNPROCESSABLE,
        _("This form was sent once already, and that counted."),
        _("What you typed is below. Send it again only if you want this as well."),
    )


def _too_many_mails() -> Refusal:
    return Refusal(
        TOO_MANY,
        _("Three invitations went out within an hour."),
        _("Ask them to look among unwanted mail, or try again later."),
    )


def _sentence(flaw: Flawed) -> str:
    of_field = {
        ("name", Flaw.TAKEN): _("Another active store has this name. Add the street, or the neighborhood."),
        ("email", Flaw.TAKEN): _("Somebody here has this address already. Look for them under People."),
        ("name", Flaw.MISSING): _("Write a name."),
        ("email", Flaw.MISSING): _("Write an e-mail address."),
        ("role", Flaw.LAST_ADMIN): _("They are the only admin. Make somebody else admin first."),
        ("active", Flaw.LAST_ADMIN): _("They are the only admin. Make somebody else admin first."),
        ("active", Flaw.ONESELF): _("You can not deactivate yourself. Another admin can."),
        ("stop", Flaw.OUT_OF_RANGE): _("Write a whole number up to 9999, or nothing."),
    }
    return of_field.get((flaw.field, flaw.flaw)) or _general(flaw)


def _general(flaw: Flawed) -> str:
    sentences = {
        Flaw.TOO_LONG: _("At most %(most)s characters fit here.") % {"most": flaw.limit},
        Flaw.NO_TEXT: _("Some characters were no text and were taken out. Look it over and save again."),
        Flaw.NO_EMAIL: _(
            "Mail can not be sent to this. It should read like name@store.com, without accents or spaces."
        ),
        Flaw.TOO_MANY: _("At most %(most)s fit here.") % {"most": flaw.limit},
        Flaw.UNKNOWN: _("Nothing here goes by that name."),
        Flaw.NOT_INVITED: _("They have chosen a password already, or were deactivated."),
    }
    return sentences.get(flaw.flaw) or _("Choose one of the list.")
