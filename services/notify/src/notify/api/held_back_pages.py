"""``/mail/held-back/{person_id}``: what is held back from a person, and letting it go there again; for staff.

Drawn here and without scripts, since notify alone knows it; the page of that person leads here with a fresh identity,
and a lift leads back there.
"""

import re
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from mercadito_events.service.identity import Identity
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from notify.api.bodies import MAX_REASON_CHARS, Reason
from notify.api.mail_pages import Desk, Form, Sent
from notify.api.signed_in import READING
from notify.api.small_pages import draw, message, words
from notify.api.staff import is_same_origin
from notify.api.staff_pages import language_for, let_in
from notify.api.suppression_routes import Suppression, read
from notify.recipients import suppressions
from notify.recipients.contacts import names
from notify.writing.formats import Language, moment

PATH: Final = "/mail/held-back"
MOST_SHOWN: Final = 50
"""Of one person; there are five classes, so these are years."""
_PERSON = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[1-9][0-9]{0,17}")
_REASON = TypeAdapter(Reason)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was typed at which of them, and cannot be taken."""

    id: str = ""
    reason: str = ""


def routes(desk: Desk) -> APIRouter:
    """Return the page and its form."""
    router = APIRouter(include_in_schema=False)

    def show(request: Request, person_id: str) -> Response:
        who = let_in(desk, request, back=from_person(person_id))
        return who if isinstance(who, Response) else _page(desk, language_for(desk, request, who), person_id)

    def lift(request: Request, person_id: str, form: Sent) -> Response:
        who = let_in(desk, request, back=from_person(person_id))
        return who if isinstance(who, Response) else _lift(desk, request, who, person_id, form)

    router.add_api_route(f"{PATH}/{{person_id}}", show, methods=READING)
    router.add_api_route(f"{PATH}/{{person_id}}", lift, methods=["POST"])
    return router


def person_page(person_id: str) -> str:
    """Return the path of the person's page; that of all where this can be no person's id."""
    return f"/staff/people/{person_id}" if _PERSON.fullmatch(person_id) else "/staff/people"


def from_person(person_id: str) -> str:
    """Return the path by which orders leads here, with a fresh identity."""
    return f"{person_page(person_id)}/held-back" if _PERSON.fullmatch(person_id) else person_page(person_id)


def _lift(desk: Desk, request: Request, who: Identity, person_id: str, form: Form) -> Response:
    language = language_for(desk, request, who)
    ways = ((from_person(person_id), words()[language]["held_back"]),)
    if not (is_same_origin(request) and who.may(request.method)):
        return message(language, desk.hub.name, "held_foreign", ways=ways, status=403)
    wanted, typed = (form.get(name, [""])[0] for name in ("id", "reason"))
    try:
        reason = _REASON.validate_python(typed)
    except ValidationError:
        return _page(desk, language, person_id, Wrong(wanted, typed[:MAX_REASON_CHARS]))
    with desk.engine.begin() as connection:
        if not _is_held(connection, person_id, wanted):
            return message(language, desk.hub.name, "held_gone", ways=ways, status=409)
        suppressions.lift(connection, int(wanted), by=who.person_id, reason=reason)
    _log.warning("suppression_lifted", suppression=wanted, person_id=who.person_id)
    return RedirectResponse(f"{person_page(person_id)}?done=lifted", 303)


def _is_held(connection: Connection, person_id: str, wanted: str) -> bool:
    if not _ID.fullmatch(wanted):
        return False
    found = read(connection, person_id=person_id, suppression_id=int(wanted))
    return bool(found and found[0].holds)


def _page(desk: Desk, language: Language, person_id: str, wrong: Wrong | None = None) -> Response:
    with desk.engine.connect() as connection:
        found = read(connection, person_id=person_id, limit=MOST_SHOWN)
        known = names(connection, {person_id, *(one.lifted_by for one in found if one.lifted_by)})

    def at(one: Suppression) -> str:
        return moment(one.created_at, desk.hub.time_zone, language)

    return draw(
        "held_back.html",
        language,
        desk.hub.name,
        422 if wrong else 200,
        person=known.get(person_id),
        way_back=person_page(person_id),
        held=[(one, at(one)) for one in found if one.holds],
        before=[(one, _ended(desk, language, one, known)) for one in found if not one.holds],
        wrong=wrong,
        most=MAX_REASON_CHARS,
    )


def _ended(desk: Desk, language: Language, one: Suppression, known: dict[str, str]) -> str:
    said = words()[language]
    if one.lifted_at is None:
        return said["held_over"]
    name = known.get(one.lifted_by or "", said["somebody"])
    lifted = moment(one.lifted_at, desk.hub.time_zone, language)
    return said["held_lifted"].format(name=name, moment=lifted, reason=one.lift_reason)
