"""Staff plan market days: the list, a new one from nothing or from a copy, one with its plan, and cancelling it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer
from orders.application.planning import CancelCycle, CopyCycle, EditCycle, PlanCycle, PlannedDay
from orders.domain import errors
from orders.domain.planning import CANCELLABLE, may_change
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import cycle_form, cycle_page
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.cycle_page import Filter, Refusal, Said
from orders.entrypoints.pages.ordering import shown_version
from orders.entrypoints.pages.planning_words import wrong_of
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.typed import MAX_TEXT_KEPT, Typed

DAYS_PER_PAGE = 30
OK, FORBIDDEN, CONFLICT, PRECONDITION_FAILED, UNPROCESSABLE = 200, 403, 409, 412, 422

blueprint = Blueprint("cycles", __name__)


@blueprint.get("/staff/cycles")
@private
def index() -> Response:
    """List market days: those ahead with the next step on top, then the past ones."""
    actor, cursor = signed_in().actor, request.args.get("cursor")
    queries = container().planning_queries
    page = render_template(
        "pages/cycles.html",
        days=queries.days(actor, limit=DAYS_PER_PAGE, cursor=cursor),
        last=queries.last_day(actor),
        is_first=cursor is None,
        here="cycles",
    )
    return Response(page, mimetype="text/html")


@blueprint.get("/staff/cycles/new")
@private
def new() -> Response:
    """Show the form: empty, or as the day after another one (`?from=`)."""
    signed_in().actor.require_staff()
    source = request.args.get("from")
    if not source:
        return _new_form({})
    plan = container().planning.proposal(signed_in().actor, source)
    return _new_form(cycle_form.filled(plan, site().hub.time_zone), source)


@blueprint.post("/staff/cycles")
@private
def plan() -> Response:
    """Plan a market day, with the offers of another one where the form names it; 303 to it."""
    actor, source = signed_in().actor, request.form.get("copy_from") or None
    actor.require_staff()
    typed = Typed(request.form, site().hub.time_zone)
    values = cycle_form.read_plan(typed)

    def send() -> Response:
        key = request_key(actor, required=False)
        if source is None:
            return respond(container().planning.plan(PlanCycle(actor, values), _gone_to("planned"), key))
        return respond(container().planning.copy(CopyCycle(actor, source, values), _gone_to("copied"), key))

    refusal = _tried(send, typed, form="plan")
    if isinstance(refusal, Response):
        return refusal
    return _new_form(cycle_form.kept(request.form), source, refusal)


@blueprint.get("/staff/cycles/<uuid:cycle_id>")
@private
def one(cycle_id: UUID) -> Response:
    """Show one market day with its offers."""
    return page(cycle_id, Filter.of(request.args), said=cycle_page.said_of_address())


@blueprint.post("/staff/cycles/<uuid:cycle_id>")
@private
def edit(cycle_id: UUID) -> Response:
    """Change the plan as far as its state allows."""
    actor = signed_in().actor
    actor.require_staff()
    day = container().planning.show(str(cycle_id))
    typed = Typed(request.form, site().hub.time_zone)
    changes = cycle_form.read_changes(typed, day.cycle, may_change(day.cycle, day.server_time))

    def send() -> Response:
        command = EditCycle(actor, str(cycle_id), shown_version(), changes)
        return respond(container().planning.edit(command, _gone_to("changed")))

    refusal = _tried(send, typed, form="plan")
    if isinstance(refusal, Response):
        return refusal
    return page(cycle_id, Filter(), refusal=refusal)


@blueprint.get("/staff/cycles/<uuid:cycle_id>/cancel")
@private
def ask_cancel(cycle_id: UUID) -> Response:
    """Ask for the reason, and say whom it hits."""
    return _cancel_form(cycle_id)


@blueprint.post("/staff/cycles/<uuid:cycle_id>/cancel")
@private
def cancel(cycle_id: UUID) -> Response:
    """Cancel the market day; its stores are told."""
    actor = signed_in().actor
    typed = Typed(request.form, site().hub.time_zone)
    command = CancelCycle(actor, str(cycle_id), shown_version(), typed.text("reason"))

    def send() -> Response:
        key = request_key(actor, required=False)
        return respond(container().planning.cancel(command, _gone_to("cancelled"), key))

    refusal = _tried(send, typed, form="cancel")
    return refusal if isinstance(refusal, Response) else _cancel_form(cycle_id, refusal)


def page(cycle_id: UUID, wanted: Filter, *, refusal: Refusal | None = None, said: Said | None = None) -> Response:
    """Draw the page of one market day."""
    model = cycle_page.build(str(cycle_id), wanted, refusal=refusal, said=said)
    body = render_template("pages/cycle.html", page=model, here="cycles")
    return Response(body, refusal.status if refusal else OK, mimetype="text/html")


def refusal_of(refused: errors.Refused, form: str, typed: dict[str, str]) -> Refusal | None:
    """Put a refusal into words; None for one that the form can't mend."""
    match refused:
        case errors.Invalid():
            wrong = dict(wrong_of(refused))
            return Refusal(UNPROCESSABLE, _("Something needs a look."), _wrong_text(wrong), form, typed, wrong)
        case errors.VersionConflict():
            text = _("What you typed is below. Look it over and save it again.")
            return Refusal(PRECONDITION_FAILED, _("Somebody changed this in the meantime."), text, form, typed)
        case errors.CycleNotEditable() | errors.CycleClosed():
            text = _("Nothing was changed.")
            return Refusal(CONFLICT, _("The market day is too far on for this."), text, form, typed)
        case errors.KeyReused() | errors.KeyInFlight():
            text = _("The first sending counted. Look at the list of market days.")
            return Refusal(CONFLICT, _("This form was already sent once."), text, form, typed)
        case _:
            return None


