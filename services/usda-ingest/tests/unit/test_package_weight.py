from decimal import Decimal

import pytest
from usda_ingest.reading.package_weight import stated_weight


@pytest.mark.parametrize(
    ("package", "lb", "source"),
    [
        ("25 lb cartons", "25.00", "stated"),
        ("8 1-lb film bags", "8.00", "stated"),
        ("cartons10 1-lb film bags", "10.00", "stated"),
        ("cartons 12 4-oz packages", "3.00", "stated"),
        ("cartons 24 3 1/2-oz film bags", "5.25", "stated"),
        ("cartons 4 2-1/2 lb film bags", "10.00", "stated"),
        ("flats 12 4.4-oz/125-gm cups with lids", "3.30", "stated"),
        ("5 kg/11 lb cartons", "11.00", "stated"),
        ("9 kg (19.8 lb) containers loose", "19.80", "stated"),
        ("15 kg cartons", "33.07", "stated"),
        ("22-26 lb cartons", "24.00", "stated range"),
        ("containers approx 18 lbs", "18.00", "stated approximately"),
        ("24 inch bins 100 10-lb film bags", "1000.00", "stated"),
        ("cartons 12 22-oz (3 count) packages", "16.50", "stated"),
    ],
)
def test_a_weight_that_is_stated_is_read(package: str, lb: str, source: str) -> None:
    found = stated_weight(package)
    assert found is not None
    assert (found.lb, found.source) == (Decimal(lb), source)


@pytest.mark.parametrize(
    "package",
    [
        "cartons 2 layer",
        "1 1/9 bushel cartons",
        "36 inch bins",
        "flats 12 1-pint baskets with lids",
        "35 lb min containers",
        "bushel & 40-45 lb reusable plastic containers (RPC)",
        "1 3/4 bushel crates and 50 lb cartons",
        "cartons 10 tubes 3s 14-oz",
        "9999999 9999999-lb bags",
        "cartons 12 1/0-lb bags",
        "2 1/0 lb bags",
        "0 lb bags",
        "",
    ],
)
def test_a_weight_that_is_not_plain_is_not_guessed(package: str) -> None:
    assert stated_weight(package) is None
