"""Pages that this service draws for staff: who gets in, what others are told, in which language."""

from typing import Final

from fastapi import Request, Response
from mercadito_events.service.identity import Identity

from notify.api.mail_pages import Desk, asked_for
from notify.api.signed_in import signed_in
from notify.api.small_pages import message, words
from notify.recipients import preferences
from notify.writing.formats import Language, language_of

STAFF: Final = ("staff", "admin")


def let_in(desk: Desk, request: Request, *, back: str) -> Identity | Response:
    """Return who of the staff asks, or the page that says why nobody else gets in; ``back``: where a sign-in leads."""
    identity = signed_in(desk.engine, desk.keys, request)
    if identity is None:
        language = asked_for(request)
        ways = ((f"/sign-in?next={back}", words()[language]["sign_in"]),)
        return message(language, desk.hub.name, "staff_signed_out", ways=ways, status=401)
    if identity.role not in STAFF:
        return message(language_for(desk, request, identity), desk.hub.name, "staff_only", status=403)
    return identity


def language_for(desk: Desk, request: Request, identity: Identity) -> Language:
    """Return the language of somebody's account, or the browser's where we do not know the person."""
    with desk.engine.connect() as connection:
        reader = preferences.read(connection, identity.person_id)
    return asked_for(request) if reader is None else language_of(reader.locale)
