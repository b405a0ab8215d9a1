"""Series over HTTP: the list, one, the same goods in every market."""

import json
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

SERIES = "/api/v1/prices/series"
MARKETS = ("Los Angeles", "San Francisco", "Chicago")


def only(api: TestClient, query: str = "") -> dict[str, Any]:
    (item,) = api.get(f"{SERIES}?{query}").json()["items"]
    return dict(item)


def test_a_series_has_its_daily_points(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            {"report_date": "01/07/2026", "mostly_low_price": "31", "mostly_high_price": "31.50"},
            {"package": "cartons 2 layer"},
            {"origin": "Peru", "low_price": "29"},
        )
    )
    series_id = only(api)["series_id"]
    assert api.get(f"{SERIES}/{series_id}").json() == {
        "series_id": series_id,
        "market": "Los Angeles",
        "commodity": "Avocados",
        "name_es": "Aguacates",
        "category": "Fruits",
        "variety": "HASS",
        "package": "cartons 2 layer",
        "size": "48s",
        "organic": False,
        "unit": "package",
        "weight_lb": "26.00",
        "weight_source": "H-697",
        "points": [
            {
                "date": "2026-01-07",
                "report_id": "2306",
                "low": "30.00",
                "high": "32.00",
                "mostly_low": "31.00",
                "mostly_high": "31.50",
                "reference": "31.25",
            },
            {
                "date": "2026-01-08",
                "report_id": "2306",
                "low": "29.00",
                "high": "32.00",
                "mostly_low": None,
                "mostly_high": None,
                "reference": "30.50",
            },
        ],
        "last_date": "2026-01-08",
        "age_business_days": 2,
        "report": None,
        "trend": None,
        "forecast": None,
        "no_forecast": None,
    }


