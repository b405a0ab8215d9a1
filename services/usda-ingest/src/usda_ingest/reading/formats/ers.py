"""The Economic Research Service's average retail prices of fruit and vegetables in a year.

Its rows name no day. What is known is when the file was published, so that is the day, and each row's comment says it.
"""

from usda_ingest.errors import RowProblem
from usda_ingest.reading.formats.layout import Context, Layout, Row, filled
from usda_ingest.reading.quote import Traits, price_unit
from usda_ingest.reading.values import MAX_NAME_CHARS, fold, text

MARKET = "United States (retail average)"
REPORT_ID = "ers-retail-averages"
COMMENT = "average of a year, on the day it was published"
_UNITS = {"per pound": "per lb", "per pint": "per pint"}


def _describe(row: Row, _context: Context) -> Traits:
    written = filled(row, "retailpriceunit", limit=MAX_NAME_CHARS)
    unit = _UNITS.get(fold(written))
    if unit is None:
        raise RowProblem(f"retailpriceunit is neither per pound nor per pint: {written!r}")
    name = text(row["fruit"], "fruit") or filled(row, "vegetable")
    return Traits(
        report_id=REPORT_ID,
        market=MARKET,
        commodity=name,
        category="",
        variety=text(row["form"], "form"),
        package="",
        size="",
        organic=False,
        origin="",
        appearance="",
        quality="",
        condition="",
        unit=price_unit(unit, ""),
        other=(),
    )


ERS = Layout(
    name="ers",
    marks=frozenset(["retailprice"]),
    required=frozenset(["form", "retailprice", "retailpriceunit"]),
    traits=("fruit", "vegetable", "form", "retailpriceunit"),
    describe=_describe,
    day="",
    prices=("retailprice", "", "", ""),
    comment=COMMENT,
)
