"""A price is the same digits from the report to the API, whatever it came in."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient

# What binary fractions get wrong, what has a cent more than a float of its size could hold, the bounds themselves.
PRICES = ("0.0001", "0.1", "0.29", "1.005", "2.675", "30", "30.10", "9.95", "33333.3333", "999999.9999")


def as_csv(mars: Callable[..., str]) -> bytes:
    return mars(*({"item_size": price, "low_price": price, "high_price": ""} for price in PRICES)).encode()


def as_json(mars: Callable[..., str]) -> bytes:
    header, *rows = (line.split(",") for line in as_csv(mars).decode().splitlines())
    results = [dict(zip(header, row, strict=True)) for row in rows]
    body = json.dumps({"reportSection": "Report Details", "results": results})
    for price in PRICES:
        body = body.replace(f'"low_price": "{price}"', f'"low_price": {price}')
    return body.encode()


@pytest.mark.parametrize("written", [as_csv, as_json])
def test_prices_reach_the_api_digit_by_digit(
    api: TestClient, shelf: Any, mars: Callable[..., str], written: Callable[[Callable[..., str]], bytes]
) -> None:
    shelf.crawl(a=written(mars))
    items = api.get("/api/v1/prices?limit=100").json()["items"]
    assert {item["size"] for item in items} == set(PRICES)
    for item in items:
        assert isinstance(item["low"], str)
        assert Decimal(item["low"]) == Decimal(item["high"]) == Decimal(item["size"])
        assert not set(item["low"]) - set("0123456789.")
