"""The staff's page of mails: the frame and its words. What it shows, its script asks of notify."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.domain import errors
from orders.domain.order import is_id
from orders.domain.people import Actor
from orders.entrypoints import cookies
from orders.entrypoints.identity import container
from orders.entrypoints.pages.mail_problems import Rule, mail_problems
from orders.entrypoints.pages.mail_words import fates, log_words, mail_words, spans
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.words import Words

MAX_KIND_CHARACTERS = 60

blueprint = Blueprint("mails", __name__)


@dataclass(frozen=True, slots=True)
class MailTexts:
    """What the script says that shows the mails of one order or one person."""

    words: Words
    problems: Sequence[Rule]


def mail_texts() -> MailTexts:
    """Return it in the reader's language."""
    return MailTexts(mail_words(), mail_problems())


@dataclass(frozen=True, slots=True)
class Looking:
    """What the log is asked for; what makes no sense counts as not asked."""

    fate: str
    kind: str
    days: str
    person: str
    person_name: str
    order: str
    order_number: int | None


@blueprint.get("/staff/mails")
@private
def show() -> Response:
    """Show the page; buyers are refused."""
    actor = signed_in().actor
    actor.require_staff()
    body = render_template(
        "pages/mails.html",
        looking=_looking(actor),
        fates=fates(),
        spans=spans(),
        words=log_words(),
        problems=mail_problems(),
        here="mails",
    )
    return Response(body, mimetype="text/html")


@blueprint.get("/staff/people/<person_id>/held-back")
@private
def held_back(person_id: str) -> AnyResponse:
    """Send on to the page of notify where staff let mails go to a person again, with a fresh identity."""
    person = signed_in()
    person.actor.require_staff()
    if not is_id(person_id):
        raise errors.NotFound("there is no such person")
    gone = redirect(f"/mail/held-back/{person_id}", 303)
    cookies.set_identity(gone, container().accounts.identity_token(person))
    return gone


def _looking(actor: Actor) -> Looking:
    asked = {name: request.args.get(name, "") for name in ("fate", "kind", "days", "person", "order")}
    kind = asked["kind"]
    is_kind = kind.isascii() and kind.replace("_", "").isalnum() and len(kind) <= MAX_KIND_CHARACTERS
    person_name = _person_name(actor, asked["person"])
    number = _order_number(actor, asked["order"])
    return Looking(
        fate=asked["fate"] if asked["fate"] in dict(fates()) else "",
        kind=kind if is_kind else "",
        days=asked["days"] if asked["days"] in dict(spans()) else "",
        person=asked["person"] if person_name else "",
        person_name=person_name,
        order=asked["order"] if number is not None else "",
        order_number=number,
    )


def _person_name(actor: Actor, person_id: str) -> str:
    if not is_id(person_id):
        return ""
    try:
        return container().directory.person(actor, person_id).name
    except errors.NotFound:
        return ""


def _order_number(actor: Actor, order_id: str) -> int | None:
    if not is_id(order_id):
        return None
    try:
        return container().queries.order(actor, order_id).number
    except errors.NotFound:
        return None
