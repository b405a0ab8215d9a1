"""The products: found, made, changed, tied to a market series."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from flask import Blueprint, Response, render_template, request

from orders.application.commands import Answer, RequestKey
from orders.application.product_queries import ProductFilter, SeriesFilter, SeriesView
from orders.application.product_store import StoredProduct
from orders.application.queries import Page
from orders.domain import errors, packs
from orders.domain.people import Actor
from orders.domain.product import ImpossibleProduct, Product
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import product_words as words
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.fields import field_text
from orders.entrypoints.pages.ordering import shown_version
from orders.entrypoints.pages.price_chart import chart_of
from orders.entrypoints.pages.product_form import TypedProduct, as_kept, of_series, read_form
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import locale, private, signed_in
from orders.entrypoints.pages.refusals import PRECONDITION_FAILED, Refusal
from orders.entrypoints.pages.site import site

PRODUCTS_PER_PAGE = 50
SERIES_PER_PAGE = 20
MAX_SEARCH_CHARACTERS = 200
DONE = ("created", "saved", "tied", "untied")

blueprint = Blueprint("products", __name__)


@blueprint.context_processor
def _said() -> dict[str, Any]:
    """Return what the templates of products may say."""
    return {
        "usd": words.usd,
        "signed": words.signed,
        "field_name": words.field_name,
        "change_said": words.change_said,
        "series_name": words.series_name,
    }


def staff() -> Actor:
    """Return who is reading; refuse who is not staff."""
    actor = signed_in().actor
    actor.require_staff()
    return actor


def sought(name: str) -> str:
    """Return a text that is searched for, without what the database takes for no text."""
    return field_text(request.args, name, MAX_SEARCH_CHARACTERS).strip()


@blueprint.get("/staff/products")
@private
def index() -> Response:
    """List products with their suggested prices."""
    actor = staff()
    text, category, shown = sought("q"), sought("category"), request.args.get("shown", "active")
    unmapped = request.args.get("series") == "unmapped"
    wanted = ProductFilter(text or None, category or None, {"active": True, "inactive": False}.get(shown), unmapped)
    cursor = request.args.get("cursor") or None
    page = container().catalogue.products(actor, wanted, limit=PRODUCTS_PER_PAGE, cursor=cursor)
    filters = {"q": text, "category": category, "shown": shown, "series": "unmapped" if unmapped else ""}
    body = render_template(
        "pages/products.html",
        page=page,
        filters=filters,
        is_filtered=bool(text or category or unmapped or shown != "active"),
        is_first=cursor is None,
        next_query=urlencode({**filters, "cursor": page.next_cursor or ""}),
        categories=_category_options(actor),
        trends=container().trends.of(view.product.series_id for view in page.items if view.product.series_id),
        here="products",
    )
    return Response(body, mimetype="text/html")


@blueprint.get("/staff/products/new")
@private
def new() -> Response:
    """Show the empty form, or one begun from a market series."""
    series = container().catalogue.one_series(staff(), request.args.get("series", ""))
    return _new_page(of_series(series))


@blueprint.post("/staff/products")
@private
def create() -> Response:
    """Make a product; 303 to it, or the form again with what stands in the way."""
    actor = staff()
    # Before the form is read: the key belongs to the body as it came.
    once = request_key(actor, required=False)
    typed = read_form(request.form)

    def send() -> Answer:
        return container().products.create(actor, typed.product(), _gone_to("created"), once)

    return _try(send, lambda refusal, wrong: _new_page(typed, refusal, wrong))


@blueprint.get("/staff/products/<uuid:product_id>")
@private
def one(product_id: UUID) -> Response:
    """Show one product."""
    return _page(product_id)


@blueprint.post("/staff/products/<uuid:product_id>")
@private
def save(product_id: UUID) -> Response:
    """Save a product that nobody else changed meanwhile; the series it follows has a form of its own."""
    actor = staff()
    once = request_key(actor, required=False)
    typed = read_form(request.form)

    def alter(kept: Product) -> Product:
        return replace(typed.product(), series_id=kept.series_id)

    return _change(actor, product_id, alter, done="saved", once=once, typed=typed)


@blueprint.post("/staff/products/<uuid:product_id>/series")
@private
def tie(product_id: UUID) -> Response:
    """Let the price follow another market series, or none."""
    actor = staff()
    once = request_key(actor, required=False)
    chosen = request.form.get("series_id")
    if chosen is None:
        return _page(product_id, refusal=words.nothing_chosen())
    # The button that ends it sends an empty one.
    series_id = chosen or None
    done = "tied" if series_id else "untied"
    return _change(actor, product_id, lambda kept: replace(kept, series_id=series_id), done=done, once=once)


def _change(
    actor: Actor,
    product_id: UUID,
    alter: Callable[[Product], Product],
    *,
    done: str,
    once: RequestKey | None,
    typed: TypedProduct | None = None,
) -> Response:
    def send() -> Answer:
        version = shown_version()
        return container().products.change(
            actor, str(product_id), alter, _gone_to(done), expected_version=version, once=once
        )

    return _try(send, lambda refusal, wrong: _page(product_id, typed, refusal, wrong))


Draw = Callable[[Refusal, Mapping[str, str]], Response]


def _try(send: Callable[[], Answer], draw: Draw) -> Response:
    try:
        site().forms.require()
        return respond(send())
    except ForgedForm:
        return draw(words.forged(), {})
    except ImpossibleProduct as impossible:
        return draw(words.some_fields(), {fault.field: words.sentence(fault) for fault in impossible.faults})
    except errors.VersionConflict:
        return draw(words.changed_meanwhile(), {})
    except (errors.KeyInFlight, errors.KeyReused) as refused:
        refusal = words.sent_before(refused)
        if refusal is None:
            raise
        return draw(refusal, {})


def _gone_to(done: str) -> Callable[[StoredProduct], Answer]:
    return lambda stored: Answer(303, "", (("Location", f"/staff/products/{stored.id}?done={done}"),))


@dataclass(frozen=True, slots=True)
class SeriesSearch:
    """What was searched for among the series, and what was found; None: nothing was searched for."""

    text: str
    found: Page[SeriesView] | None
    more: str = ""


def _search(actor: Actor) -> SeriesSearch:
    text = sought("find")
    if not text or request.method != "GET":
        return SeriesSearch("", None)
    cursor = request.args.get("cursor") or None
    found = container().catalogue.series(actor, SeriesFilter(text), limit=SERIES_PER_PAGE, cursor=cursor)
    return SeriesSearch(text, found, urlencode({"find": text, "cursor": found.next_cursor or ""}))


def _new_page(typed: TypedProduct, refusal: Refusal | None = None, wrong: Mapping[str, str] | None = None) -> Response:
    actor = signed_in().actor
    body = render_template(
        "pages/product_new.html",
        typed=typed,
        series=container().catalogue.one_series(actor, typed.cells["series_id"]),
        refusal=refusal,
        wrong=wrong or {},
        search=_search(actor),
        categories=_categories(actor),
        key=str(uuid4()),
        here="products",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")


def _page(
    product_id: UUID,
    typed: TypedProduct | None = None,
    refusal: Refusal | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    actor = staff()
    catalogue = container().catalogue
    view = catalogue.product(actor, str(product_id))
    kept = as_kept(view.product, locale())
    history = container().trends.history(view.product.series_id) if view.product.series_id else None
    done = request.args.get("done")
    body = render_template(
        "pages/product.html",
        view=view,
        typed=typed or kept,
        done=done if done in DONE and refusal is None else None,
        refusal=refusal,
        wrong=_beside(wrong, refusal, typed, kept),
        search=_search(actor),
        history=history,
        chart=chart_of(history) if history else None,
        trend=container().trends.of([view.product.series_id]).get(view.product.series_id)
        if view.product.series_id
        else None,
        worked_out=words.worked_out(view),
        prices=catalogue.prices(actor, view.id),
        timeline=catalogue.timeline(actor, view.id),
        categories=_categories(actor),
        keys=(str(uuid4()), str(uuid4()), str(uuid4())),
        here="products",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")


def _beside(
    wrong: Mapping[str, str] | None, refusal: Refusal | None, typed: TypedProduct | None, kept: TypedProduct
) -> Mapping[str, str]:
    """Return what stands beside each field: what is wrong with it, or what somebody else saved there meanwhile."""
    if refusal is None or typed is None or refusal.status != PRECONDITION_FAILED:
        return wrong or {}
    return words.saved_meanwhile(typed.cells, kept.cells)


def _category_options(actor: Actor) -> list[tuple[str, str]]:
    used = container().catalogue.categories(actor)
    return [("", _("All categories")), *((name, packs.category_in(name, locale())) for name in used)]


def _categories(actor: Actor) -> tuple[str, ...]:
    """Return the categories to choose from: the known ones in the reader's language, then others in use."""
    used = container().catalogue.categories(actor)
    known = tuple(packs.category_in(name, locale()) for name in packs.KNOWN_CATEGORIES)
    return (*known, *(name for name in used if packs.category_key(name) == name and name not in packs.KNOWN_CATEGORIES))
