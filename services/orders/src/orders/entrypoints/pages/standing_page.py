"""The standing order of a store: what it holds, what is added to it, what became of it."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.commands import Answer
from orders.application.queries import StoreView
from orders.application.standing_desk import SaveStandingOrder
from orders.application.standing_orders import MAX_FOUND
from orders.domain import errors
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS
from orders.entrypoints.identity import container
from orders.entrypoints.pages import store_choice
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.ordering import shown_version
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private, signed_in
from orders.entrypoints.pages.refusals import CONFLICT, FORBIDDEN, OK, PRECONDITION_FAILED, UNPROCESSABLE, Refusal
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.standing_form import TypedStanding, as_saved, ids_of, product_ids, read_form, words_of

PATH = "/standing-order"

blueprint = Blueprint("standing", __name__)


@blueprint.get(PATH)
@private
def show() -> Response:
    """Show the chosen store's standing order, or the choice of stores."""
    stores = container().queries.stores(signed_in().actor)
    wanted = request.args.get("store")
    if not wanted and len(stores) != 1:
        return store_choice.draw(stores, PATH, "standing")
    store = _of(stores, wanted or stores[0].id)
    return _page(store, None, done=request.args.get("done"), words=words_of(request.args.get("q", "")))


@blueprint.post(PATH)
@private
def change() -> AnyResponse:
    """Save, look for products, or add and remove one; whatever can't be done leaves the form as it was typed."""
    store, typed = _posted()
    what, _colon, product_id = request.form.get("do", "").partition(":")
    is_new_search = bool(typed.words) and typed.words != request.form.get("shown_q", "")
    if what == "search" or (what == "enter" and is_new_search):
        return _page(store, typed)
    if what == "add":
        found = container().standing.products_named([product_id]).get(product_id)
        typed = typed.having(found) if found else typed
    if what == "remove":
        typed = typed.without(product_id)
    done = {"add": "added", "remove": "taken"}.get(what, "saved")
    return _guarded(store, typed, lambda: _save(store, typed, done))


@blueprint.post(f"{PATH}/pause")
@private
def pause() -> AnyResponse:
    """Pause it, or go on with it."""
    store, typed = _posted()
    active = request.form.get("active") == "yes"

    def act() -> AnyResponse:
        container().standing_desk.pause(signed_in().actor, store.id, typed.version, active=active)
        return _back(store, "resumed" if active else "paused")

    return _guarded(store, None, act)


@blueprint.post(f"{PATH}/remove")
@private
def remove() -> AnyResponse:
    """Give it up."""
    store, typed = _posted()

    def act() -> AnyResponse:
        container().standing_desk.remove(signed_in().actor, store.id, typed.version)
        return _back(store, "removed")

    return _guarded(store, None, act)


@blueprint.post(f"{PATH}/from-order")
@private
def from_order() -> AnyResponse:
    """Make an order the standing order of its store."""
    site().forms.require()
    store_id = container().standing_desk.from_order(signed_in().actor, request.form.get("order_id", ""))
    return redirect(f"{PATH}?{urlencode({'store': store_id, 'done': 'copied'})}", 303)


def _posted() -> tuple[StoreView, TypedStanding]:
    store = _of(container().queries.stores(signed_in().actor), request.form.get("store_id", ""))
    products = container().standing.products_named(product_ids(request.form))
    return store, read_form(request.form, products, shown_version())


def _of(stores: tuple[StoreView, ...], store_id: str) -> StoreView:
    store = next((one for one in stores if one.id == store_id), None)
    if store is None:
        raise errors.NotFound("no such store")
    return store


def _save(store: StoreView, typed: TypedStanding, done: str) -> AnyResponse:
    if typed.wrong:
        return _page(store, typed, Refusal(UNPROCESSABLE, _("Some fields need a look."), _("Nothing was saved yet.")))
    actor = signed_in().actor
    if not typed.lines:
        if typed.version:
            container().standing_desk.remove(actor, store.id, typed.version)
        return _back(store, "removed" if typed.version else "nothing")
    command = SaveStandingOrder(actor, store.id, typed.version, typed.lines, typed.note.strip())
    container().standing_desk.save(command, lambda _standing: Answer(303, ""))
    return _back(store, done, typed.words)


def _guarded(store: StoreView, typed: TypedStanding | None, act: Callable[[], AnyResponse]) -> AnyResponse:
    """Act, or show the form again with what stands in the way."""
    try:
        site().forms.require()
        return act()
    except ForgedForm:
        text = _("This page was opened before you last signed in. Nothing was changed, and what you typed is below.")
        return _page(store, typed, Refusal(FORBIDDEN, _("Please send it once more."), text))
    except (errors.VersionConflict, errors.NotFound):
        return _changed_meanwhile(store, typed)
    except errors.Invalid as invalid:
        return _page(store, typed, _invalid(invalid))


def _changed_meanwhile(store: StoreView, typed: TypedStanding | None) -> AnyResponse:
    now = container().standing.of_store(signed_in().actor, store.id)
    refusal = Refusal(
        PRECONDITION_FAILED,
        _("The standing order was changed somewhere else in the meantime."),
        _("Nothing of yours was saved yet, and what you typed is below. Look it over and save it again."),
    )
    return _page(store, replace(typed, version=now.version if now else 0) if typed else None, refusal)


def _invalid(invalid: errors.Invalid) -> Refusal:
    if any(problem.field == "note" for problem in invalid.errors):
        most = f"{MAX_NOTE_CHARACTERS:,}"
        return Refusal(UNPROCESSABLE, _("The note is too long: %(most)s characters fit.") % {"most": most})
    if any(problem.field == "lines" for problem in invalid.errors):
        return Refusal(UNPROCESSABLE, _("A standing order holds %(most)s products at most.") % {"most": MAX_LINES})
    return Refusal(CONFLICT, _("Some fields need a look."), _("Nothing was saved yet."))


def _back(store: StoreView, done: str, words: str = "") -> AnyResponse:
    query = {"store": store.id, "done": done, **({"q": words} if words else {})}
    return redirect(f"{PATH}?{urlencode(query)}", 303)


def _page(
    store: StoreView,
    typed: TypedStanding | None,
    refusal: Refusal | None = None,
    *,
    done: str | None = None,
    words: str = "",
) -> Response:
    actor = signed_in().actor
    standing = container().standing.of_store(actor, store.id)
    shown = typed or as_saved(standing, words)
    found = container().standing.products(shown.words) if shown.words else ()
    page = render_template(
        "pages/standing_order.html",
        store=store,
        standing=standing,
        typed=shown,
        wrong=shown.wrong if refusal else {},
        note_wrong={"note": refusal.title} if refusal and len(shown.note) > MAX_NOTE_CHARACTERS else {},
        found=found,
        is_full=len(found) == MAX_FOUND,
        listed=ids_of(shown.rows),
        runs=container().standing.runs(actor, store.id),
        refusal=refusal,
        done=done,
        here="standing",
    )
    return Response(page, refusal.status if refusal else OK, mimetype="text/html")
