"""Advertised prices of supermarkets by region, from today's API: one weighted average where others have a range.

The file says the same a second time by region (``Report by Region``); like every other section it is only counted.
"""

from usda_ingest.reading.formats.layout import Context, Layout, Row, filled, texts, yes_or_no
from usda_ingest.reading.quote import PER_PACKAGE, Traits, price_unit
from usda_ingest.reading.values import MAX_NAME_CHARS, text

MARKET_SUFFIX = " (retail)"
MAX_REGION_CHARS = 180
AVERAGE = "wtd_avg_price"

# Their order is part of what identifies a stored row: it only grows at its end.
_OTHER = ("environment", "grade", "properties", "item_size_comment")
_REQUIRED = ("slug_id", "region", "commodity", "variety", "size", "organic")
_OPTIONAL = ("category", "origin", "appearance", "quality", "condition")


def _describe(row: Row, _context: Context) -> Traits:
    region, size = filled(row, "region", limit=MAX_REGION_CHARS), text(row["size"], "size", limit=MAX_NAME_CHARS)
    unit = price_unit(size, "")
    return Traits(
        report_id=filled(row, "slug_id", limit=MAX_NAME_CHARS),
        market=f"{region}{MARKET_SUFFIX}",
        commodity=filled(row, "commodity"),
        category=text(row["category"], "category"),
        variety=text(row["variety"], "variety"),
        package=size if unit == PER_PACKAGE else "",  # "3 lb bag" is a package, "per lb" and "each" are units
        size="",
        organic=yes_or_no(row, "organic"),
        origin=text(row["origin"], "origin"),
        appearance=text(row["appearance"], "appearance"),
        quality=text(row["quality"], "quality"),
        condition=text(row["condition"], "condition"),
        unit=unit,
        other=texts(row, *_OTHER),
    )


RETAIL = Layout(
    name="retail",
    marks=frozenset(["region", "store_count"]),
    required=frozenset([*_REQUIRED, "report_end_date", AVERAGE]),
    traits=(*_REQUIRED, *_OPTIONAL, *_OTHER),
    describe=_describe,
    day="report_end_date",  # of the week of the advertisements; report_date is the answer's newest week
    prices=(AVERAGE, "", "", ""),
    merged=frozenset([AVERAGE]),
)
