"""The staff's page of market reports: the frame, its words, and the forms that ask for a visit to the USDA.

What the page shows, its script asks of the price service. A form goes there too: it is checked here and sent on by the
browser (307, ADR 38), since no service calls another; the price service leads back here and says what came of it.
"""

import time
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from flask import Blueprint, Response, render_template, request

from orders.entrypoints import cookies
from orders.entrypoints.identity import container
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.market_prices import market_day
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext, private, signed_in
from orders.entrypoints.pages.refusals import OK, UNPROCESSABLE
from orders.entrypoints.pages.report_problems import problem_rules
from orders.entrypoints.pages.report_words import report_words
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.typed import MAX_TYPED_CHARACTERS, Typed

PAGE = "/staff/market-reports"
CRAWLS = "/api/v1/prices/crawls"
MOST_DAYS = 31
"""As many as the price service takes at once."""
FIELDS = ("from", "to", "sources")
SENT_ON = 307

blueprint = Blueprint("market_reports", __name__)


class Answer(NamedTuple):
    """What came of a form: a notice, and what is to be said at a field."""

    kind: str
    title: str
    text: str = ""
    field: str = ""


@blueprint.get(PAGE)
@private
def show() -> Response:
    """Show the page; buyers are refused."""
    signed_in().actor.require_staff()
    answer = _answer(request.args.get("answer", ""), request.args.get("field", ""))
    wrong = {answer.field: answer.text} if answer and answer.field else {}
    return _drawn(_kept(request.args), wrong, answer)


@blueprint.post(f"{PAGE}/visits")
@private
def visit() -> Response:
    """Send the wish for a visit, of all that is new or of some days, on to the price service with a fresh identity."""
    person = signed_in()
    person.actor.require_staff()
    site().forms.require()
    typed = Typed(request.form, site().hub.time_zone)
    if request.form.get("days"):
        _check_days(typed, market_day())
    if typed.wrong:
        answer = Answer("refusal", _("Something needs a look."), _("Nothing was started yet."))
        return _drawn(_kept(request.form), typed.wrong, answer, UNPROCESSABLE)
    gone = Response(status=SENT_ON, headers={"Location": CRAWLS})
    cookies.set_identity(gone, container().accounts.identity_token(person))
    return gone


def _check_days(typed: Typed, today: date) -> None:
    first, last = typed.day("from"), typed.day("to")
    if first is None or last is None:
        return
    if first > today:
        typed.wrong["from"] = _("This day is still to come.")
    elif last < first:
        typed.wrong["to"] = _("This is before the first day.")
    elif (last - first).days >= MOST_DAYS:
        most = ngettext("At most %(num)s day at once.", "At most %(num)s days at once.", MOST_DAYS) % {"num": MOST_DAYS}
        parts = _("Take it in parts, or ask the operator for usda-ingest backfill.")
        typed.wrong["to"] = f"{most} {parts}"


def _answer(slug: str, field: str) -> Answer | None:
    """Say what the price service answered; None when the page was just opened."""
    refused = _("Nothing was started: try again in a minute.")
    known = {
        "started": Answer("done", _("Started."), _("New prices show up as they come in.")),
        "crawl-running": Answer("refusal", _("A visit is running already."), _("Ask again when it is over.")),
        "unauthenticated": Answer("refusal", _("Please send it once more."), _("This page had been open for a while.")),
        "forbidden": Answer("refusal", _("That was refused."), _("Sign in again as staff, then try once more.")),
        "unavailable": Answer("refusal", _("The price service does not answer right now."), refused),
    }
    if slug == "invalid":
        unable = _("This source can not be asked for past days here. Choose another one, or ask the operator.")
        texts = {"sources": unable}
        text = texts.get(field, _("The price service does not take these days."))
        return Answer("refusal", _("Something needs a look."), text, field if field in FIELDS else "")
    return known.get(slug) or (Answer("refusal", _("That did not work"), refused) if slug else None)


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed, to be shown again."""
    return {name: field_text(fields, name, MAX_TYPED_CHARACTERS) for name in FIELDS}  # type: ignore[arg-type]


def _drawn(texts: dict[str, str], wrong: Mapping[str, str], answer: Answer | None, status: int = OK) -> Response:
    body = render_template(
        "pages/market_reports.html",
        rendered_at_ms=time.time_ns() // 1_000_000,
        words=report_words(),
        problems=problem_rules(),
        market=container().market.now(),
        texts=texts,
        wrong=wrong,
        answer=answer,
        page=PAGE,
        today=market_day().isoformat(),
        sources=[
            ("", _("Every source that can")),
            ("mars", _("Reports of today (MARS)")),
            ("portal", _("The USDA's old site")),
        ],
        market_tab="reports",
        here="prices",
    )
    return Response(body, status, mimetype="text/html")
