"""The terminal markets' reports of today's MARS API, ``Report Details``."""

from usda_ingest.reading.formats.layout import Context, Layout, Row, filled, texts, yes_or_no
from usda_ingest.reading.quote import Traits, price_unit
from usda_ingest.reading.values import MAX_NAME_CHARS, text

# Their order is part of what identifies a stored row: it only grows at its end.
_OTHER = (
    *("repack", "storage", "transportation_mode", "grade", "unit_sales", "crop", "district", "environment"),
    "properties",
)
_REQUIRED = (
    *("slug_id", "market_location_city", "commodity", "variety", "package", "item_size", "organic", "origin"),
    *("appearance", "quality", "condition"),
)


def _describe(row: Row, _context: Context) -> Traits:
    package = text(row["package"], "package")
    return Traits(
        report_id=filled(row, "slug_id", limit=MAX_NAME_CHARS),
        market=filled(row, "market_location_city"),
        commodity=filled(row, "commodity"),
        category=text(row["category"], "category"),
        variety=text(row["variety"], "variety"),
        package=package,
        size=text(row["item_size"], "item_size"),
        organic=yes_or_no(row, "organic"),
        origin=text(row["origin"], "origin"),
        appearance=text(row["appearance"], "appearance"),
        quality=text(row["quality"], "quality"),
        condition=text(row["condition"], "condition"),
        unit=price_unit(text(row["unit_sales"], "unit_sales", limit=MAX_NAME_CHARS), package),
        other=texts(row, *_OTHER),
    )


MARS = Layout(
    name="mars",
    marks=frozenset(["low_price", "high_price"]),
    required=frozenset([*_REQUIRED, "report_date", "low_price", "high_price"]),
    traits=(*_REQUIRED, "category", *_OTHER),
    describe=_describe,
    day="report_date",
    prices=("low_price", "high_price", "mostly_low_price", "mostly_high_price"),
    comments=("reporter_comment", "commodity_comments"),
    notes=("market_tone_comments", "offerings_comments"),
)
