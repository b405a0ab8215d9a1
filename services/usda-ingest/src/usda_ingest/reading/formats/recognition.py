"""Which format a header belongs to."""

from collections.abc import Sequence

from usda_ingest.errors import NotAPriceReport
from usda_ingest.reading.formats.ers import ERS
from usda_ingest.reading.formats.layout import Layout
from usda_ingest.reading.formats.legacy import LEGACY
from usda_ingest.reading.formats.mars import MARS
from usda_ingest.reading.formats.retail import RETAIL
from usda_ingest.reading.formats.shipping_point import SHIPPING_POINT
from usda_ingest.reading.values import fold

LAYOUTS: tuple[Layout, ...] = (RETAIL, SHIPPING_POINT, MARS, LEGACY, ERS)
_ONLY_NARRATIVES = frozenset(["_section", "slug_id", "report_date", "report_narrative"])


def recognise(header: Sequence[str]) -> tuple[Layout, list[str]]:
    """Return the format of a file with this header, and the columns' names as the format has them.

    Raises:
        NotAPriceReport: no column holds a price of produce.

    """
    names = [fold(name) for name in header]
    for layout in LAYOUTS:
        known = _renamed(layout, names)
        if layout.marks.intersection(known) and has_prices(layout, known):
            return layout, known
    if _ONLY_NARRATIVES.issubset(names):
        return MARS, names
    raise NotAPriceReport("no price columns")


def has_prices(layout: Layout, names: Sequence[str]) -> bool:
    """Say whether there are quotes at all; on a holiday a report may have its narrative only."""
    return not set(layout.prices[:2]).isdisjoint(names)


def is_report_header(header: Sequence[str]) -> bool:
    """Say whether the header belongs to one of the formats, at least nearly."""
    try:
        recognise(header)
    except NotAPriceReport:
        return False
    return True


def _renamed(layout: Layout, names: list[str]) -> list[str]:
    renamed = [layout.also_called.get(name, name) for name in names]
    # a file that has the proper name too means something else by the other one
    return [old if old != new and new in names else new for old, new in zip(names, renamed, strict=True)]
