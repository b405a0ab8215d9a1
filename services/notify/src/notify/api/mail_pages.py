"""``/mail/*``: what somebody decides about mails, by a signed link or signed in. Reading a page changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final
from urllib.parse import parse_qs

import structlog
from babel.dates import get_timezone_location
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.responses import RedirectResponse
from mercadito_events.service.identity import KeySet
from sqlalchemy import Engine

from notify.api import bodies
from notify.api.signed_in import READING, signed_in
from notify.api.small_pages import CSS_PATH, Button, css, draw, fill, message, words
from notify.api.standing import Mode, Relays
from notify.kinds import kinds
from notify.kinds.kind import Group, Kind
from notify.recipients import preferences
from notify.recipients.links import Links
from notify.recipients.preferences import How, Reader
from notify.recipients.quiet_hours import QuietHours, zone_of
from notify.recipients.return_path import ReturnPath
from notify.recipients.signing import Signer
from notify.writing.formats import CLDR_LOCALES, Language, language_of
from notify.writing.rendering import Hub, title

MAX_FORM_BYTES: Final = 16_384
MAX_FIELDS: Final = 200
# Orders hands out a fresh identity there and sends one back; whoever comes from there and still has none is signed out.
ACCOUNT: Final = "/account/mails"
SHOWN_WITHOUT_CHOICE: Final = QuietHours.parse("21:00-05:00")

Form = Mapping[str, list[str]]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the web side needs: the database, who may be signed in, who writes, what is signed by whom."""

    engine: Engine
    keys: KeySet
    hub: Hub
    links: Links
    quiet: QuietHours | None
    relays: Relays
    mode: Mode = "send"
    return_path: ReturnPath | None = None
    bounce_signer: Signer | None = None
    usda_today: date | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """What the fields of the night show."""

    on: bool
    starts: str
    ends: str

    @classmethod
    def of(cls, quiet: QuietHours | None) -> "Hours":
        """Show hours, or proposed ones that are not chosen."""
        shown = quiet or SHOWN_WITHOUT_CHOICE
        return cls(quiet is not None, f"{shown.starts:%H:%M}", f"{shown.ends:%H:%M}")


async def read_form(request: Request) -> Form:
    """Return a form's fields; one-click requests may also come as ``multipart``, whose fields nobody needs."""
    body = await bodies.bounded(request, MAX_FORM_BYTES)
    if body is None:
        raise HTTPException(413)
    if not request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400) from None


Sent = Annotated[Form, Depends(read_form)]


