"""Products by file: previewed, taken over whole or in part, and given out as what is taken in."""

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orders.application.product_sheet import MAX_SHEET_BYTES
from orders.application.product_text import COLUMNS
from orders.domain.people import Role
from orders.entrypoints.web import MAX_BODY_BYTES
from tests.integration.test_reads import counted

# For 8,000 rows, in a few batches each; how long they take is told by `make bench-orders`.
MOST_STATEMENTS = 24
HEADER = "name,name_es,category,pack,markup_percent,floor"


class Importer:
    def __init__(self, api: Any) -> None:
        self.api = api

    def send(self, body: str | bytes, query: str = "", *, mimetype: str = "text/csv", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {self.api.token}"
        data = body.encode() if isinstance(body, str) else body
        return self.api.client.post(f"/api/v1/products/import{query}", data=data, content_type=mimetype, headers=named)

    def export(self, query: str = "") -> Any:
        return self.api.call("GET", f"/products.csv{query}")

    def names(self) -> list[str]:
        return [product["name"] for product in self.api.call("GET", "/products").json["items"]]


@pytest.fixture
def staff(world: Any, sign_in: Callable[..., Any]) -> Importer:
    return Importer(sign_in(world.person(Role.STAFF)))


def counts(answer: Any) -> tuple[int, ...]:
    assert answer.status_code == 200, answer.text
    return tuple(answer.json[name] for name in ("new", "changed", "unchanged", "faulty"))


def test_a_file_makes_changes_and_leaves_alone(staff: Importer, world: Any) -> None:
    first = f"{HEADER}\nLimes,Limón,citrus,40 lb,12%,$1.50\nKale,Col rizada,leafy greens,24s,10,\n"
    assert counts(staff.send(first, "?dry_run=true")) == (2, 0, 0, 0)
    assert staff.names() == []
    assert counts(staff.send(first)) == (2, 0, 0, 0)
    assert counts(staff.send(first)) == (0, 0, 2, 0)
    second = f"{HEADER}\nLIMES,Limón,citrus,40 LB,15%,\nChard,Acelga,leafy greens,12s,,\n"
    preview = staff.send(second, "?dry_run=true")
    assert counts(preview) == (1, 1, 0, 0)
    changed = next(row for row in preview.json["rows"] if row["id"])
    assert {"field": "floor_cents", "old": 150, "new": None} in changed["changes"]
    assert counts(staff.send(second)) == (1, 1, 0, 0)
    assert staff.names() == ["LIMES", "Chard", "Kale"]
    trail = world.rows("SELECT action, reason FROM audit WHERE entity = 'product' ORDER BY id")
    assert [entry.action for entry in trail] == ["created", "created", "created", "changed"]
    assert {entry.reason for entry in trail} == {"import"}


def test_one_bad_row_holds_all_back_unless_the_good_ones_are_wanted(staff: Importer) -> None:
    body = f"{HEADER}\nLimes,Limón,citrus,40 lb,12,1.50\nKale,,leafy greens,24s,0.1,1.234\n"
    refused = staff.send(body)
    assert refused.status_code == 422
    assert refused.json["errors"] == [
        {"field": "line 3, name_es", "message": "is missing"},
        {"field": "line 3, markup_percent", "message": "write it in per cent: 95, not 0.95"},
        {"field": "line 3, floor", "message": "at most 2 digits after the point"},
    ]
    assert staff.names() == []
    preview = staff.send(body, "?dry_run=true")
    assert counts(preview) == (1, 0, 0, 1)
    assert preview.json["errors"][1] == {
        "line": 3,
        "column": "markup_percent",
        "value": "0.1",
        "message": "write it in per cent: 95, not 0.95",
    }
    assert counts(staff.send(body, "?partial=true")) == (1, 0, 0, 1)
    assert staff.names() == ["Limes"]


def test_what_is_no_file_of_products_is_refused_even_in_part(staff: Importer) -> None:
    for body in (b"", b"\x00" * 50, b"\xff\xfe\x00", b"colour\nred\n", b'name,pack\n"x,y\n', b"%PDF-1.7\n\xe2\xe3"):
        answer = staff.send(body, "?partial=true")
        assert (answer.status_code, len(answer.json["errors"])) == (422, 1), body
        assert staff.send(body, "?dry_run=true").status_code == 200


def test_rows_find_their_product_by_id_or_by_name_and_pack(staff: Importer) -> None:
    staff.send(f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\nLimes,Limón,citrus,10 lb,12,\n")
    ids = {product["pack"]: product["id"] for product in staff.api.call("GET", "/products").json["items"]}
    renamed = f"id,name,markup_percent\n{ids['40 lb'].upper()},Key limes,13\n"
    assert counts(staff.send(renamed)) == (0, 1, 0, 0)
    kept = staff.api.call("GET", f"/products/{ids['40 lb']}").json
    assert (kept["name"], kept["pack"], kept["name_es"], kept["markup"]) == ("Key limes", "40 lb", "Limón", "0.13")
    bad = (
        "id,name,name_es,category,pack\n"
        f"{ids['10 lb']},Limes,Limón,citrus,10 lb\n"
        ",limes,Limón,citrus,10  LB\n"
        "00000000-0000-4000-8000-000000000000,X,X,x,x\n"
        "not an id,X,X,x,x\n"
        ",New,Nuevo,x,x\n"
        ",NEW,Nuevo,x,x\n"
    )
    found = staff.send(bad, "?dry_run=true").json["errors"]
    assert [(error["line"], error["column"], error["message"]) for error in found] == [
        (3, "name", "the same product as in line 2"),
        (4, "id", "no product has this id"),
        (5, "id", "no product has this id"),
        (7, "name", "the same product as in line 6"),
    ]


def test_a_name_and_pack_that_two_products_have_needs_an_id(staff: Importer) -> None:
    new = {"name": "Limes", "name_es": "Limón", "category": "citrus", "pack": "40 lb"}
    ids = [staff.api.call("POST", "/products", new).json["id"] for _ in range(2)]
    body = f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\n"
    [error] = staff.send(body, "?dry_run=true").json["errors"]
    assert (error["column"], error["message"][:10]) == ("id", "2 products")
    staff.api.call("DELETE", f"/products/{ids[0]}")
    assert counts(staff.send(body)) == (0, 1, 0, 0)
    assert staff.api.call("GET", f"/products/{ids[1]}").json["markup"] == "0.12"


def test_what_goes_out_comes_back_in_unchanged(staff: Importer) -> None:
    hostile = ('=HYPERLINK("http://evil")', "a,b;c\td", "'quoted'", "<script>", "ñ“”✓", "+1", "@x", "'=y")
    for text in hostile:
        body = {"name": text, "name_es": text, "category": text, "pack": text, "markup": "-0.005", "floor_cents": 5}
        assert staff.api.call("POST", "/products", body).status_code == 201, text
    exported = staff.export()
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in exported.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(exported.text)))
    assert tuple(rows[0]) == COLUMNS
    assert not any(cell[:1] in ("=", "+", "@") for row in rows for cell in row)
    assert counts(staff.send(exported.data)) == (0, 0, len(hostile), 0)
    assert counts(staff.send(staff.export("?bom=true").data)) == (0, 0, len(hostile), 0)
    assert len(list(csv.reader(io.StringIO(staff.export("?q=script").text)))) == 2
    assert staff.export("?bom=perhaps").status_code == 422


