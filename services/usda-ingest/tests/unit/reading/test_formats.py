"""Each format says the same in its own columns."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from usda_ingest.errors import FileRefused, NotAPriceReport
from usda_ingest.reading.package_weight import net_weight
from usda_ingest.reading.quote import Quote, series_id, series_package
from usda_ingest.reading.report_file import OtherSection

LEGACY_25 = (
    "Commodity Name,City Name,Type,Package,Variety,Sub Variety,Grade,Date,Low Price,High Price,Mostly Low,Mostly High,"
    "Origin,Origin District,Item Size,Color,Environment,Unit of Sale,Quality,Condition,Appearance,Storage,Crop,Repack,"
    "Trans Mode"
)
LEGACY_ROW = {
    "Commodity Name": "APPLES",
    "City Name": "LOS ANGELES",
    "Package": "cartons tray pack",
    "Variety": "FUJI",
    "Date": "9/24/16",
    "Low Price": "30",
    "High Price": "32",
    "Origin": "WASHINGTON",
    "Item Size": "88s",
}
SHIPPING = {
    "report_date": "01/08/2026",
    "slug_id": "2390",
    "market_location_city": "Fresno",
    "commodity": "Avocados",
    "var": "HASS",
    "pkg": "cartons 2 layer",
    "item_size": "48s",
    "organic": "Y",
    "district": "MEXICO CROSSINGS THROUGH TEXAS",
    "appear": "Fine Appearance",
    "cond": "N/A",
    "env": "N/A",
    "basis_of_sale": "FOB Shipping Point",
    "season": "2025",
    "import_export_flag": "Import",
    "low_price": "28.00",
    "high_price": "",
    "mostly_low_price": "",
    "mostly_high_price": "",
    "rep_cmt": "few 26.00",
    "supply_tone_comments": "SUPPLY LIGHT",
    "demand_tone_comments": "DEMAND GOOD",
}
RETAIL = {
    "_section": "Report Details",
    "report_date": "01/16/2026",
    "report_end_date": "01/09/2026",
    "slug_id": "3324",
    "region": "Southwest U.S.",
    "commodity": "Avocados",
    "variety": "HASS",
    "size": "each",
    "organic": "Yes",
    "store_count": "1,204",
    "wtd_avg_price": "1.08",
    "wtd_Avg_Price": "",
    "stores_with_Ads": "",
}
ERS = {
    "Fruit": "Apples, applesauce",
    "Form": "Canned",
    "RetailPrice": "1.2064",
    "RetailPriceUnit": "per pound",
    "Yield": "1.0000",
    "CupEquivalentSize": "0.5401",
    "CupEquivalentUnit": "pounds",
    "CupEquivalentPrice": "0.6516",
}


def table(*rows: Mapping[str, str], header: str = "") -> str:
    names = header.split(",") if header else list(rows[0])
    lines = (",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in names) for row in rows)
    return "\n".join([",".join(names), *lines]) + "\n"


def legacy(**changes: str) -> str:
    return table({**LEGACY_ROW, **changes}, header=LEGACY_25)


def test_the_text_export_has_25_columns_and_dates_of_three_forms(files: Any) -> None:
    written = {"9/24/16": (2016, 9, 24), "9/24/2016": (2016, 9, 24), "09/24/2016": (2016, 9, 24)}
    for text, expected in written.items():
        assert files.quote(legacy(Date=text)).quoted_on == date(*expected)


def test_two_unnamed_columns_at_the_end_do_no_harm(files: Any) -> None:
    body = (
        table(LEGACY_ROW, header=LEGACY_25).replace("Trans Mode", "Trans Mode,,").replace('""\n', '"","","steady "\n')
    )
    assert files.quote(body).traits.commodity == "APPLES"


def test_a_stale_sheet_keeps_its_own_days(files: Any) -> None:
    first, second = files.rows(
        table({**LEGACY_ROW, "Date": "9/24/2016"}, LEGACY_ROW | {"Date": "2/8/2014"}, header=LEGACY_25)
    )
    assert (first.quoted_on.year, second.quoted_on.year) == (2016, 2014)


def test_shipping_point_has_other_names_and_a_market_of_its_own(files: Any) -> None:
    report = files.open(table(SHIPPING))
    (quote,) = report.rows()
    assert report.format.name == "shipping point"
    traits = quote.traits
    assert (traits.market, traits.origin) == (
        "MEXICO CROSSINGS THROUGH TEXAS (shipping point)",
        "MEXICO CROSSINGS THROUGH TEXAS",
    )
    assert (traits.report_id, traits.variety, traits.package, traits.organic) == (
        "2390",
        "HASS",
        "cartons 2 layer",
        True,
    )
    assert (traits.appearance, quote.is_headline) == ("Fine Appearance", False)
    assert (quote.prices.low, quote.prices.high, quote.prices.single_price) == (Decimal(28), Decimal(28), True)
    assert (quote.comment, quote.notes) == ("few 26.00", ("", "", "SUPPLY LIGHT", "DEMAND GOOD"))


def test_a_farm_gate_price_never_meets_one_of_a_terminal_market(files: Any, mars: Callable[..., str]) -> None:
    at_the_farm = files.quote(table({**SHIPPING, "district": "Los Angeles", "organic": "N"})).traits
    at_the_market = files.quote(mars({})).traits
    parts = [
        (each.market, each.commodity, each.variety, each.package, each.size) for each in (at_the_farm, at_the_market)
    ]
    assert series_id(*parts[0], organic=False) != series_id(*parts[1], organic=False)


def test_a_shipping_point_row_without_its_district_is_quarantined(files: Any) -> None:
    assert files.reason(table({**SHIPPING, "district": "N/A"})) == "district is blank"


def test_retail_has_one_average_a_region_and_the_week_as_its_day(files: Any) -> None:
    report = files.open(table(RETAIL))
    (quote,) = report.rows()
    assert report.format.name == "retail"
    assert (quote.prices.low, quote.prices.high, quote.prices.single_price) == (Decimal("1.08"), Decimal("1.08"), True)
    assert (quote.traits.market, quote.traits.organic) == ("Southwest U.S. (retail)", True)
    assert quote.quoted_on == date(2026, 1, 9)


@pytest.mark.parametrize(
    ("size", "package", "unit", "lb"),
    [("per lb", "", "lb", "1.00"), ("each", "", "each", None), ("3 lb bag", "3 lb bag", "package", "3.00")],
)
def test_the_size_of_a_retail_row_is_a_unit_or_a_package(
    files: Any, size: str, package: str, unit: str, lb: str | None
) -> None:
    traits = files.quote(table({**RETAIL, "size": size})).traits
    weight = net_weight(traits.commodity, traits.package, traits.unit)
    assert (traits.package, traits.unit, weight and str(weight.lb)) == (package, unit, lb)


def test_the_second_section_of_retail_says_the_same_again_and_is_only_counted(files: Any) -> None:
    again = {**RETAIL, "_section": "Report by Region", "wtd_avg_price": "", "wtd_Avg_Price": "1.08"}
    assert [type(row) for row in files.rows(table(RETAIL, again))] == [Quote, OtherSection]
    sections = [
        {"reportSection": name, "results": [{key: value for key, value in row.items() if value and key != "_section"}]}
        for name, row in (("Report Details", RETAIL), ("Report by Region", again))
    ]
    assert [type(row) for row in files.rows(json.dumps(sections))] == [Quote, OtherSection]


def test_a_retail_row_without_a_price_is_no_quote(files: Any) -> None:
    quote = files.quote(table({**RETAIL, "wtd_avg_price": ""}))
    assert (quote.prices.low, quote.comment) == (None, "no quote given")


def test_ers_averages_have_the_day_of_their_publication_and_say_so(files: Any) -> None:
    known = {"last_modified": "Thu, 08 Jan 2026 15:04:05 GMT"}
    quote = files.quote(table(ERS), "all-fruits.csv", **known)
    traits = quote.traits
    assert (traits.market, traits.commodity, traits.variety) == (
        "United States (retail average)",
        "Apples, applesauce",
        "Canned",
    )
    assert (quote.quoted_on, quote.prices.low) == (date(2026, 1, 8), Decimal("1.2064"))
    assert quote.comment == "average of a year, on the day it was published"
    assert series_package(traits.package, traits.unit) == "per lb"
    vegetable = {"Vegetable" if name == "Fruit" else name: value for name, value in ERS.items()}
    assert files.quote(table(vegetable), **known).traits.commodity == "Apples, applesauce"


@pytest.mark.parametrize(
    "last_modified",
    [
        None,
        "",
        "yesterday",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 08 Jan 2099 20:00:00 GMT",
        "Thu, 08 Jan 99999999999999 20:00:00 GMT",
        "Thu, 08 Jan 2026 20:00:00 +99999999999999",
    ],
)
def test_ers_averages_without_any_day_are_refused(files: Any, last_modified: str | None) -> None:
    with pytest.raises(FileRefused, match="name no day"):
        files.rows(table(ERS), last_modified=last_modified)


def test_an_ers_unit_that_is_not_known_is_quarantined(files: Any) -> None:
    known = {"last_modified": "Thu, 08 Jan 2026 15:04:05 GMT"}
    assert "neither per pound" in files.reason(table({**ERS, "RetailPriceUnit": "per bushel"}), **known)
    assert files.quote(table({**ERS, "RetailPriceUnit": "per pint"}), **known).traits.unit == "pint"


@pytest.mark.parametrize(
    "header",
    [
        "report_date,slug_id,commodity,origin,package,10000_lb_units,pkg",  # movement
        "report_date,item_description,weighted_average,pounds",  # LMPR
        "city,code",
    ],
)
def test_what_has_no_produce_prices_is_no_price_report(files: Any, header: str) -> None:
    with pytest.raises(NotAPriceReport, match="no price columns"):
        files.rows(f"{header}\n")


def test_a_format_without_a_column_it_needs_is_refused_by_name(files: Any) -> None:
    for row, gone in ((SHIPPING, "var"), (RETAIL, "size"), (ERS, "Form")):
        with pytest.raises(FileRefused, match=f"columns are missing: {gone.lower()}"):
            files.rows(table({name: value for name, value in row.items() if name != gone}))
