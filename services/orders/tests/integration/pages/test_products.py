"""The pages of products, as staff use them without a script."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from orders.domain.people import Role
from tests.integration.pages.conftest import priced_series

NOPALES = {
    "name": "Nopales",
    "name_es": "Nopal limpio",
    "category": "vegetables",
    "pack": "20 lb cartons",
    "yield_percent": "95 %",
    "markup_percent": "12",
    "active": "yes",
}
HOSTILE = '<script>alert("x")</script>\' OR 1=1;--'


@dataclass
class Desk:
    browser: Any
    world: Any

    def make(self, *, follow: bool = True, **fields: str) -> Any:
        page = self.browser.get("/staff/products/new")
        return self.browser.send(page.form("/staff/products?"), follow=follow, **{**NOPALES, **fields})

    def form_of(self, path: str) -> Any:
        return self.browser.get(path).form(f"{path}?")

    def paste(self, text: str) -> Any:
        form = self.browser.get("/staff/products/import").form("/staff/products/import")
        return self.browser.send(form, text=text)


@pytest.fixture
def desk(world: Any, signed_in: Callable[..., Any]) -> Desk:
    return Desk(signed_in(world.person(Role.STAFF)), world)


def test_a_product_is_made_tied_to_a_series_and_priced(desk: Desk, transactions: Any) -> None:
    series = priced_series(transactions)
    made = desk.make()
    assert "The product is made." in made.words
    assert "no price can be suggested" in made.words
    path = made.path.split("?")[0]
    found = desk.browser.get(f"{path}?find=AVOCADOS+48")
    assert "Los Angeles · Jan 7" in found.words
    tied = desk.browser.send(found.form(f"{path}/series"), series_id=series)
    assert "The price follows this series from now on." in tied.words
    assert "$24.00 ÷ (1 x 95 %) x 1.12 = $28.29" in tied.words.replace("\u00a0", " ").replace("\u00d7", "x")
    assert "The quote is 1 day old." in tied.words
    assert "$22.00 to $28.50 a package" in tied.words
    assert "Source: USDA, Los Angeles, report 2306" in tied.words
    assert len(tied.read.having("polygon")) == 2
    listed = desk.browser.get("/staff/products")
    assert "$28.29" in listed.words
    assert "+9.1 % in a week" in listed.words.replace("\u00a0", " ")
    untied = desk.browser.send(tied.form(f"{path}/series"), series_id="")
    assert "The price follows no series any more." in untied.words
    assert "Nopales" in desk.browser.get("/staff/products?series=unmapped").words


def test_a_series_is_neither_taken_away_nor_made_up_by_a_form_that_says_nonsense(desk: Desk, transactions: Any) -> None:
    series = priced_series(transactions)
    path = desk.make(series_id=series).path.split("?")[0]
    form = desk.browser.get(path).form(f"{path}/series")
    nothing = desk.browser.send(form)
    assert (nothing.status, "Choose one of the series first." in nothing.words) == (422, True)
    for nonsense in ("avocados", "x" * 100_000):
        assert desk.browser.send(form, series_id=nonsense).status == 422
    assert str(desk.world.value("SELECT series_id FROM products")) == series


def test_a_product_begun_from_a_series_follows_it(desk: Desk, transactions: Any) -> None:
    series = priced_series(transactions)
    page = desk.browser.get(f"/staff/products/new?series={series}")
    form = page.form("/staff/products?")
    assert (form.fields["name"], form.fields["pack"], form.fields["series_id"]) == ("Avocados", "cartons, 48s", series)
    made = desk.browser.send(form, name_es="Aguacate", category="fruit")
    assert "Suggested price" in made.words
    assert desk.world.value("SELECT series_id FROM products") is not None


def test_what_was_typed_stays_and_each_mistake_is_said_beside_its_field(desk: Desk) -> None:
    page = desk.make(name="", yield_percent="0.95", floor="12,5", ceiling="abc", case_size="1", markup_percent="-100")
    assert page.status == 422
    form = page.form("/staff/products?")
    assert (form.fields["floor"], form.fields["ceiling"], form.fields["name_es"]) == ("12,5", "abc", "Nopal limpio")
    invalid = {given["name"] for given in page.read.having("input", aria_invalid="true")}
    assert invalid == {"name", "yield_percent", "floor", "ceiling", "case_size", "markup_percent"}
    assert "Write a point, not a comma: 12.5." in page.words
    assert "At least \u221299.99 %." in page.words.replace("\u00a0", " ") or "At least -99.99 %." in page.words
    assert desk.browser.send(form, **{**NOPALES, "floor": "", "ceiling": "", "case_size": ""}).status == 200


def test_of_two_who_edit_the_later_sees_both_versions_and_may_decide(
    desk: Desk, signed_in: Callable[..., Any], world: Any
) -> None:
    path = desk.make().path.split("?")[0]
    theirs = signed_in(world.person(Role.STAFF))
    form, other = desk.form_of(path), theirs.get(path).form(f"{path}?")
    theirs.send(other, pack="10 lb cartons")
    late = desk.browser.send(form, pack="30 lb cartons", floor="3")
    assert late.status == 412
    assert "Somebody changed this product in the meantime." in late.words
    assert "Saved by now: 10 lb cartons" in late.words
    again = late.form(f"{path}?")
    assert again.fields["pack"] == "30 lb cartons"
    assert "Your changes are saved." in desk.browser.send(again).words
    assert world.rows("SELECT pack, floor_cents, version FROM products") == [("30 lb cartons", 300, 3)]


def test_a_form_sent_twice_makes_one_product(desk: Desk) -> None:
    form = desk.browser.get("/staff/products/new").form("/staff/products?")
    first, second = (desk.browser.send(form, follow=False, **NOPALES) for _ in range(2))
    assert (first.status, second.headers["Location"]) == (303, first.headers["Location"])
    assert desk.world.value("SELECT count(*) FROM products") == 1
    other = desk.browser.send(form, **{**NOPALES, "name": "Other"})
    assert (other.status, "already sent once" in other.words) == (422, True)
    assert other.form("/staff/products?").fields["name"] == "Other"


def test_a_product_is_taken_out_and_offered_again_and_its_story_is_told(desk: Desk, world: Any) -> None:
    path = desk.make().path.split("?")[0]
    form = desk.form_of(path)
    del form.fields["active"]
    out = desk.browser.send(form, markup_percent="12")
    assert "Taken out" in out.words
    assert "No products yet" not in desk.browser.get("/staff/products?shown=all").words
    assert "Nopales" in desk.browser.get("/staff/products?shown=inactive").words
    assert "Nopales" not in desk.browser.get("/staff/products?q=x").words
    back = desk.browser.send(desk.form_of(path), active="yes", markup_percent="15")
    assert "Markup: 15 % instead of 12 %" in back.words.replace("\u00a0", " ")
    assert "by Person" in back.words


def test_what_it_went_for_on_past_market_days_is_listed(desk: Desk, world: Any) -> None:
    product = world.product("Limes")
    cycle = world.cycle(state="done", opens_in_s=-9_000, cutoff_in_s=-5_000)
    world.run(
        "INSERT INTO offers (id, cycle_id, product_id, unit_price_cents) VALUES (:id, :cycle, :product, 1234)",
        id=str(uuid4()),
        cycle=cycle,
        product=product,
    )
    page = desk.browser.get(f"/staff/products/{product}")
    assert "Friday" in page.words
    assert "$12.34" in page.words


def test_a_category_is_understood_in_both_languages_and_a_new_one_is_kept(desk: Desk, world: Any) -> None:
    desk.make(category="Hojas verdes")
    desk.make(category="Cosas ricas")
    assert set(world.rows("SELECT category FROM products")) == {("leafy greens",), ("Cosas ricas",)}
    page = desk.browser.get("/staff/products")
    assert "Leafy greens" in page.words
    assert "Cosas ricas" in page.words


@pytest.mark.parametrize("field", ["name", "name_es", "category", "pack"])
def test_hostile_text_comes_back_as_text(desk: Desk, field: str) -> None:
    made = desk.make(**{field: HOSTILE})
    assert made.status == 200
    listed = desk.browser.get("/staff/products")
    for page in (made, listed, desk.browser.get(f"/staff/products?q={HOSTILE}")):
        assert "<script>alert" not in page.html
    assert desk.form_of(made.path.split("?")[0]).fields[field] == HOSTILE


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "x" * 100_000, "\u202egnp.exe", "9" * 400, "\x1b[31m", "NaN"])
@pytest.mark.parametrize("field", ["name", "category", "pack", "units_per_package", "markup_percent", "ceiling"])
def test_nothing_that_is_typed_breaks_the_form(desk: Desk, field: str, text: str) -> None:
    page = desk.make(**{field: text})
    assert page.status in (200, 422)
    if page.status == 422:
        assert page.read.having("input", name=field, aria_invalid="true")


@pytest.mark.parametrize(
    "path",
    [
        "/staff/products?q=%00&category=%00&shown=x&series=y",
        "/staff/products?q=%25%5C_" + "x" * 3_000,
        "/staff/products/new?series=%00",
        "/staff/products/new?find=%00",
        "/staff/products/import?done=1-2-x-9",
        "/staff/products/import?done=" + "-".join(["9" * 5_000] * 4),
    ],
)
def test_no_address_breaks_a_page(desk: Desk, path: str) -> None:
    assert desk.browser.get(path).status == 200


def test_a_cursor_of_elsewhere_is_refused_politely(desk: Desk) -> None:
    assert desk.browser.get("/staff/products?cursor=nonsense").status == 422


def test_products_are_paged(desk: Desk, world: Any) -> None:
    for number in range(55):
        world.product(f"Product {number:02}")
    first = desk.browser.get("/staff/products?q=product&shown=all")
    [link] = [given["href"] for given in first.read.having("a") if "cursor=" in given.get("href", "")]
    second = desk.browser.get(link)
    assert ("Product 49" in first.words, "Product 50" in first.words) == (True, False)
    assert ("Product 49" in second.words, "Product 54" in second.words) == (False, True)


def test_a_pasted_list_is_looked_at_corrected_and_saved(desk: Desk, world: Any) -> None:
    bad = "name\tname_es\tcategory\tpack\tmarkup_percent\nLimes\tLimón\tcitrus\t40 lb\t12%\nKale\t\tgreens\t24s\t0.12\n"
    preview = desk.paste(bad)
    assert "New" in preview.words
    assert "This is missing." in preview.words
    assert "markup_percent" in preview.words
    assert world.value("SELECT count(*) FROM products") == 0
    again = desk.browser.send(preview.read.forms[-1], text=bad.replace("Kale\t\t", "Kale\tCol\t").replace("0.12", "10"))
    assert "Nothing is saved yet." in again.words
    taken = desk.browser.send(again.form(again.path.replace("http://localhost", "")))
    assert "New: 2. Changed: 0. The same as before: 0. Left out: 0." in taken.words
    assert "All of this is saved already" in desk.browser.get(again.path).words
    assert "from a file" in desk.browser.get(f"/staff/products/{world.value('SELECT id FROM products LIMIT 1')}").words


def test_the_good_lines_can_be_saved_without_the_others(desk: Desk, world: Any) -> None:
    preview = desk.paste("name,name_es,category,pack\nLimes,Limón,citrus,40 lb\nKale,,greens,24s\n")
    taken = desk.browser.send(preview.form(preview.path), partial="yes")
    assert "New: 1. Changed: 0. The same as before: 0. Left out: 1." in taken.words
    assert world.rows("SELECT name FROM products") == [("Limes",)]


def test_a_file_is_uploaded_with_its_name_and_any_bytes_in_it(desk: Desk) -> None:
    form = desk.browser.get("/staff/products/import").form("/staff/products/import")
    for body in (b"\xff\x00\x01", b"", "name,pack\n<b>x</b>,y\n".encode("utf-16"), b"PK\x03\x04" * 500, b"\x00" * 90):
        fields = {"csrf_token": form.fields["csrf_token"], "file": (io.BytesIO(body), "<b>list.csv")}
        answer = desk.browser.client.post("/staff/products/import", data=fields, follow_redirects=True)
        assert answer.status_code in (200, 422)
        assert "<b>" not in answer.text
    assert desk.world.value("SELECT count(*) FROM product_imports") == 4


def test_only_the_last_few_files_of_a_person_are_kept(desk: Desk, world: Any) -> None:
    for number in range(8):
        desk.paste(f"name,pack\n{number},x\n")
    assert world.value("SELECT count(*) FROM product_imports") == 5


def test_a_file_is_looked_at_again_when_the_products_changed_meanwhile(desk: Desk, world: Any) -> None:
    preview = desk.paste("name,name_es,category,pack\nNopales,Nopal,vegetables,20 lb cartons\n")
    desk.make()
    late = desk.browser.send(preview.form(preview.path))
    assert late.status == 412
    assert "The products have changed since you looked at this." in late.words
    taken = desk.browser.send(late.form(preview.path))
    assert "Changed: 1." in taken.words


def test_nobody_sees_the_file_of_another(desk: Desk, world: Any, signed_in: Callable[..., Any]) -> None:
    preview = desk.paste("name,pack\nLimes,40 lb\n")
    other = signed_in(world.person(Role.STAFF))
    assert other.get(preview.path).status == 404
    assert desk.browser.get(f"/staff/products/import/{uuid4()}").status == 404


def test_buyers_do_not_get_to_products(world: Any, signed_in: Callable[..., Any], desk: Desk) -> None:
    path = desk.make().path.split("?")[0]
    buyer = signed_in(world.buyer()[0])
    for where in ("/staff/products", "/staff/products/new", path, "/staff/products/import"):
        assert buyer.get(where).status == 403
    for where in ("/staff/products", path, f"{path}/series", "/staff/products/import"):
        assert buyer.post(where, {**NOPALES, "text": "name,pack\na,b"}).status == 403
    assert world.value("SELECT version FROM products") == 1


def test_a_form_from_elsewhere_changes_nothing(desk: Desk, world: Any) -> None:
    path = desk.make().path.split("?")[0]
    forged = desk.browser.post(path, {**NOPALES, "name": "Forged", "version": "1", "csrf_token": "x"})
    assert (forged.status, world.value("SELECT name FROM products")) == (403, "Nopales")
    assert desk.browser.post("/staff/products/import", {"text": "name,pack\na,b"}).status == 403
    assert world.value("SELECT count(*) FROM product_imports") == 0
