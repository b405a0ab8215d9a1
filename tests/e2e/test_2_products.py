"""Staff tie products to market series and bring them by file, through the gateway."""

import uuid
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

from tests.driver.api import Client

BEYOND_OTHER_BODIES = 1_100_000
HEADER = "name,name_es,category,pack,markup_percent,active\n"


def series(staff: Client, words: str) -> dict[str, Any]:
    found: dict[str, Any] = staff.get(f"/api/v1/series?q={words}")["items"][0]
    return found


def test_a_product_follows_a_series_of_the_crawl(staff: Client) -> None:
    chosen = series(staff, "LOS ANGELES avocados")
    body = {
        "name": f"E2E avocados {uuid.uuid4()}",
        "name_es": "Aguacate",
        "category": "fruit",
        "pack": "cartons",
        "series_id": chosen["series_id"],
        "yield_share": "0.9",
        "markup": "0.2",
    }
    made = staff.http.post("/api/v1/products", json=body)
    assert made.status_code == 201, made.text
    path = made.headers["Location"]
    suggestion = staff.get(f"{path}/suggestion")
    exact = Decimal(chosen["reference"]) * 100 * Decimal("1.2") / Decimal("0.9")
    assert suggestion["price_cents"] == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    assert suggestion["quote"]["date"] == chosen["date"]
    page = staff.http.get(path.removeprefix("/api/v1").replace("/products", "/staff/products"))
    assert page.status_code == 200
    assert "<polyline" in page.text
    assert staff.http.delete(path).status_code == 204


def test_a_large_file_of_products_passes_the_gateway(staff: Client) -> None:
    name = f"E2E {uuid.uuid4()}"
    rows = "".join(f"{name} {number},Producto,other,{number}s,12%,no\n" for number in range(300))
    file = (HEADER + rows + "\n" * BEYOND_OTHER_BODIES).encode()

    def send(query: str = "") -> httpx.Response:
        headers = {"Content-Type": "text/csv"}
        return staff.http.post(f"/api/v1/products/import{query}", content=file, headers=headers)

    preview = send("?dry_run=true")
    assert (preview.status_code, preview.json()["new"]) == (200, 300), preview.text
    assert send().json()["new"] == 300
    assert send().json()["unchanged"] == 300
    exported = staff.http.get("/api/v1/products.csv", params={"q": name})
    assert len(exported.text.splitlines()) == 301


def test_a_buyer_neither_sees_nor_changes_products(buyers: list[Client]) -> None:
    for path in ("/api/v1/products", "/api/v1/series", "/api/v1/products.csv"):
        assert buyers[0].http.get(path).status_code == 403
    assert buyers[0].http.post("/api/v1/products/import", content=b"name,pack\n").status_code == 403
