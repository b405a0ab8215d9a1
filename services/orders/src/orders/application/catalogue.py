"""The demo's assortment: what a corner store in Los Angeles sells, and which market series each thing may be tied to.

The USDA writes names in two ways (MARS: "Onions, Dry"; the older portal: "ONIONS DRY"), and tells peppers and squash
apart by name in one and by variety in the other. So an item lists where it may be found; the `wanted` words must all
occur in variety, package or size, and `preferred` is what is taken when there is a choice, the most important first.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orders.application.ports import Quote

RECENT = timedelta(days=7)
MAX_PACK_CHARACTERS = 120
_NOT_SAID = frozenset({"", "n/a", "na", "none"})


@dataclass(frozen=True, slots=True)
class Source:
    """A commodity as the reports may name it, and what else must be said of the series."""

    commodity: str
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    name_es: str
    category: str
    sources: tuple[Source, ...]
    preferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """An item tied to a series of the market."""

    item: Item
    quote: Quote

    @property
    def pack(self) -> str:
        """Return how it is packed, as the report says it."""
        parts = (part.strip() for part in (self.quote.package, self.quote.size))
        return ", ".join(part for part in parts if part.lower() not in _NOT_SAID)[:MAX_PACK_CHARACTERS] or "package"


def choose(quotes: Iterable[Quote], items: Sequence[Item]) -> list[Choice]:
    """Tie each item to the series that fits it best; what the market does not have is left out.

    Series quoted within a week of the newest quote come first; no series is used twice; the result does not depend on
    the order of the quotes.
    """
    usable = sorted((quote for quote in quotes if not quote.organic and quote.reference > 0), key=lambda q: q.series_id)
    if not usable:
        return []
    recent_from = max(quote.quoted_on for quote in usable) - RECENT
    by_commodity: dict[str, list[Quote]] = {}
    for quote in usable:
        by_commodity.setdefault(_plain(quote.commodity), []).append(quote)
    chosen: dict[str, Choice] = {}
    for item in items:
        found = [
            quote
            for source in item.sources
            for quote in by_commodity.get(_plain(source.commodity), ())
            if quote.series_id not in chosen and _has(quote, source.wanted)
        ]
        if found:
            best = min(found, key=lambda quote: (quote.quoted_on < recent_from, *_misses(quote, item.preferred)))
            chosen[best.series_id] = Choice(item, best)
    return list(chosen.values())


def _misses(quote: Quote, preferred: tuple[str, ...]) -> tuple[bool, ...]:
    said = _said(quote)
    # Among equals the plain kind: "Cucumbers" are not pickles, unless nothing else is quoted.
    is_special = quote.variety.strip().lower() not in _NOT_SAID
    return (*(f" {_plain(wish)} " not in said for wish in preferred), is_special)


def _has(quote: Quote, wanted: tuple[str, ...]) -> bool:
    said = _said(quote)
    return all(f" {_plain(wish)} " in said for wish in wanted)


def _said(quote: Quote) -> str:
    return f" {_plain(f'{quote.variety} {quote.package} {quote.size}')} "


def _plain(text: str) -> str:
    """Write a name without case and punctuation, so that both spellings meet."""
    return re.sub(r"[^a-z0-9/]+", " ", text.lower()).strip()