def forged(form: str, typed: dict[str, str]) -> Refusal:
    """Say that a form came from an older sign-in; it only has to be sent again."""
    text = _("This page was opened before you last signed in. Nothing was changed, and what you typed is below.")
    return Refusal(FORBIDDEN, _("Please send it once more."), text, form, typed)


def _wrong_text(wrong: dict[str, str]) -> str:
    # Fields of the form say it themselves; what belongs to none of them is said on top.
    return " ".join(sentence for name, sentence in wrong.items() if name in ("offers", "product_id"))


def _tried(send: Callable[[], Response], typed: Typed, *, form: str) -> Response | Refusal:
    kept = {name: text[:MAX_TEXT_KEPT] for name, text in request.form.items()}
    try:
        site().forms.require()
        if typed.wrong:
            return Refusal(UNPROCESSABLE, _("Something needs a look."), "", form, kept, typed.wrong)
        return send()
    except ForgedForm:
        return forged(form, kept)
    except errors.Refused as refused:
        refusal = refusal_of(refused, form, kept)
        if refusal is None:
            raise
        return refusal


def _new_form(texts: dict[str, Any], source: str | None = None, refusal: Refusal | None = None) -> Response:
    day = container().planning_queries.day(signed_in().actor, source) if source else None
    body = render_template(
        "pages/cycle_new.html",
        texts={name: texts.get(name, "") for name in cycle_form.FIELDS},
        source=day,
        refusal=refusal,
        wrong=refusal.wrong if refusal else {},
        key=str(uuid4()),
        here="cycles",
    )
    return Response(body, refusal.status if refusal else OK, mimetype="text/html")


def _cancel_form(cycle_id: UUID, refusal: Refusal | None = None) -> Response:
    day = container().planning_queries.day(signed_in().actor, str(cycle_id))
    body = render_template(
        "pages/cycle_cancel.html",
        day=day,
        can_cancel=day.cycle.state in CANCELLABLE,
        reason=refusal.typed.get("reason", "") if refusal else "",
        refusal=refusal,
        wrong=refusal.wrong if refusal else {},
        key=str(uuid4()),
        here="cycles",
    )
    return Response(body, refusal.status if refusal else OK, mimetype="text/html")


def _gone_to(what: str) -> Callable[[PlannedDay], Answer]:
    return lambda day: Answer(303, "", (("Location", f"/staff/cycles/{day.cycle.id}?done={what}&offers={day.offers}"),))
