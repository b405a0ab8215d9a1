"""Every page, in both languages: sound HTML, named controls, no inline style or script, nothing private in a cache."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pyotp
import pytest

from orders.application.one_time_links import Purpose, issue
from orders.domain.errors import Unavailable
from orders.domain.people import Role
from tests.integration.pages.conftest import Page, priced_series

LOCALES = ("en", "es")
PAGES = (
    "sign-in",
    "order",
    "refused order",
    "another shelf",
    "filled order",
    "sifted orders",
    "closed",
    "stores",
    "orders",
    "no orders",
    "one order",
    "commented order",
    "refused comment",
    "board",
    "staff stores",
    "new store",
    "one store",
    "refused store",
    "staff people",
    "new person",
    "one person",
    "refused person",
    "a colleague",
    "products",
    "no products",
    "product",
    "refused product",
    "new product",
    "import",
    "import preview",
    "no standing order",
    "standing order",
    "refused standing order",
    "standing order's store",
    "404",
    "403",
    "forgot",
    "forgot, sent",
    "reset",
    "reset, refused",
    "welcome",
    "link over",
    "account",
    "account, refused",
    "account of staff",
    "second factor",
    "recovery codes",
    "new token",
    "second step",
)


@pytest.fixture
def pages(
    world: Any, signed_in: Callable[..., Any], browser: Any, transactions: Any
) -> Callable[[str], dict[str, Any]]:
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
            "no products": staff.get("/staff/products"),
        }
        cycle = world.cycle()
        offers = [world.offer(cycle, available=5, max_per_store=9), world.offer(cycle, available=None)]
        world.offer(cycle, available=0)
        drawn["order"] = buyer.get("/order")
        drawn["refused order"] = buyer.order(drawn["order"], {offers[0]: "7"})
        drawn["one order"] = buyer.order(drawn["order"], {offers[0]: "4"})
        drawn |= _directory(staff, store, world.person(Role.ADMIN).person_id)
        drawn |= _of_products(world, staff, transactions)
        world.run(
            "INSERT INTO products (id, name, name_es, category, pack, case_size) SELECT gen_random_uuid(),"
            " 'Many ' || n, 'Muchos ' || n, (ARRAY['herbs', 'citrus'])[1 + n % 2], '25 lb sacks', 12"
            " FROM generate_series(1, 250) n"
        )
        world.run(
            "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents, case_size, cutoff_at) SELECT"
            " gen_random_uuid(), CAST(:cycle AS uuid), id, 900, case_size, '2099-01-01' FROM products"
            " WHERE category <> 'fruit'",
            cycle=cycle,
        )
        herbs = buyer.get("/order?category=herbs")
        first = herbs.read.having("input", inputmode="numeric")[-1]["name"]
        drawn["another shelf"] = buyer.post(
            "/order/view", {**herbs.form("/orders").fields, first: "2", "category": "citrus"}
        )
        drawn["filled order"] = buyer.get(f"/order?fill={world.value('SELECT id FROM orders')}")
        drawn["sifted orders"] = staff.get("/orders?q=lupita&state=placed")
        drawn |= _talk_and_standing(world, buyer, staff, drawn["one order"], offers)
        drawn |= {"orders": buyer.get("/orders"), "board": staff.get("/staff"), "stores": staff.get("/order")}
        return drawn | account_pages(world, transactions, browser, (buyer, staff), locale)

    return draw


def _directory(staff: Any, store: str, colleague: str) -> dict[str, Any]:
    buyer = staff.get(f"/staff/people?store={store}").read.having("a", class_="entry")[0]["href"]
    new_store, new_person = staff.get("/staff/stores/new"), staff.get("/staff/people/new")
    return {
        "staff stores": staff.get("/staff/stores"),
        "new store": new_store,
        "one store": staff.get(f"/staff/stores/{store}"),
        "refused store": staff.send(new_store.form("/staff/stores"), name="", stop="x", **{"add-1": "?"}),
        "staff people": staff.get("/staff/people"),
        "new person": new_person,
        "one person": staff.get(buyer),
        "refused person": staff.send(new_person.form("/staff/people"), name="", **{"add-2": "?"}),
        "a colleague": staff.get(f"/staff/people/{colleague}"),
    }


def _of_products(world: Any, staff: Any, transactions: Any) -> dict[str, Any]:
    """Draw a product with a chart and a found series, the forms, and a file with good and bad lines."""
    series = priced_series(transactions)
    product = world.product("Nopales", series_id=series)
    path = f"/staff/products/{product}"
    form = staff.get(path).form(f"{path}?")
    pasted = "name,name_es,category,pack,floor\nLimes,Limón,citrus,40 lb,1.50\nKale,,greens,24s,x\n"
    return {
        "products": staff.get("/staff/products"),
        "product": staff.get(f"{path}?find=avocados&done=tied"),
        "refused product": staff.send(form, name="", markup_percent="0.12"),
        "new product": staff.get(f"/staff/products/new?find=avocados&series={series}"),
        "import": staff.get("/staff/products/import?done=1-2-3-4"),
        "import preview": staff.send(staff.get("/staff/products/import").form("/staff/products/import"), text=pasted),
    }


def account_pages(
    world: Any, transactions: Any, visitor: Any, signed_in: tuple[Any, Any], locale: str
) -> dict[str, Any]:
    """Draw the pages of the own account, and those that a visitor comes to by mail."""
    buyer, staff = signed_in
    person_id = world.value("SELECT id::text FROM people WHERE role = 'buyer' ORDER BY created_at DESC LIMIT 1")
    for purpose in Purpose:
        transactions.run(partial(issue, person_id=person_id, purpose=purpose, public_url=""))
    links = dict(zip(Purpose, [event["link"] for event in world.events() if "link" in event][-2:], strict=True))
    spoken = {"Accept_Language": locale}
    reset = visitor.get(links[Purpose.PASSWORD_RESET], **spoken)
    choice = next(form for form in reset.read.forms if "password" in form.fields)
    account = buyer.get("/account")
    enrolment = staff.send(staff.get("/account").form("/account/second-factor"))
    secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", enrolment.html))
    codes = staff.send(enrolment.form("/account/second-factor/confirm"), code=pyotp.TOTP(secret).now())
    email = world.value("SELECT email FROM people WHERE role = 'staff' ORDER BY created_at DESC LIMIT 1")
    signing = visitor.get("/sign-in", **spoken).form("/sign-in").fields
    step = visitor.client.post(
        "/sign-in",
        data={**signing, "email": email, "password": "correct horse battery"},
        headers={"Accept-Language": locale},
    )
    weak = visitor.client.post(
        choice.action, data={**choice.fields, "password": "x"}, headers={"Accept-Language": locale}
    )
    return {
        "forgot": visitor.get("/forgot", **spoken),
        "forgot, sent": visitor.get("/forgot?done=sent", **spoken),
        "reset": reset,
        "reset, refused": Page(weak.status_code, weak.text, weak.headers, ""),
        "welcome": visitor.get(links[Purpose.INVITATION], **spoken),
        "link over": visitor.get("/reset/x", **spoken),
        "new token": buyer.send(account.form("/account/tokens"), name="Harvest"),
        "account": buyer.get("/account?done=session"),
        "account, refused": buyer.send(account.form("/account/password"), current_password="x", new_password="x"),
        "account of staff": staff.get("/account"),
        "second factor": enrolment,
        "recovery codes": codes,
        "second step": Page(step.status_code, step.text, step.headers, ""),
    }


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


def test_the_spanish_pages_have_other_words_than_the_english_ones(pages: Callable[[str], dict[str, Any]]) -> None:
    english, spanish = pages("en"), pages("es")
    assert [name for name in PAGES if _title(english[name]) == _title(spanish[name])] == []


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


@pytest.mark.parametrize(("path", "there"), [("/staff", None), ("/account", None), ("/staff/products", "Products")])
def test_staff_find_every_page_in_the_menu_once_and_see_where_they_are(
    world: Any, signed_in: Callable[..., Any], path: str, there: str | None
) -> None:
    page = signed_in(world.person(Role.STAFF)).get(path)
    assert page.status == 200
    [menu] = re.findall(r'<nav aria-label="Main">(.*?)</nav>', page.html, re.DOTALL)
    ways = re.findall(r'<a href="([^"]+)"', menu)
    assert len(ways) == len(set(ways)) == 9
    [summary] = re.findall(r"<summary[^>]*>(.*?)</summary>", menu, re.DOTALL)
    assert (there or "More") in summary
