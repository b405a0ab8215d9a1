"""What may be asked for in the query of an address, with its bounds."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BeforeValidator

from usda_ingest.api import search
from usda_ingest.api.paging import MAX_CURSOR_CHARS, MAX_LIMIT
from usda_ingest.api.price_queries import PriceFilter
from usda_ingest.api.problems import Problem

MAX_FILTER_CHARS = 300
NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no such character
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso_day(value: Any) -> Any:
    """Refuse what pydantic would guess a day from: seconds since 1970, times."""
    if isinstance(value, str) and not _ISO_DAY.fullmatch(value):
        raise ValueError("write the day as YYYY-MM-DD")
    return value


def _text(description: str) -> Any:
    return Query(max_length=MAX_FILTER_CHARS, pattern=NO_NUL, description=f"{description}, whole; case does not matter")


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many at most")]
After = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS, description="from `next` of the page before")]
Words = Annotated[
    str | None,
    Query(
        max_length=search.MAX_QUERY_CHARS,
        pattern=NO_NUL,
        description="words that begin words of the commodity's English or Spanish name or of a variety; "
        "case and accents don't matter",
        examples=["aguacate hass"],
    ),
]
CommodityName = Annotated[str | None, _text("the commodity's English name")]
Market = Annotated[str | None, _text("the market's city")]
Variety = Annotated[str | None, _text("the variety")]
Package = Annotated[str | None, _text("the package")]
Organic = Annotated[bool | None, Query(description="grown organically, or not")]
SeriesId = Annotated[UUID | None, Query(description="rows of this series")]
FirstDay = Annotated[date | None, BeforeValidator(_iso_day), Query(alias="from", description="the first day")]
LastDay = Annotated[date | None, BeforeValidator(_iso_day), Query(description="the last day")]


async def _wanted(
    *,
    commodity: CommodityName = None,
    variety: Variety = None,
    package: Package = None,
    series_id: SeriesId = None,
    from_: FirstDay = None,
    to: LastDay = None,
) -> PriceFilter:
    if from_ is not None and to is not None and from_ > to:
        errors = [{"field": "from", "message": "must not be after `to`"}]
        raise Problem(422, "invalid", "The request is not valid.", errors=errors)
    return PriceFilter(commodity or None, variety or None, package or None, series_id, from_, to)


Wanted = Annotated[PriceFilter, Depends(_wanted)]
