"""What is no terminal market shows in the API under names of its own."""

from typing import Any

from fastapi.testclient import TestClient

SHIPPING_POINT = (
    "report_date,slug_id,commodity,var,pkg,item_size,organic,district,appear,cond,basis_of_sale,low_price,high_price\n"
    "01/08/2026,2390,Avocados,HASS,cartons 2 layer,48s,N,SOUTH DISTRICT,N/A,N/A,FOB,28.00,30.00\n"
)
RETAIL = (
    "report_end_date,slug_id,region,commodity,variety,size,organic,store_count,wtd_avg_price\n"
    "01/09/2026,3324,Southwest U.S.,Avocados,HASS,each,No,1204,1.08\n"
)


def test_every_format_has_its_file_its_series_and_its_prices(api: TestClient, shelf: Any, mars: Any) -> None:
    shelf.crawl(terminal=mars({}), farm=SHIPPING_POINT, shops=RETAIL)
    files = {file["file"]: file["format"] for file in api.get("/api/v1/prices/reports").json()["items"]}
    assert files == {"terminal.csv": "mars", "farm.csv": "shipping point", "shops.csv": "retail"}
    series = api.get("/api/v1/prices/series?commodity=Avocados").json()["items"]
    assert {(each["market"], each["package"]) for each in series} == {
        ("Los Angeles", "cartons 2 layer"),
        ("SOUTH DISTRICT (shipping point)", "cartons 2 layer"),
        ("Southwest U.S. (retail)", "per each"),
    }
    prices = {item["market"]: item for item in api.get("/api/v1/prices?commodity=Avocados").json()["items"]}
    retail = prices["Southwest U.S. (retail)"]
    assert (retail["unit"], retail["low"], retail["high"], retail["weight_lb"]) == ("each", "1.08", "1.08", None)
    assert prices["Los Angeles"]["weight_source"] == "H-697"