def test_a_plan_that_was_looked_at_is_not_carried_out_on_other_products(staff: Importer) -> None:
    body = f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\n"
    plan = staff.send(body, "?dry_run=true").headers["ETag"]
    new = {"name": "Limes", "name_es": "Limón", "category": "citrus", "pack": "40 lb"}
    staff.api.call("POST", "/products", new)
    assert staff.send(body, If_Match=plan).status_code == 412
    assert counts(staff.send(body, If_Match=staff.send(body, "?dry_run=true").headers["ETag"])) == (0, 1, 0, 0)


def test_the_same_key_takes_a_file_over_once(staff: Importer, world: Any) -> None:
    body = f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\n"
    answers = [staff.send(body, Idempotency_Key="one") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert world.value("SELECT count(*) FROM audit WHERE entity = 'product'") == 1


def test_a_file_may_be_larger_than_other_bodies_but_not_without_end(staff: Importer) -> None:
    long = f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\n" + "\n" * MAX_BODY_BYTES
    assert counts(staff.send(long)) == (1, 0, 0, 0)
    assert staff.send(b"x" * (MAX_SHEET_BYTES + 1)).status_code == 413
    assert staff.send("name,pack\n", mimetype="application/json").status_code == 415
    assert staff.send("name,pack\n", "?dry_run=perhaps").status_code == 422


def test_thousands_of_rows_take_no_more_statements_than_a_few(staff: Importer, world: Any) -> None:
    def statements(rows: int, markup: str, wanted: tuple[int, ...]) -> int:
        body = "".join(f"Product {n},Producto {n},category {n % 20},{n}s,{markup},1.50\n" for n in range(rows))
        with counted() as seen:
            assert counts(staff.send(f"{HEADER}\n{body}")) == wanted
        return len(seen)

    few = statements(100, "12%", (100, 0, 0, 0)), statements(100, "13%", (0, 100, 0, 0))
    many = statements(8_000, "13%", (7_900, 0, 100, 0)), statements(8_000, "14%", (0, 8_000, 0, 0))
    assert max(few + many) <= MOST_STATEMENTS
    assert world.value("SELECT count(*) FROM audit WHERE entity = 'product'") == 16_100
    assert world.value("SELECT count(*) FROM products WHERE version >= 2 AND markup = 0.14") == 8_000


def test_buyers_neither_import_nor_export(world: Any, sign_in: Callable[..., Any]) -> None:
    buyer = Importer(sign_in(world.buyer()[0]))
    assert buyer.send(f"{HEADER}\n").status_code == 403
    assert buyer.export().status_code == 403


def test_two_who_import_the_same_list_at_once_make_each_product_once(
    world: Any, sign_in: Callable[..., Any], app: Any
) -> None:
    rows = "".join(f"Product {n},Producto,other,{n}s,12%,1.50\n" for n in range(300))
    staff = [Importer(sign_in(world.person(Role.STAFF))) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda one: one.send(f"{HEADER}\n{rows}"), staff))
    assert sorted(counts(answer) for answer in answers) == [(0, 0, 300, 0), (0, 0, 300, 0), (300, 0, 0, 0)]
    assert world.value("SELECT count(*) FROM products") == 300


def test_an_import_and_a_save_at_once_lose_nothing(world: Any, sign_in: Callable[..., Any]) -> None:
    importer, editor = (Importer(sign_in(world.person(Role.STAFF))) for _ in range(2))
    importer.send(f"{HEADER}\nLimes,Limón,citrus,40 lb,12,\n")
    [product] = importer.api.call("GET", "/products").json["items"]
    path = f"/products/{product['id']}"
    with ThreadPoolExecutor() as pool:
        imported = pool.submit(importer.send, "name,pack,markup_percent\nLimes,40 lb,15\n")
        saved = pool.submit(editor.api.call, "PATCH", path, {"floor_cents": 100}, If_Match="*")
    assert (imported.result().status_code, saved.result().status_code) == (200, 200)
    kept = importer.api.call("GET", path).json
    assert (kept["markup"], kept["floor_cents"], kept["version"]) == ("0.15", 100, 3)
