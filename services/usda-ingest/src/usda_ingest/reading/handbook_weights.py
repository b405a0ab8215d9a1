"""Weights that the package's text does not state but the USDA's Agricultural Handbook 697 does, in its table 6.

Only where the handbook names the very package. A package that resembles one of its (a flat for a lug), or whose weight
depends on where it was packed (oranges), has no weight here: a wrong price per pound is worse than none.
"""

import re
from decimal import Decimal

from usda_ingest.reading.values import fold

_BUSHEL_AND_NINTH = r"1 1/9 bushel (cartons|crates|cartons/crates)"

_TABLE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("apples",), r"bushel cartons|cartons tray pack", "40"),
    (("avocados",), r"(cartons|flats) 2 layer", "26"),
    (("avocados",), r"lugs?", "13.5"),
    (("beans",), r"bushel (cartons|crates|cartons/crates)", "30"),
    (("broccoli",), r"cartons", "23"),
    (("cabbage",), r"1 3/4 bushel crates", "50"),
    (("cantaloupes", "cantaloups"), r"1/2 cartons", "40"),
    (("cauliflower",), r"cartons film wrapped", "25"),
    (("celery",), r"cartons|crates|cartons/crates", "60"),
    (("corn, sweet", "corn-sweet"), r"cartons", "50"),
    (("corn, sweet", "corn-sweet"), r"wirebound crates", "42"),
    (("cucumbers",), _BUSHEL_AND_NINTH, "55"),
    (("eggplant",), _BUSHEL_AND_NINTH + "( wrapped)?", "33"),
    (("honeydews",), r"2/3 cartons", "30"),
    (("lemons",), r"cartons", "38"),
    (("lettuce, iceberg",), r"cartons", "50"),
    (("okra",), r"1/2 bushel (cartons|crates|cartons/crates)", "15"),
    (("onions, green", "onions green"), r"cartons bunched", "13"),
    (("papaya", "papayas"), r"cartons", "10"),
    (("pears",), r"4/5 bushel cartons( wrapped)?", "45"),
    (("peppers, bell type",), _BUSHEL_AND_NINTH, "28"),
    (("strawberries",), r"flats 12 1-(pint|pt) baskets( with lids)?", "12"),
    (("watermelons",), r"bins", "1050"),
)
_BY_COMMODITY: dict[str, list[tuple[re.Pattern[str], Decimal]]] = {}
for _commodities, _package, _lb in _TABLE:
    for _commodity in _commodities:
        _BY_COMMODITY.setdefault(_commodity, []).append((re.compile(_package), Decimal(_lb)))


def handbook_lb(commodity: str, package: str) -> Decimal | None:
    """Return the pounds that the handbook gives for the commodity in that package."""
    found = (lb for pattern, lb in _BY_COMMODITY.get(fold(commodity), []) if pattern.fullmatch(fold(package)))
    return next(found, None)
