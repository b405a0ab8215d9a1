"""The two price formats, read by header name: today's MARS API and the text and Excel exports of the old portal."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from usda_ingest.errors import FileRefused, NotAPriceReport, RowProblem
from usda_ingest.reading.quote import Prices, Quote, Traits, price_unit
from usda_ingest.reading.values import MAX_COMMENT_CHARS, MAX_NAME_CHARS, MAX_TEXT_CHARS, day, fold, price, text

DETAILS_SECTION = "report details"
LEGACY_REPORT_PREFIX = "mnp-"
NO_QUOTE = "no quote given"

Row = Mapping[str, str]
"""Field by folded header name."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a row can't say itself."""

    today: date
    commodity: str
    """The commodity that the file's name tells, blank if it tells none."""


@dataclass(frozen=True, slots=True)
class Format:
    """How rows of one format are read."""

    name: str
    required: frozenset[str]
    read: Callable[[Row, int, Context], Quote]


_MARS_OTHER = ("repack", "storage", "transportation_mode", "grade", "unit_sales", "crop", "district", "environment")
_MARS_REQUIRED = frozenset(
    [
        *("report_date", "slug_id", "market_location_city", "commodity", "variety", "package", "item_size", "organic"),
        *("origin", "appearance", "quality", "condition", "low_price", "high_price"),
    ]
)
_LEGACY_OTHER = ("grade", "origin district", "color", "environment", "unit of sale", "storage", "crop", "repack")
_LEGACY_REQUIRED = ("city name", "type", "package", "variety", "date", "low price", "high price", "origin", "item size")
_PRICE_COLUMNS = frozenset(["low_price", "high_price", "low price", "high price"])


def recognise(header: Sequence[str]) -> Format:
    """Return the format of a file with this header.

    Raises:
        NotAPriceReport: no column holds a low or high price.
        FileRefused: it has prices but lacks columns without which they mean nothing, or names one twice.

    """
    names = [fold(name) for name in header]
    if not _PRICE_COLUMNS.intersection(names):
        raise NotAPriceReport("no price columns")
    chosen = MARS if "low_price" in names or "high_price" in names else LEGACY
    missing = sorted(chosen.required.difference(names))
    if missing:
        raise FileRefused(f"columns are missing: {', '.join(missing)}", 1)
    twice = sorted({name for name in chosen.required if names.count(name) > 1})
    if twice:
        raise FileRefused(f"columns occur twice: {', '.join(twice)}", 1)
    return chosen


def commodity_from_name(file_name: str) -> str:
    """Return the commodity that ``US-pumpkins.csv`` names; a file without that form names none."""
    found = re.fullmatch(r"US-([A-Za-z][A-Za-z_ ]*?)(?:\.[\w-]+)*\.csv(?:\.gz)?", file_name)
    return found[1].replace("_", " ").strip().upper() if found else ""


def is_other_section(row: Row) -> bool:
    """Say whether the row belongs to a section of a MARS file that holds no quotes (``Report Header``)."""
    section = row.get("_section")
    return section is not None and fold(section) != DETAILS_SECTION


def _read_mars(row: Row, line: int, context: Context) -> Quote:
    package, unit = text(row["package"], "package"), row.get("unit_sales", "")
    traits = Traits(
        report_id=_filled(row, "slug_id", limit=MAX_NAME_CHARS),
        market=_filled(row, "market_location_city"),
        commodity=_filled(row, "commodity"),
        category=text(row.get("category", ""), "category"),
        variety=text(row["variety"], "variety"),
        package=package,
        size=text(row["item_size"], "item_size"),
        organic=_flag(row["organic"]),
        origin=text(row["origin"], "origin"),
        appearance=text(row["appearance"], "appearance"),
        quality=text(row["quality"], "quality"),
        condition=text(row["condition"], "condition"),
        unit=price_unit(text(unit, "unit_sales", limit=MAX_NAME_CHARS), package),
        other=tuple(text(row.get(name, ""), name) for name in (*_MARS_OTHER, "properties")),
    )
    mostly = (row.get("mostly_low_price", ""), row.get("mostly_high_price", ""))
    prices = _prices(row["low_price"], row["high_price"], *mostly)
    comment = _comment(prices, row.get("reporter_comment", ""), row.get("commodity_comments", ""))
    notes = tuple(_long(row.get(name, ""), name) for name in ("market_tone_comments", "offerings_comments"))
    quoted_on = day(row["report_date"], "report_date", context.today)
    return Quote(line=line, quoted_on=quoted_on, traits=traits, prices=prices, comment=comment, notes=notes)


