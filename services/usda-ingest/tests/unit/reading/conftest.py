"""Small made-up files in every container, and what is read from them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from usda_ingest.reading.quote import Quote
from usda_ingest.reading.report_file import OtherSection, Quarantined, ReportFile
from usda_site.example import MARS_ROW

TODAY = date(2026, 11, 21)


class Files:
    """Writes bytes to a file and reads it as a report."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, body: str | bytes, name: str = "report.csv", **known: Any) -> ReportFile:
        path = self._folder / name
        path.write_bytes(body.encode() if isinstance(body, str) else body)
        return ReportFile(path, name, TODAY, **known)

    def rows(
        self, body: str | bytes, name: str = "report.csv", **known: Any
    ) -> list[Quote | Quarantined | OtherSection]:
        return list(self.open(body, name, **known).rows())

    def quote(self, body: str | bytes, name: str = "report.csv", **known: Any) -> Quote:
        (row,) = self.rows(body, name, **known)
        assert isinstance(row, Quote), row
        return row

    def reason(self, body: str | bytes, name: str = "report.csv", **known: Any) -> str:
        (row,) = self.rows(body, name, **known)
        assert isinstance(row, Quarantined), row
        return row.reason


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="session")
def excel() -> Callable[..., str]:
    """Writes the portal's "excel" export: a page with a table of 29 columns."""

    def write(*rows: dict[str, str], before: str = "", after: str = "") -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{value}</td>" for value in {**EXCEL_ROW, **row}.values()) + "</tr>\n" for row in rows
        )
        head = "".join(f"<th>{name}</th>" for name in EXCEL_ROW)
        return f"<html><body>{before}<table border=1><tr>{head}</tr>\n{body}</table>{after}</body></html>"

    return write


EXCEL_ROW = {
    "Commodity Name": "TOMATOES",
    "City Name": "LOS ANGELES",
    "Type": "",
    "Package": "25 lb cartons loose",
    "Variety": "MATURE GREENS",
    "Sub Variety": "",
    "Grade": "",
    "Date": "05/03/2021",
    "Low Price": "12.0",
    "High Price": "14.0",
    "Mostly Low": "",
    "Mostly High": "",
    "Origin": "MEXICO",
    "Origin District": "",
    "Item Size": "5x6",
    "Color": "",
    "Environment": "",
    "Unit of Sale": "",
    "Quality": "",
    "Condition": "",
    "Appearance": "",
    "Storage": "",
    "Crop": "",
    "Repack": "N",
    "Trans Mode": "",
    "Offerings": "",
    "Market Tone": "ABOUT STEADY. ",
    "Price Comment": "",
    "Comments": "",
}

XML_ROW = {
    "commName": "TOMATOES",
    "cityName": "LOS ANGELES",
    "organic": "",
    "packageDesc": "25 lb cartons loose",
    "varietyName": "MATURE GREENS",
    "subvarName": "",
    "gradeDesc": "",
    "reportDate": "05/03/2021",
    "lowPriceMin": "12.0",
    "highPriceMax": "14.0",
    "mostlyLowMin": "",
    "mostlyHighMax": "",
    "originName": "MEXICO",
    "districtName": "",
    "itemSizeDesc": "5x6",
    "color": "",
    "envDesc": "",
    "unitSale": "",
    "quality": "",
    "condition": "",
    "appearance": "",
    "storage": "",
    "crop": "",
    "rePack": "N",
    "transMode": "",
    "offerings": "",
    "marketTone": "ABOUT STEADY.",
    "priceComment": "",
    "comment": "",
}


@pytest.fixture(scope="session")
def xml() -> Callable[..., str]:
    """Writes the portal's XML export; a field given as None is left out."""

    def write(*rows: dict[str, str | None], declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
        items = []
        for row in rows:
            fields = {**XML_ROW, **row}.items()
            items.append("<item>" + "".join(f"<{k}>{v}</{k}>" for k, v in fields if v is not None) + "</item>")
        return f"{declaration}\n<report>\n" + "\n".join(items) + "\n</report>\n"

    return write


@pytest.fixture(scope="session")
def details() -> Callable[..., dict[str, Any]]:
    """One row of ``Report Details`` as the MARS API sends it."""

    def make(**changes: Any) -> dict[str, Any]:
        row: dict[str, Any] = {
            "slug_id": 2306,
            "unit_sales": "N/A",
            "low_price": 30.00,
            "mostly_low_price": None,
            "mostly_high_price": None,
            "market_tone_comments": "MARKET STEADY",
        }
        return {**MARS_ROW, **row, **changes}

    return make
