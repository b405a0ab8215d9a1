"""What a file's rows do not say: the commodity comes from the configuration, ERS' day from the server."""

from typing import Any

from outcome import account, files

WITHOUT_COMMODITY = (
    "City Name,Type,Package,Variety,Date,Low Price,High Price,Origin,Item Size\n"
    "LOS ANGELES,,cartons,FUYU,9/24/2016,30,32,CALIFORNIA,88s\n"
    "CHICAGO,,cartons,FUYU,9/24/2016,31,33,CALIFORNIA,88s\n"
)
ERS = "Fruit,Form,RetailPrice,RetailPriceUnit\nApples,Fresh,1.8541,per pound\n"


def test_a_file_without_commodities_takes_the_configured_one_else_it_is_quarantined_whole(
    site: Any, crawl: Any, db: Any
) -> None:
    site.page("/", "persimmons-2016.csv", "export.csv")
    for name in ("persimmons-2016.csv", "export.csv"):
        site.file(f"/{name}", WITHOUT_COMMODITY.encode())
    crawl.run(USDA_COMMODITIES="persimmons-*.csv=PERSIMMONS; *.txt=PLUMS")
    found = files(db)
    assert account(found["persimmons-2016.csv"]) == [2, 2, 0, 0, 0, 0]
    assert account(found["export.csv"]) == [2, 0, 0, 0, 0, 2]
    assert db.value("SELECT string_agg(DISTINCT commodity, ',') FROM quotes") == "PERSIMMONS"


def test_a_setting_that_is_none_is_named_before_anything_starts(site: Any, crawl: Any) -> None:
    assert "USDA_COMMODITIES needs the form" in crawl.run(code=2, USDA_COMMODITIES="persimmons.csv")


def test_averages_of_a_year_have_the_servers_day_or_are_refused(site: Any, crawl: Any, db: Any) -> None:
    site.page("/", "dated.csv", "undated.csv")
    site.file("/dated.csv", ERS.encode())
    site.file("/undated.csv", ERS.encode(), validators=False)
    crawl.run()
    found = files(db)
    assert (found["dated.csv"]["state"], found["dated.csv"]["report_id"]) == ("stored", "ers-retail-averages")
    assert (str(found["dated.csv"]["first_on"]), found["dated.csv"]["rows_new"]) == ("2026-01-08", 1)
    assert found["undated.csv"]["state"] == "refused"
    assert found["undated.csv"]["reason"].startswith("its rows name no day")
