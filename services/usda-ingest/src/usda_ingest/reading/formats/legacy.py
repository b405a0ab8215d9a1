"""The old portal's terminal market reports: its text (25 columns), "excel" (29) and XML exports."""

import re

from usda_ingest.errors import RowProblem
from usda_ingest.reading.formats.layout import Context, Layout, Row, filled, texts
from usda_ingest.reading.quote import Traits, price_unit
from usda_ingest.reading.values import MAX_NAME_CHARS, fold, text

REPORT_PREFIX = "mnp-"
# Their order is part of what identifies a stored row: it only grows at its end.
_OTHER = (
    *("grade", "origin district", "color", "environment", "unit of sale", "storage", "crop", "repack"),
    "trans mode",
)
_REQUIRED = ("city name", "type", "package", "variety", "origin", "item size")
_OPTIONAL = ("commodity name", "sub variety", "appearance", "quality", "condition")
_ORGANIC = {"organic": True, "y": True, "yes": True, "": False, "conventional": False, "n": False, "no": False}
# The XML export's names; those that differ in case only are not listed.
_XML_NAMES = {
    "commname": "commodity name",
    "cityname": "city name",
    "organic": "type",
    "packagedesc": "package",
    "varietyname": "variety",
    "subvarname": "sub variety",
    "gradedesc": "grade",
    "reportdate": "date",
    "lowpricemin": "low price",
    "highpricemax": "high price",
    "mostlylowmin": "mostly low",
    "mostlyhighmax": "mostly high",
    "originname": "origin",
    "districtname": "origin district",
    "itemsizedesc": "item size",
    "envdesc": "environment",
    "unitsale": "unit of sale",
    "transmode": "trans mode",
    "markettone": "market tone",
    "pricecomment": "price comment",
    "comment": "comments",
}


def _describe(row: Row, context: Context) -> Traits:
    market = titled(filled(row, "city name", limit=MAX_NAME_CHARS))
    package = text(row["package"], "package")
    return Traits(
        report_id=REPORT_PREFIX + re.sub(r"[^a-z0-9]+", "-", fold(market)).strip("-"),
        market=market,
        commodity=_commodity(row, context),
        category="",
        variety=text(f"{row['variety']} {row['sub variety']}", "variety with sub variety"),
        package=package,
        size=text(row["item size"], "item size"),
        organic=_is_organic(row["type"]),
        origin=text(row["origin"], "origin"),
        appearance=text(row["appearance"], "appearance"),
        quality=text(row["quality"], "quality"),
        condition=text(row["condition"], "condition"),
        unit=price_unit(text(row["unit of sale"], "unit of sale", limit=MAX_NAME_CHARS), package),
        other=texts(row, *_OTHER),
    )


def titled(name: str) -> str:
    """Return ``Los Angeles`` for ``LOS ANGELES``, so that both formats write a market alike."""
    return name.title() if name.isupper() else name


def _commodity(row: Row, context: Context) -> str:
    name = text(row["commodity name"], "commodity name") or context.commodity
    if not name:
        raise RowProblem("no commodity: neither a Commodity Name nor a file name such as US-pumpkins.csv tells it")
    return name


def _is_organic(kind: str) -> bool:
    found = _ORGANIC.get(fold(text(kind, "type")))
    if found is None:
        raise RowProblem(f"type is neither Organic nor Conventional nor blank: {kind[:40]!r}")
    return found


LEGACY = Layout(
    name="legacy",
    marks=frozenset(["low price", "high price"]),
    required=frozenset([*_REQUIRED, "date", "low price", "high price"]),
    traits=(*_REQUIRED, *_OPTIONAL, *_OTHER),
    describe=_describe,
    day="date",
    prices=("low price", "high price", "mostly low", "mostly high"),
    comments=("price comment", "comments"),
    notes=("offerings", "market tone"),
    also_called=_XML_NAMES,
)
