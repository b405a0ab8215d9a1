"""Choosing a store to order for: a plain list of a few, or many by route with a search."""

from collections.abc import Iterable
from itertools import groupby

from flask import Response, render_template, request

from orders.application.queries import StoreView
from orders.application.shop import plain
from orders.domain.directory import only_text
from orders.entrypoints.pages.pager import MAX_SEARCHED_CHARACTERS, leaf

SEARCHED_FROM = 12
STORES_PER_PAGE = 60
# What else the address of the order page may say, and has to survive the choice.
CARRIED = ("fill",)


def draw(stores: tuple[StoreView, ...], path: str = "/order", here: str = "order") -> Response:
    """Let one of these stores be chosen; the choice leads to `path` with `?store=`."""
    is_searched = len(stores) > SEARCHED_FROM
    searched = only_text(request.args.get("q", ""))[:MAX_SEARCHED_CHARACTERS].strip() if is_searched else ""
    words = plain(searched).split()
    found = sorted((one for one in stores if all(word in _said(one) for word in words)), key=_place)
    shown, pager = leaf(STORES_PER_PAGE, lambda skip: (found[skip : skip + STORES_PER_PAGE], len(found)))
    page = render_template(
        "pages/choose_store.html",
        groups=_by_route(shown) if is_searched else [("", shown)],
        has_any=bool(stores),
        is_searched=is_searched,
        searched=searched,
        pager=pager,
        path=path,
        carried={name: request.args[name] for name in CARRIED if request.args.get(name)},
        here=here,
    )
    return Response(page, mimetype="text/html")


def _by_route(stores: Iterable[StoreView]) -> list[tuple[str, list[StoreView]]]:
    return [(route, list(found)) for route, found in groupby(stores, key=lambda store: store.route)]


def _place(store: StoreView) -> tuple[bool, str, str, str]:
    """Sort by route, those without one last, then by name."""
    return (not store.route, plain(store.route), store.route, plain(store.name))


def _said(store: StoreView) -> str:
    return plain(f"{store.name} {store.route}")