def _read_legacy(row: Row, line: int, context: Context) -> Quote:
    market, package = _titled(_filled(row, "city name", limit=MAX_NAME_CHARS)), text(row["package"], "package")
    variety = text(f"{row['variety']} {row.get('sub variety', '')}", "variety with sub variety")
    traits = Traits(
        report_id=LEGACY_REPORT_PREFIX + re.sub(r"[^a-z0-9]+", "-", fold(market)).strip("-"),
        market=market,
        commodity=_legacy_commodity(row, context),
        category="",
        variety=variety,
        package=package,
        size=text(row["item size"], "item size"),
        organic=_is_organic(row["type"]),
        origin=text(row["origin"], "origin"),
        appearance=text(row.get("appearance", ""), "appearance"),
        quality=text(row.get("quality", ""), "quality"),
        condition=text(row.get("condition", ""), "condition"),
        unit=price_unit(text(row.get("unit of sale", ""), "unit of sale", limit=MAX_NAME_CHARS), package),
        other=tuple(text(row.get(name, ""), name) for name in (*_LEGACY_OTHER, "trans mode")),
    )
    prices = _prices(row["low price"], row["high price"], row.get("mostly low", ""), row.get("mostly high", ""))
    comment = _comment(prices, row.get("price comment", ""), row.get("comments", ""))
    notes = tuple(_long(row.get(name, ""), name) for name in ("offerings", "market tone"))
    quoted_on = day(row["date"], "date", context.today)
    return Quote(line=line, quoted_on=quoted_on, traits=traits, prices=prices, comment=comment, notes=notes)


MARS = Format("mars", _MARS_REQUIRED, _read_mars)
LEGACY = Format("legacy", frozenset(_LEGACY_REQUIRED), _read_legacy)


def _filled(row: Row, name: str, *, limit: int = MAX_TEXT_CHARS) -> str:
    value = text(row[name], name, limit=limit)
    if not value:
        raise RowProblem(f"{name} is blank")
    return value


def _long(value: str, name: str) -> str:
    return text(value, name, limit=MAX_COMMENT_CHARS)


def _flag(value: str) -> bool:
    found = {"y": True, "yes": True, "n": False, "no": False, "": False}.get(fold(text(value, "organic")))
    if found is None:
        raise RowProblem(f"organic is neither Y nor N: {value[:40]!r}")
    return found


def _is_organic(kind: str) -> bool:
    value = fold(text(kind, "type"))
    if value not in ("", "organic", "conventional"):
        raise RowProblem(f"type is neither blank nor Organic: {kind[:40]!r}")
    return value == "organic"


def _legacy_commodity(row: Row, context: Context) -> str:
    name = text(row.get("commodity name", ""), "commodity name") or context.commodity
    if not name:
        raise RowProblem("no commodity: neither a Commodity Name nor a file name such as US-pumpkins.csv tells it")
    return name


def _titled(name: str) -> str:
    """Return ``Los Angeles`` for ``LOS ANGELES``, so that both formats write a market alike."""
    return name.title() if name.isupper() else name


def _prices(low_text: str, high_text: str, mostly_low_text: str, mostly_high_text: str) -> Prices:
    low, high = price(low_text, "low price"), price(high_text, "high price")
    mostly_low, mostly_high = price(mostly_low_text, "mostly low"), price(mostly_high_text, "mostly high")
    if low is None:
        if high is not None or mostly_low is not None or mostly_high is not None:
            raise RowProblem("a high or mostly price without a low price")
        return Prices(low=None, high=None, mostly_low=None, mostly_high=None, single_price=False)
    if mostly_low is None and mostly_high is not None:
        raise RowProblem("a mostly high without a mostly low")
    # The Los Angeles office leaves the upper field blank where it has one price only: low = high (reference, 0.3).
    upper = low if high is None else high
    mostly_upper = mostly_low if mostly_high is None else mostly_high
    if low > upper:
        raise RowProblem(f"low {low} is above high {upper}")
    if mostly_low is not None and mostly_upper is not None and not low <= mostly_low <= mostly_upper <= upper:
        raise RowProblem(f"mostly {mostly_low}-{mostly_upper} is not a range within {low}-{upper}")
    return Prices(low=low, high=upper, mostly_low=mostly_low, mostly_high=mostly_upper, single_price=high is None)


def _comment(prices: Prices, *texts: str) -> str:
    parts = [_long(value, "comment") for value in texts]
    joined = "; ".join(dict.fromkeys(part for part in parts if part))
    return joined or ("" if prices.low is not None else NO_QUOTE)
