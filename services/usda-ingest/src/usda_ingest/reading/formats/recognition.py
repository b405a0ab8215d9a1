"""Which format a header belongs to."""

from collections.abc import Sequence

from usda_ingest.errors import NotAPriceReport
from usda_ingest.reading.formats.layout import Layout
from usda_ingest.reading.formats.legacy import LEGACY
from usda_ingest.reading.formats.mars import MARS
from usda_ingest.reading.values import fold

LAYOUTS: tuple[Layout, ...] = (MARS, LEGACY)


def recognise(header: Sequence[str]) -> tuple[Layout, list[str]]:
    """Return the format of a file with this header, and the columns' names as the format has them.

    Raises:
        NotAPriceReport: no column holds a price of produce.

    """
    names = [fold(name) for name in header]
    for layout in LAYOUTS:
        known = _renamed(layout, names)
        if layout.marks.intersection(known):
            return layout, known
    raise NotAPriceReport("no price columns")


def _renamed(layout: Layout, names: list[str]) -> list[str]:
    renamed = [layout.also_called.get(name, name) for name in names]
    # a file that has the proper name too means something else by the other one
    return [old if old != new and new in names else new for old, new in zip(names, renamed, strict=True)]
