"""Every page, in both languages: sound HTML, named controls, no inline style or script, nothing private in a cache."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from orders.domain.errors import Unavailable
from orders.domain.people import Role

LOCALES = ("en", "es")
PAGES = (
    "sign-in",
    "order",
    "refused order",
    "closed",
    "stores",
    "orders",
    "no orders",
    "one order",
    "commented order",
    "refused comment",
    "board",
    "no standing order",
    "standing order",
    "refused standing order",
    "standing order's store",
    "404",
    "403",
)


@pytest.fixture
def pages(world: Any, signed_in: Callable[..., Any], browser: Any) -> Callable[[str], dict[str, Any]]:
    def draw(locale: str) -> dict[str, Any]:
        world.run("UPDATE cycles SET state = 'done'")
        store = world.store("Lupita's Market")
        buyer = signed_in(world.person(stores=[store], locale=locale))
        staff = signed_in(world.person(Role.STAFF, locale=locale))
        drawn = {
            "sign-in": browser.get("/sign-in", Accept_Language=locale),
            "closed": buyer.get("/order"),
            "no orders": buyer.get("/orders"),
            "404": buyer.get("/nowhere"),
            "403": buyer.get("/staff"),
        }
        cycle = world.cycle()
        offers = [world.offer(cycle, available=5, max_per_store=9), world.offer(cycle, available=None)]
        world.offer(cycle, available=0)
        drawn["order"] = buyer.get("/order")
        drawn["refused order"] = buyer.order(drawn["order"], {offers[0]: "7"})
        drawn["one order"] = buyer.order(drawn["order"], {offers[0]: "4"})
        drawn |= _talk_and_standing(world, buyer, staff, drawn["one order"], offers)
        drawn |= {"orders": buyer.get("/orders"), "board": staff.get("/staff"), "stores": staff.get("/order")}
        return drawn

    return draw


def _talk_and_standing(world: Any, buyer: Any, staff: Any, order: Any, offers: list[str]) -> dict[str, Any]:
    form = order.form(f"{order.path.split('?')[0]}/comments")
    product = str(world.value("SELECT product_id FROM offers WHERE id = CAST(:id AS uuid)", id=offers[0]))
    drawn = {
        "refused comment": buyer.send(form, text=""),
        "commented order": buyer.send(form, text="Hola"),
        "no standing order": buyer.get("/standing-order"),
        "standing order's store": staff.get("/standing-order"),
    }
    add = drawn["no standing order"].form("/standing-order")
    drawn["standing order"] = buyer.send(add, q="product", do=f"add:{product}")
    again = drawn["standing order"].form("/standing-order")
    drawn["refused standing order"] = buyer.send(
        again, **{f"quantity-{product}": "x", f"limit-{product}": "y"}, do="save"
    )
    return drawn


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_is_sound(pages: Callable[[str], dict[str, Any]], locale: str) -> None:
    drawn = pages(locale)
    assert set(drawn) == set(PAGES)
    for name, page in drawn.items():
        assert _faults(page, locale) == [], name


def _faults(page: Any, locale: str) -> list[str]:
    read = page.read
    ids = Counter(given["id"] for _, given in read.elements if given.get("id"))
    faults = [f"id twice: {name}" for name, count in ids.items() if count > 1]
    faults += [f"not balanced: {tag}" for tag in (*read.unbalanced, *read.open)]
    faults += [] if len(read.having("h1")) == 1 else ["not one h1"]
    faults += [] if read.having("html", lang=locale) else ["no lang"]
    faults += [] if len(read.having("main")) == 1 else ["not one main"]
    faults += [] if page.headers["Cache-Control"] == "no-store" else ["may be cached"]
    labelled = {given["for"] for given in read.having("label") if "for" in given}
    for tag, given in read.elements:
        faults += _element_faults(tag, given, labelled, set(ids))
    return faults


def _element_faults(tag: str, given: dict[str, str], labelled: set[str], ids: set[str]) -> list[str]:
    faults = []
    if "style" in given or any(name.startswith("on") for name in given):
        faults.append(f"inline style or handler: {given}")
    if tag == "script" and not given.get("src", "").startswith("/static/js/"):
        faults.append("script that is not a file of ours")
    if tag in ("input", "textarea", "select") and given.get("type") not in ("hidden", "checkbox"):
        named = given.get("aria-label") or given.get("id") in labelled
        faults += [] if named else [f"no name: {given}"]
    references = (
        f"{given.get('aria-describedby', '')} {given.get('aria-labelledby', '')} {given.get('aria-controls', '')}"
    )
    faults += [f"points nowhere: {name}" for name in references.split() if name not in ids]
    if tag == "svg" and given.get("aria-hidden") != "true":
        faults.append("a drawing that is read aloud")
    return faults


@pytest.mark.parametrize("name", PAGES)
def test_the_spanish_page_has_other_words_than_the_english_one(
    pages: Callable[[str], dict[str, Any]], name: str
) -> None:
    english, spanish = pages("en")[name], pages("es")[name]
    assert _title(english) != _title(spanish)


def _title(page: Any) -> str:
    found: str = page.html.split("<title>")[1].split("</title>")[0]
    return found


def test_a_failure_shows_a_number_to_ask_about_and_nothing_of_the_inside(
    app: Any, browser: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(app.view_functions, "sessions.front", explode)
    page = browser.get("/", Accept_Language="es", X_Request_Id="ask-me-about-this")
    assert page.status == 500
    assert "Algo falló de nuestro lado" in page.words
    assert "ask-me-about-this" in page.words
    assert "secret" not in page.html
    assert "Traceback" not in page.html


def test_an_unreachable_database_is_said_as_a_page_that_asks_to_wait(
    app: Any, market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise Unavailable("away", not_processed=True)

    monkeypatch.setitem(app.view_functions, "my_orders.index", away)
    page = market.browser.get("/orders")
    assert page.status == 503
    assert "Back in a moment" in page.words
    assert page.headers["X-Gateway-Not-Processed"] == "1"
    assert page.headers["Retry-After"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_no_page_knows_is_answered_with_a_page(market: Any, method: str) -> None:
    answer = market.browser.client.open("/orders", method=method)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")


def test_static_files_named_by_pages_carry_the_hash_of_their_content(app: Any, browser: Any, world: Any) -> None:
    page = browser.get("/sign-in")
    [style] = page.read.having("link", rel="stylesheet")
    assert len(style["href"].split("?v=")[1]) == 12