def test_a_series_shows_what_the_report_says_of_its_newest_day(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    day = {
        "slug_id": "2306",
        "report_date": "01/08/2026",
        "published_Date": "01/08/2026 13:44:49",
        "report_title": "Los Angeles Fruit",
        "report_narrative": "Offerings light.\nFew.",
    }
    days = json.dumps([{"reportSection": "Report Header", "results": [day]}])
    shelf.crawl(a=mars({"report_date": "01/07/2026"}, {}), days=days)
    series_id = only(api)["series_id"]
    assert api.get(f"{SERIES}/{series_id}").json()["report"] == {
        "report_id": "2306",
        "title": "Los Angeles Fruit",
        "published": "01/08/2026 13:44:49",
        "narrative": "Offerings light.\nFew.",
        "url": "http://usda.test/days.csv",
        "date": "2026-01-08",
    }


def test_a_price_per_pound_says_so_and_weighs_a_pound(api: TestClient, shelf: Any) -> None:
    shelf.crawl(
        a="Commodity Name,City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size,Unit of Sale\n"
        "WATERMELONS,BOSTON,,36 inch bins,SEEDLESS,06/22/2021,.50,.50,TEXAS,,PER LB\n"
    )
    item = only(api)
    assert item["package"] == "36 inch bins, per lb"
    found = api.get(f"{SERIES}/{item['series_id']}").json()
    assert (found["unit"], found["weight_lb"], found["weight_source"]) == ("lb", "1.00", "stated")


def test_a_series_without_a_quote_that_counts_is_listed_without_prices(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({"appearance": "Fair Appearance"}))
    item = only(api)
    assert [item[name] for name in ("quotes", "low", "high", "reference", "change_pct_week")] == [0, *[None] * 4]
    found = api.get(f"{SERIES}/{item['series_id']}").json()
    assert (found["points"], found["last_date"], found["age_business_days"]) == ([], None, None)
    (alone,) = api.get(f"{SERIES}/{item['series_id']}/markets").json()["items"]
    assert (alone["last_date"], alone["reference"], alone["points"]) == (None, None, [])


def test_the_list_shows_the_newest_quote_and_the_change_over_a_week(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    prices = {"12/29/2025": "20", "01/03/2026": "24", "01/04/2026": "28", "01/08/2026": "30"}
    shelf.crawl(a=mars(*({"report_date": day, "low_price": low, "high_price": low} for day, low in prices.items())))
    assert only(api) == {
        "series_id": only(api)["series_id"],
        "market": "Los Angeles",
        "commodity": "Avocados",
        "name_es": "Aguacates",
        "category": "Fruits",
        "variety": "HASS",
        "package": "cartons 2 layer",
        "size": "48s",
        "organic": False,
        "first_date": "2025-12-29",
        "last_date": "2026-01-08",
        "quotes": 4,
        "low": "30.00",
        "high": "30.00",
        "reference": "30.00",
        "change_pct_week": 25.0,
    }


def test_a_quote_of_long_ago_is_no_change_over_a_week(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({"report_date": "12/24/2025"}, {"report_date": "01/08/2026", "low_price": "31"}))
    assert only(api)["change_pct_week"] is None


def test_the_list_is_narrowed_by_every_part(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            *({"market_location_city": market} for market in MARKETS),
            {"variety": "FUERTE"},
            {"package": "25 lb cartons"},
            {"organic": "Y"},
            {"commodity": "Limes"},
        )
    )

    def found(query: str) -> int:
        return len(api.get(f"{SERIES}?{query}").json()["items"])

    assert found("") == 7
    assert found("commodity=AVOCADOS") == 6
    assert found("market=chicago") == 1
    assert found("variety=fuerte") == 1
    assert found("package=25%20LB%20%20cartons") == 1
    assert (found("organic=true"), found("organic=false")) == (1, 6)
    assert found("commodity=avocados&market=Los%20Angeles&variety=hass&organic=false") == 2
    assert found("commodity=avocado") == 0
    assert found("commodity=&market=&q=") == 7


def test_pages_of_series_follow_each_other_without_gap_or_repeat(
    api: TestClient, all_items: Callable[[str], list[dict[str, Any]]], shelf: Any, mars: Callable[..., str]
) -> None:
    rows = [
        {"market_location_city": market, "commodity": commodity, "item_size": size, "organic": organic}
        for market in MARKETS
        for commodity in ("Limes", "Avocados")
        for size in ("48s", "60s", "N/A")
        for organic in ("Y", "N")
    ]
    shelf.crawl(a=mars(*rows))
    whole = api.get(f"{SERIES}?limit=1000").json()
    assert (len(whole["items"]), whole["next"]) == (36, None)
    assert all_items(f"{SERIES}?limit=5") == whole["items"]
    names = ("commodity", "market", "variety", "package", "size", "organic")
    keys = [tuple(item[name] for name in names) for item in whole["items"]]
    assert keys == sorted(keys)


def test_the_same_goods_are_compared_in_every_market(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(
        a=mars(
            *(
                {"market_location_city": market, "report_date": day}
                for market in MARKETS
                for day in ("1/7/26", "1/8/26")
            ),
            {"market_location_city": "Boston", "variety": "hass", "report_date": "01/05/2026", "low_price": "20"},
            {"market_location_city": "Boston", "item_size": "60s"},
            {"organic": "Y"},
        )
    )
    own = only(api, "market=Chicago")
    items = api.get(f"{SERIES}/{own['series_id']}/markets").json()["items"]
    assert [item["market"] for item in items] == ["Boston", "Chicago", "Los Angeles", "San Francisco"]
    assert items[1] == {
        "series_id": own["series_id"],
        "market": "Chicago",
        "last_date": "2026-01-08",
        "low": "30.00",
        "high": "32.00",
        "reference": "31.00",
        "points": [{"date": "2026-01-07", "reference": "31.00"}, {"date": "2026-01-08", "reference": "31.00"}],
    }
    assert (items[0]["last_date"], items[0]["reference"]) == ("2026-01-05", "26.00")


def test_series_are_found_by_words_in_both_languages(api: TestClient, shelf: Any, mars: Callable[..., str]) -> None:
    shelf.crawl(a=mars({}, {"variety": "FUERTE"}, {"commodity": "Pineapples", "variety": "GOLDEN RIPE"}))

    def found(words: str) -> list[str]:
        return [
            f"{item['commodity']} {item['variety']}" for item in api.get(SERIES, params={"q": words}).json()["items"]
        ]

    assert found("aguac") == ["Avocados FUERTE", "Avocados HASS"]
    assert found("HASS avo") == ["Avocados HASS"]
    assert found("pina") == found("Piñas") == found("PIÑA golden") == ["Pineapples GOLDEN RIPE"]
    assert found("cados") == found("aguacate golden") == []


def test_commodities_are_found_by_words_in_both_languages(
    api: TestClient, shelf: Any, mars: Callable[..., str]
) -> None:
    shelf.crawl(a=mars({}, {"commodity": "Limes", "variety": "SEEDLESS TYPE"}, {"commodity": "Lemons", "variety": ""}))

    def found(words: str) -> list[str]:
        return [item["name"] for item in api.get("/api/v1/prices/commodities", params={"q": words}).json()["items"]]

    assert found("limón") == found("limones") == found("LIMO") == ["Lemons", "Limes"]
    assert found("amarillo") == ["Lemons"]
    assert found("seedless") == ["Limes"]
    assert found("x") == []
    first = api.get("/api/v1/prices/commodities?q=lim%C3%B3n&limit=1").json()
    assert [item["name"] for item in api.get(first["next"]).json()["items"]] == ["Limes"]
