import uuid

import pytest
from usda_ingest.reading.quote import SERIES_NAMESPACE, price_unit, series_id, series_package


def test_the_series_id_is_the_uuid5_of_its_six_parts_whatever_case_and_spacing() -> None:
    name = "los angeles\x1favocados\x1fhass\x1fcartons 2 layer\x1f48s\x1fconventional"
    expected = uuid.uuid5(SERIES_NAMESPACE, name)
    assert series_id("Los Angeles", "Avocados", "HASS", "cartons 2 layer", "48s", organic=False) == expected
    assert series_id("LOS  ANGELES", "AVOCADOS ", "Hass", "Cartons  2 layer", "48S", organic=False) == expected


def test_each_part_tells_series_apart() -> None:
    parts = ["m", "c", "v", "p", "s"]
    ids = {series_id(*parts, organic=False), series_id(*parts, organic=True)}
    for place in range(5):
        changed = [*parts]
        changed[place] = "other"
        ids.add(series_id(*changed, organic=False))
    assert len(ids) == 7


@pytest.mark.parametrize(
    ("unit_of_sale", "package", "unit"),
    [
        ("", "cartons", "package"),
        ("ON THE VINE", "cartons", "package"),
        ("PER BIN", "36 inch bins", "package"),
        ("PER CARTON", "cartons 2 layer", "package"),
        ("PER LB", "36 inch bins", "lb"),
        ("PER LB", "50 lb cartons", "lb"),
        ("EACH", "36 inch bins", "each"),
        ("PER FILM BAG", "cartons 12 1-lb film bags", "package"),
    ],
)
def test_the_unit_is_the_package_unless_the_report_prices_something_else(
    unit_of_sale: str, package: str, unit: str
) -> None:
    assert price_unit(unit_of_sale, package) == unit


def test_a_price_per_pound_never_shares_a_series_with_one_per_bin() -> None:
    assert series_package("36 inch bins", "package") == "36 inch bins"
    assert series_package("36 inch bins", "lb") == "36 inch bins, per lb"
