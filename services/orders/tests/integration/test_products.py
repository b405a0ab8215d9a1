"""Products by API: made, changed, taken out, found; what they should cost; the series they may follow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from orders.application.incoming import read_forecasts, read_quotes
from orders.domain.people import Role
from tests.integration.test_reads import counted

NOPALES = {"name": "Nopales", "name_es": "Nopal limpio", "category": "vegetables", "pack": "20 lb cartons"}


@dataclass
class Staff:
    api: Any
    person_id: str

    def make(self, **more: object) -> Any:
        answer = self.api.call("POST", "/products", {**NOPALES, **more})
        assert answer.status_code == 201, answer.text
        return answer.json

    def list(self, query: str = "") -> list[str]:
        seen, path = [], f"/products?limit=2&{query}"
        while path:
            page = self.api.call("GET", path).json
            seen += [product["name"] for product in page["items"]]
            path = page["next"] and page["next"].removeprefix("/api/v1")
        return seen


@pytest.fixture
def staff(world: Any, sign_in: Callable[..., Any]) -> Staff:
    actor = world.person(Role.STAFF)
    return Staff(sign_in(actor), actor.person_id)


@pytest.fixture
def quote(transactions: Any) -> Callable[..., str]:
    def record(commodity: str = "Avocados", day: str = "2026-01-07", price: str = "24.00", **more: object) -> str:
        series = str(more.pop("series_id", uuid4()))
        told = {"series_id": series, "commodity": commodity, "date": day, "reference": price, "low": price, **more}
        body = {"market": more.pop("market", "Los Angeles"), "report_id": "2306", "quotes": [told]}
        transactions.run(lambda work: work.market.record(read_quotes(body)))
        return series

    return record


def test_a_product_is_made_read_changed_and_taken_out(staff: Staff, world: Any) -> None:
    made = staff.api.call("POST", "/products", {**NOPALES, "markup": "0.12", "yield_share": 0.95, "floor_cents": 100})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    path = made.headers["Location"].removeprefix("/api/v1")
    read = staff.api.call("GET", path)
    assert (read.json["markup"], read.json["yield_share"], read.json["units_per_package"]) == ("0.12", "0.95", "1")
    assert read.json["suggested_price_cents"] is None

    changed = staff.api.call("PATCH", path, {"ceiling_cents": 900, "floor_cents": None}, If_Match=read.headers["ETag"])
    assert (changed.status_code, changed.headers["ETag"], changed.json["floor_cents"]) == (200, '"2"', None)
    assert (changed.json["name"], changed.json["ceiling_cents"]) == ("Nopales", 900)

    assert staff.api.call("DELETE", path).status_code == 204
    assert staff.api.call("DELETE", path).status_code == 204
    assert not staff.api.call("GET", path).json["active"]
    trail = world.rows("SELECT action, person_id, changes FROM audit WHERE entity = 'product' ORDER BY id")
    assert [entry.action for entry in trail] == ["created", "changed", "deactivated"]
    assert {str(entry.person_id) for entry in trail} == {staff.person_id}
    assert {"field": "floor_cents", "old": 100, "new": None} in trail[1].changes
    assert trail[2].changes == [{"field": "active", "old": True, "new": False}]


def test_what_changes_nothing_is_no_new_version_and_no_line_in_the_trail(staff: Staff, world: Any) -> None:
    made = staff.make(markup="0.1200")
    answer = staff.api.call("PATCH", f"/products/{made['id']}", {"markup": 0.12, "name": " Nopales "}, If_Match='"1"')
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    assert world.value("SELECT count(*) FROM audit WHERE entity = 'product'") == 1


def test_of_two_who_change_the_same_product_the_later_learns_of_it(staff: Staff) -> None:
    path = f"/products/{staff.make()['id']}"
    assert staff.api.call("PATCH", path, {"pack": "10 lb"}, If_Match='W/"1"').status_code == 200
    late = staff.api.call("PATCH", path, {"pack": "30 lb"}, If_Match='"1"')
    assert (late.status_code, late.json["version"]) == (412, 2)
    assert staff.api.call("PATCH", path, {"pack": "30 lb"}).status_code == 428
    assert staff.api.call("DELETE", path, If_Match='"1"').status_code == 412
    assert staff.api.call("PATCH", path, {"pack": "40 lb"}, If_Match='"7", "2"').status_code == 200
    assert staff.api.call("PATCH", path, {"pack": "50 lb"}, If_Match="*").status_code == 200
    assert staff.api.call("GET", path).json["version"] == 4


def test_a_repeated_key_makes_one_product(staff: Staff, world: Any) -> None:
    answers = [staff.api.call("POST", "/products", NOPALES, Idempotency_Key="k-1") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert world.value("SELECT count(*) FROM products") == 1
    other = staff.api.call("POST", "/products", {**NOPALES, "name": "Other"}, Idempotency_Key="k-1")
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name_es": "x" * 100_000}, "name_es"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\x1bb"}, "name"),
        ({"pack": "left\u202eright"}, "pack"),
        ({"category": " \t "}, "category"),
        ({"pack": "x" * 121}, "pack"),
        ({"series_id": "avocados"}, "series_id"),
        ({"units_per_package": "0"}, "units_per_package"),
        ({"units_per_package": "10000000"}, "units_per_package"),
        ({"units_per_package": "1.0001"}, "units_per_package"),
        ({"units_per_package": "1e400"}, "units_per_package"),
        ({"units_per_package": "NaN"}, "units_per_package"),
        ({"yield_share": 1.01}, "yield_share"),
        ({"yield_share": 0}, "yield_share"),
        ({"yield_share": "0.12345"}, "yield_share"),
        ({"markup": -1}, "markup"),
        ({"markup": 100}, "markup"),
        ({"floor_cents": -1}, "floor_cents"),
        ({"floor_cents": 2**31}, "floor_cents"),
        ({"floor_cents": 1.5}, "floor_cents"),
        ({"floor_cents": 200, "ceiling_cents": 100}, "ceiling_cents"),
        ({"case_size": 1}, "case_size"),
        ({"case_size": 10**30}, "case_size"),
        ({"active": "yes"}, "active"),
        ({"colour": "green"}, "colour"),
        ({"name": None}, "name"),
        ({"name": ["a"]}, "name"),
    ],
)
def test_what_can_be_no_product_is_named_by_its_field(
    staff: Staff, world: Any, change: dict[str, object], field: str
) -> None:
    answer = staff.api.call("POST", "/products", {**NOPALES, **change})
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json["errors"]] == [field]
    made = staff.make()
    again = staff.api.call("PATCH", f"/products/{made['id']}", change, If_Match='"1"')
    assert (again.status_code, [error["field"] for error in again.json["errors"]]) == (422, [field])
    assert world.value("SELECT count(*) FROM products") == 1


def test_the_bounds_themselves_are_taken_and_fit_the_database(staff: Staff) -> None:
    least = staff.make(units_per_package="0.001", yield_share="0.0001", markup="-0.9999", floor_cents=0, case_size=2)
    most = staff.make(
        name="ñ" * 80,
        pack="ñ" * 120,
        units_per_package="9999999.999",
        yield_share=1,
        markup="99.9999",
        ceiling_cents=2**31 - 1,
        case_size=10_000,
    )
    assert (least["markup"], most["units_per_package"]) == ("-0.9999", "9999999.999")


def test_text_is_kept_composed_and_without_stray_blanks(staff: Staff) -> None:
    made = staff.make(name="  Jalapen\u0303o\u00a0 peppers\n", name_es="<script>alert(1)</script>")
    assert (made["name"], made["name_es"]) == ("Jalapeño peppers", "<script>alert(1)</script>")


def test_products_are_found_by_words_without_case_and_accents(staff: Staff) -> None:
    staff.make(name="Jalapeño peppers", name_es="Chile jalapeño", category="peppers", pack="1 1/9 bushel cartons")
    staff.make(name="Limes", name_es="Limón", category="citrus", pack="40 lb cartons, 100% juice")
    staff.make(name="A_B", name_es="a\\b", category="other", pack="x")
    assert staff.list() == ["Limes", "A_B", "Jalapeño peppers"]
    assert staff.list("q=JALAPENO") == ["Jalapeño peppers"]
    assert staff.list("q=chile+bushel") == ["Jalapeño peppers"]
    assert staff.list("q=limon") == staff.list("q=LIMÓN") == staff.list("q=Limo%CC%81n") == ["Limes"]
    assert staff.list("q=100%25") == ["Limes"]
    assert staff.list("q=_") == ["A_B"]
    assert staff.list("q=a%5Cb") == ["A_B"]
    assert staff.list("q=chile+limon") == []
    assert staff.list("category=peppers") == ["Jalapeño peppers"]
    assert staff.list("q=';DROP TABLE products;--") == []


def test_products_are_filtered_by_being_active_and_by_having_a_market_price(
    staff: Staff, quote: Callable[..., str]
) -> None:
    staff.make(name="Priced", series_id=quote())
    staff.make(name="Never quoted", series_id=str(uuid4()))
    staff.make(name="Unmapped", active=False)
    assert staff.list("series=unmapped") == ["Never quoted", "Unmapped"]
    assert staff.list("series=unmapped&active=true") == ["Never quoted"]
    assert staff.list("active=false") == ["Unmapped"]
    for bad in ("active=maybe", "series=mapped", "limit=0", "cursor=x", "q=%00"):
        assert staff.api.call("GET", f"/products?{bad}").status_code == 422


def test_a_suggestion_shows_how_it_is_worked_out(staff: Staff, transactions: Any, quote: Callable[..., str]) -> None:
    series = quote(day="2026-01-02", price="20.00")
    quote(series_id=series, day="2026-01-07", price="24.00")
    point = {"date": "2026-01-08", "value": "24.50", "low": "22.00", "high": "27.00"}
    forecast = {"series_id": series, "as_of": "2026-01-07", "trend_pct_week": 2.5, "method": "theil-sen"}
    told = {"series": [{**forecast, "points": [point], "coverage": 0.8}]}
    transactions.run(lambda work: work.market.record_forecasts(read_forecasts(told)))
    made = staff.make(series_id=series, yield_share="0.95", markup="0.12")
    answer = staff.api.call("GET", f"/products/{made['id']}/suggestion").json
    assert answer["price_cents"] == 2_829  # 24.00 / (1 * 0.95) * 1.12
    assert answer["formula"]["reference"] == "24"
    assert (answer["quote"]["date"], answer["quote"]["stale"], answer["age_days"]) == ("2026-01-07", False, 1)
    assert answer["trend"]["change_pct_week"] == "20"
    assert answer["band"] == {"date": "2026-01-08", "value": "24.5", "low": "22", "high": "27"}


def test_floor_and_ceiling_say_that_they_decided(staff: Staff, quote: Callable[..., str]) -> None:
    series = quote(price="10.00")
    dear = staff.make(series_id=series, floor_cents=1_500)
    answer = staff.api.call("GET", f"/products/{dear['id']}/suggestion").json
    assert (answer["price_cents"], answer["formula"]["bound_by"]) == (1_500, "floor")
    assert answer["formula"]["unbounded_price_cents"] == 1_000
    cheap = staff.make(series_id=series, ceiling_cents=900)
    answer = staff.api.call("GET", f"/products/{cheap['id']}/suggestion").json
    assert (answer["price_cents"], answer["formula"]["bound_by"]) == (900, "ceiling")


def test_without_a_quote_there_is_no_suggestion(staff: Staff) -> None:
    for made in (staff.make(), staff.make(series_id=str(uuid4()))):
        answer = staff.api.call("GET", f"/products/{made['id']}/suggestion").json
        assert {answer[name] for name in ("price_cents", "formula", "quote", "age_days", "trend", "band")} == {None}


def test_series_are_searched_by_words_commodity_and_market(staff: Staff, quote: Callable[..., str]) -> None:
    quote("Peppers, Jalapeño", variety="green", package="1 1/9 bushel cartons", size="large", day="2025-12-01")
    quote("Avocados", variety="Hass", package="cartons", size="48s")
    organic = quote("Avocados", variety="Hass", package="cartons", size="36s", organic=True)

    def found(query: str) -> list[str]:
        seen, path = [], f"/series?limit=1&{query}"
        while path:
            page = staff.api.call("GET", path).json
            seen += [f"{one['commodity']} {one['size']}" for one in page["items"]]
            path = page["next"] and page["next"].removeprefix("/api/v1")
        return seen

    assert found("") == ["Avocados 36s", "Avocados 48s", "Peppers, Jalapeño large"]
    assert found("q=JALAPENO+bushel") == ["Peppers, Jalapeño large"]
    assert found("q=hass+48") == ["Avocados 48s"]
    assert found("q=organic") == ["Avocados 36s"]
    assert found("q=los+angeles+cartons&commodity=AVOCADOS") == ["Avocados 36s", "Avocados 48s"]
    assert found("market=Chicago") == []
    first = staff.api.call("GET", "/series?q=jalapeño").json["items"][0]
    assert (first["date"], first["stale"], first["reference"]) == ("2025-12-01", True, "24")
    assert staff.api.call("GET", "/series?q=36s").json["items"][0]["series_id"] == organic


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/products"),
        ("POST", "/products"),
        ("GET", "/products/{id}"),
        ("PATCH", "/products/{id}"),
        ("DELETE", "/products/{id}"),
        ("GET", "/products/{id}/suggestion"),
        ("GET", "/series"),
        ("GET", "/products.csv"),
        ("POST", "/products/import"),
    ],
)
def test_products_are_for_staff(staff: Staff, world: Any, sign_in: Any, method: str, path: str) -> None:
    made = staff.make()
    buyer = sign_in(world.buyer()[0])
    at = path.format(id=made["id"])
    assert buyer.call(method, at, {**NOPALES}, If_Match='"1"').status_code == 403
    assert replace(buyer, token=None).call(method, at).status_code == 401
    assert staff.api.call("GET", f"/products/{made['id']}").json["version"] == 1


def test_what_is_not_there_is_not_found(staff: Staff) -> None:
    path = f"/products/{uuid4()}"
    assert staff.api.call("GET", path).status_code == 404
    assert staff.api.call("GET", f"{path}/suggestion").status_code == 404
    assert staff.api.call("PATCH", path, {"name": "x"}, If_Match='"1"').status_code == 404
    assert staff.api.call("DELETE", path).status_code == 404


def test_an_admin_may_what_staff_may(world: Any, sign_in: Any) -> None:
    api = sign_in(world.person(Role.ADMIN))
    assert api.call("POST", "/products", NOPALES).status_code == 201


def test_lists_and_search_of_ten_thousand_products_take_a_handful_of_statements(staff: Staff, world: Any) -> None:
    world.run(
        "INSERT INTO products (id, name, name_es, category, pack) SELECT gen_random_uuid(), 'Product ' || n,"
        " 'Producto ñandú ' || n, 'category ' || n % 20, '25 lb cartons, ' || n || 's' FROM generate_series(1, 10000) n"
    )
    world.run(
        "INSERT INTO series_quotes (series_id, market, report_id, commodity, variety, package, size, organic,"
        " quoted_on, reference) SELECT gen_random_uuid(), 'Los Angeles', 'R', 'Commodity ' || n % 200, 'variety ' || n,"
        " 'cartons', n || 's', false, '2026-01-07', 10 FROM generate_series(1, 20000) n"
    )
    world.run("ANALYZE products")
    for path in (
        "/products?limit=100",
        "/products?q=nandu+9999s",
        "/products?series=unmapped",
        "/series",
        "/series?q=9999s",
    ):
        with counted() as seen:
            assert staff.api.call("GET", path).json["items"]
        assert len(seen) <= 4, path


def test_a_series_of_the_longest_names_is_kept_and_found(staff: Staff, quote: Callable[..., str]) -> None:
    # As long as the event's schema lets them be: an index over all of them would refuse it.
    longest = {"variety": "v" * 200, "package": "\U0001f951" * 300, "size": "s" * 200, "market": "\U0001f34b" * 200}
    quote("\U0001f33d" * 200, **longest)
    assert len(staff.api.call("GET", "/series?q=vvv").json["items"]) == 1


def test_the_market_day_is_that_of_the_settings(staff: Staff, quote: Callable[..., str]) -> None:
    made = staff.make(series_id=quote(day=date(2026, 1, 1).isoformat()))
    assert staff.api.call("GET", f"/products/{made['id']}").json["quote"]["stale"]