def routes(desk: Desk) -> APIRouter:
    """Return the pages."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(CSS_PATH, css, methods=READING)
    page = "/mail/preferences/{token}"

    def own(request: Request) -> Response:
        return _own_preferences(desk, request)

    def show(request: Request, token: str) -> Response:
        person_id = desk.links.person_of(token)
        return _broken(desk, request) if person_id is None else _preferences(desk, person_id, request)

    def save(request: Request, token: str, form: Sent) -> Response:
        person_id = desk.links.person_of(token)
        return _broken(desk, request) if person_id is None else _save(desk, person_id, request, form)

    def ask(request: Request, token: str) -> Response:
        return _ask_to_stop(desk, token, request)

    def stop(request: Request, token: str, form: Sent) -> Response:
        return _stop(desk, token, request, form)

    router.add_api_route("/mail/preferences", own, methods=READING)
    router.add_api_route(page, show, methods=READING)
    router.add_api_route(page, save, methods=["POST"])
    router.add_api_route("/mail/unsubscribe/{token}", ask, methods=READING)
    router.add_api_route("/mail/unsubscribe/{token}", stop, methods=["POST"])
    return router


def _own_preferences(desk: Desk, request: Request) -> Response:
    identity = signed_in(desk.engine, desk.keys, request)
    if identity is not None:
        return _preferences(desk, identity.person_id, request)
    if "came" not in request.query_params:
        return RedirectResponse(ACCOUNT, 303)
    said = words()[asked_for(request)]
    ways = ((f"/sign-in?next={ACCOUNT}", said["sign_in"]),)
    return message(asked_for(request), desk.hub.name, "signed_out", ways=ways, status=401)


def _preferences(desk: Desk, person_id: str, request: Request) -> Response:
    with desk.engine.connect() as connection:
        reader = preferences.read(connection, person_id)
    if reader is None:
        return _gone(desk, request)
    effective = desk.quiet if reader.own_hours is None else reader.own_hours.quiet
    return _form(desk, reader, Hours.of(effective), saved="saved" in request.query_params)


def _form(desk: Desk, reader: Reader, hours: Hours, *, saved: bool = False, wrong: bool = False) -> Response:
    language = language_of(reader.locale)
    said = words()[language]
    groups = [(said[group.value], _choices(reader, group, language)) for group in Group if group.is_optional]
    zone = zone_of(reader.time_zone, desk.hub.time_zone)
    return draw(
        "preferences.html",
        language,
        desk.hub.name,
        422 if wrong else 200,
        action=desk.links.preferences_path(reader.person_id),
        address=masked(reader.email),
        saved=saved,
        wrong=wrong,
        choices=[(heading, shown) for heading, shown in groups if shown],
        always=[title(kind.name, language) for kind in _sorted(kinds().values()) if not kind.group.is_optional],
        hours=hours,
        zone=_place(zone.key, language),
    )


def _choices(reader: Reader, group: Group, language: Language) -> list[dict[str, object]]:
    mine = [kind for kind in _sorted(kinds().values()) if kind.group is group and reader.may_get(kind)]
    return [
        {"name": kind.name, "title": title(kind.name, language), "wanted": kind.name not in reader.turned_off}
        for kind in mine
    ]


def _sorted(found: Iterable[Kind]) -> list[Kind]:
    order = list(Group)
    return sorted(found, key=lambda kind: (order.index(kind.group), kind.name))


def _save(desk: Desk, person_id: str, request: Request, form: Form) -> Response:
    with desk.engine.begin() as connection:
        reader = preferences.read(connection, person_id)
        if reader is None:
            return _gone(desk, request)
        shown, ticked = form.get("shown", []), form.get("kind", [])
        all_off = form.get("all") == ["off"]
        preferences.want(connection, person_id, {name: name in ticked and not all_off for name in shown}, "page")
        if "starts" not in form:
            return _saved(desk, person_id)
        typed = Hours("quiet" in form, *(form.get(name, [""])[0][:5] for name in ("starts", "ends")))
        try:
            chosen = QuietHours.parse(f"{typed.starts}-{typed.ends}") if typed.on else None
        except ValueError:
            connection.rollback()
            off = frozenset(name for name in shown if all_off or name not in ticked)
            return _form(desk, replace(reader, turned_off=off), typed, wrong=True)
        if chosen != (desk.quiet if reader.own_hours is None else reader.own_hours.quiet):
            preferences.keep_quiet(connection, person_id, chosen)
    return _saved(desk, person_id)


def _saved(desk: Desk, person_id: str) -> Response:
    _log.info("preferences_saved", person_id=person_id)
    return RedirectResponse(f"{desk.links.preferences_path(person_id)}?saved", 303)


def _ask_to_stop(desk: Desk, token: str, request: Request) -> Response:
    found = _reader_and_kind(desk, token, request)
    if isinstance(found, Response):
        return found
    reader, kind = found
    state = "stopped" if kind in reader.turned_off else "stop"
    return _about_kind(desk, reader, kind, state)


def _stop(desk: Desk, token: str, request: Request, form: Form) -> Response:
    """Do what the button, or a mail program's own one, asks for; no redirect, as RFC 8058 wants it."""
    found = _reader_and_kind(desk, token, request)
    if isinstance(found, Response):
        return found
    reader, kind = found
    again = "again" in form
    how: How = "one_click" if form.get("List-Unsubscribe") == ["One-Click"] else "page"
    with desk.engine.begin() as connection:
        preferences.want(connection, reader.person_id, {kind: again}, how)
    _log.info("kind_turned_on" if again else "kind_turned_off", person_id=reader.person_id, kind=kind, how=how)
    return _about_kind(desk, reader, kind, "again" if again else "stopped")


def _reader_and_kind(desk: Desk, token: str, request: Request) -> tuple[Reader, str] | Response:
    named = desk.links.person_and_kind_of(token)
    if named is None:
        return _broken(desk, request)
    person_id, name = named
    with desk.engine.connect() as connection:
        reader = preferences.read(connection, person_id)
    if reader is None:
        return _gone(desk, request)
    kind = kinds().get(name)
    if kind is None:
        # A kind that is no longer sent, or not yet by this process: the page of all that are says what there is.
        return RedirectResponse(desk.links.preferences_path(person_id), 303)
    if not kind.group.is_optional:
        return _about_kind(desk, reader, name, "fixed")
    return reader, name


def _about_kind(desk: Desk, reader: Reader, kind: str, state: str) -> Response:
    language = language_of(reader.locale)
    said = words()[language]
    buttons = {
        "stop": Button(said["stop_button"]),
        "stopped": Button(said["again_button"], name="again"),
        "again": Button(said["stop_button"]),
    }
    ways = (
        (desk.links.preferences_path(reader.person_id), said["all_mails"]),
        ("/", fill(said["home"], hub=desk.hub.name)),
    )
    named = {"kind": title(kind, language), "address": masked(reader.email)}
    return message(language, desk.hub.name, state, ways=ways, button=buttons.get(state), named=named)


def _broken(desk: Desk, request: Request) -> Response:
    language = asked_for(request)
    ways = ((ACCOUNT, words()[language]["sign_in"]),)
    return message(language, desk.hub.name, "broken", ways=ways, status=404)


def _gone(desk: Desk, request: Request) -> Response:
    language = asked_for(request)
    ways = (("/", fill(words()[language]["home"], hub=desk.hub.name)),)
    return message(language, desk.hub.name, "gone", ways=ways, status=410)


def asked_for(request: Request) -> Language:
    """Return the language that a browser asks for first, of those we have."""
    for part in request.headers.get("Accept-Language", "").split(","):
        name = part.partition(";")[0].strip().lower()
        if name.startswith(("en", "es")):
            return language_of(name)
    return "en"


def masked(email: str) -> str:
    """Return an address that its owner recognises and a stranger with a forwarded mail does not learn."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def _place(zone: str, language: Language) -> str:
    return get_timezone_location(zone, locale=CLDR_LOCALES[language], return_city=True)
