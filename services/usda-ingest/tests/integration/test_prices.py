"""Quotes and commodities over HTTP."""

import csv
import gzip
import io
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

PRICE_FIELDS = [
    *("series_id", "report_id", "market", "commodity", "variety", "package", "size", "organic", "origin", "quality"),
    *("date", "low", "high", "mostly_low", "mostly_high", "single_price", "unit", "weight_lb", "weight_source"),
    "comment",
]


def test_avocados_have_the_prices_of_the_real_file(
    all_items: Any, api: TestClient, shelf: Any, real_files: Path
) -> None:
    raw = (real_files / "mars" / "2306_pull-2026-01-09.csv.gz").read_bytes()
    shelf.crawl(fruit=raw)
    rows = csv.DictReader(io.StringIO(gzip.decompress(raw).decode(), newline=""))
    wanted = [row for row in rows if row["_section"] == "Report Details" and row["commodity"] == "Avocados"]
    expected = sorted(
        (
            f"{row['report_date'][6:]}-{row['report_date'][:2]}-{row['report_date'][3:5]}",
            row["item_size"],
            Decimal(row["low_price"]),
            Decimal(row["high_price"] or row["low_price"]),
            not row["high_price"],
        )
        for row in wanted
        if row["low_price"]
    )
    items = all_items("/api/v1/prices?commodity=Avocados&limit=37")
    assert len(items) == len(wanted)
    assert {item["report_id"] for item in items} == {"2306"}
    assert expected == sorted(
        (item["date"], item["size"], Decimal(item["low"]), Decimal(item["high"]), item["single_price"])
        for item in items
        if item["low"] is not None
    )
    assert [item["date"] for item in items] == sorted((item["date"] for item in items), reverse=True)


def test_a_row_has_exactly_the_promised_fields(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"package": "25 lb cartons", "high_price": "", "appearance": "Fair Appearance"}))
    (item,) = api.get("/api/v1/prices").json()["items"]
    assert list(item) == PRICE_FIELDS
    series_id = item.pop("series_id")
    assert uuid.UUID(series_id).version == 5
    assert item == {
        "report_id": "2306",
        "market": "Los Angeles",
        "commodity": "Avocados",
        "variety": "HASS",
        "package": "25 lb cartons",
        "size": "48s",
        "organic": False,
        "origin": "Mexico",
        "quality": "Fair Appearance",
        "date": "2026-01-08",
        "low": "30.00",
        "high": "30.00",
        "mostly_low": None,
        "mostly_high": None,
        "single_price": True,
        "unit": "package",
        "weight_lb": "25.00",
        "weight_source": "stated",
        "comment": "",
    }


def test_filters_ignore_case_and_narrow_together(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            {"report_date": "01/07/2026"},
            {"report_date": "01/08/2026"},
            {"report_date": "01/08/2026", "variety": "FUERTE"},
            {"commodity": "Limes", "package": "40 lb cartons"},
        )
    )

    def found(query: str) -> int:
        return len(api.get(f"/api/v1/prices?{query}").json()["items"])

    assert found("commodity=AVOCADOS") == found("commodity=avocados") == 3
    assert found("commodity=avocados&variety=hass") == 2
    assert found("commodity=Avocados&variety=Hass&from=2026-01-08&to=2026-01-08") == 1
    assert found("package=40%20LB%20Cartons") == 1
    assert found("commodity=Avocado") == 0
    (lime,) = api.get("/api/v1/prices?commodity=limes").json()["items"]
    assert found(f"series_id={lime['series_id']}") == 1


def test_pages_follow_each_other_without_gap_or_repeat(
    all_items: Any, api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars(*({"item_size": f"{size}s"} for size in range(25))))
    items = all_items("/api/v1/prices?limit=10&commodity=Avocados")
    assert len({item["size"] for item in items}) == len(items) == 25
    first = api.get("/api/v1/prices?limit=10&commodity=Avocados").json()
    assert first["next"].startswith("/api/v1/prices?limit=10&commodity=Avocados&after=")
    assert api.get("/api/v1/prices?limit=25").json()["next"] is None


def test_no_quote_is_null_with_its_comment(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"low_price": "", "high_price": "", "reporter_comment": "insufficient to quote"}))
    (item,) = api.get("/api/v1/prices").json()["items"]
    assert [item[name] for name in ("low", "high", "mostly_low", "mostly_high")] == [None] * 4
    assert (item["comment"], item["single_price"]) == ("insufficient to quote", False)


def test_commodities_have_both_names_a_category_and_their_series(
    all_items: Any, api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    legacy = (
        "Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size\n"
        "AVOCADOS,BOSTON,Organic,cartons 2 layer,HASS,06/22/2021,30,32,MEXICO,48s\n"
        "XYLOBERRIES,BOSTON,,flats,,06/22/2021,30,32,MEXICO,\n"
    )
    shelf.crawl(a=mars({}, {"item_size": "60s"}), b=legacy)
    items = all_items("/api/v1/prices/commodities?limit=1")
    assert items == [
        {"name": "Avocados", "name_es": "Aguacates", "category": "Fruits", "series": 3, "last_date": "2026-01-08"},
        {"name": "XYLOBERRIES", "name_es": "XYLOBERRIES", "category": "", "series": 1, "last_date": "2021-06-22"},
    ]
