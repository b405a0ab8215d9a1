"""Shipping point reports: what growers get at the farm gate. Today's API names most fields anew for them.

The district is where the produce is from, whichever office reports it; so it is the market, under a name that no
terminal market has.
"""

from usda_ingest.reading.formats.layout import Context, Layout, Row, filled, texts, yes_or_no
from usda_ingest.reading.quote import Traits, price_unit
from usda_ingest.reading.values import MAX_NAME_CHARS, text

MARKET_SUFFIX = " (shipping point)"
MAX_DISTRICT_CHARS = 180

# Their order is part of what identifies a stored row: it only grows at its end.
_OTHER = (
    *("repack", "storage", "transportation_mode", "grade", "unit_sales", "crop", "env", "properties"),
    *("basis_of_sale", "season", "import_export_flag", "market_location_city"),
)
_REQUIRED = ("slug_id", "district", "commodity", "var", "pkg", "item_size", "organic", "appear", "cond")


def _describe(row: Row, _context: Context) -> Traits:
    district, package = filled(row, "district", limit=MAX_DISTRICT_CHARS), text(row["pkg"], "pkg")
    return Traits(
        report_id=filled(row, "slug_id", limit=MAX_NAME_CHARS),
        market=f"{district}{MARKET_SUFFIX}",
        commodity=filled(row, "commodity"),
        category=text(row["category"], "category"),
        variety=text(row["var"], "var"),
        package=package,
        size=text(row["item_size"], "item_size"),
        organic=yes_or_no(row, "organic"),
        origin=district,
        appearance=text(row["appear"], "appear"),
        quality=text(row["quality"], "quality"),
        condition=text(row["cond"], "cond"),
        unit=price_unit(text(row["unit_sales"], "unit_sales", limit=MAX_NAME_CHARS), package),
        other=texts(row, *_OTHER),
    )


SHIPPING_POINT = Layout(
    name="shipping point",
    marks=frozenset(["basis_of_sale", "pkg", "rep_cmt"]),
    required=frozenset([*_REQUIRED, "report_date", "low_price", "high_price"]),
    traits=(*_REQUIRED, "category", "quality", *_OTHER),
    describe=_describe,
    day="report_date",
    prices=("low_price", "high_price", "mostly_low_price", "mostly_high_price"),
    comments=("rep_cmt", "commodity_comments"),
    notes=("market_tone_comments", "offerings_comments", "supply_tone_comments", "demand_tone_comments"),
)
