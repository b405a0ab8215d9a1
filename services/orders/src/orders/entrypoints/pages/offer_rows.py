"""Offers as rows of the order form: every text ready, each of its words looked up once for the whole page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from orders.application.shop import ShopOffer
from orders.application.trends import Trend
from orders.domain.packs import pack_in, unit_in
from orders.entrypoints.pages.formats import Formats, money, unix_ms
from orders.entrypoints.pages.order_form import TypedOrder
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext
from orders.entrypoints.pages.refusals import Refusal
from orders.entrypoints.pages.sparklines import sparkline
from orders.entrypoints.pages.typed_money import dollars_of

RUNNING_LOW_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Move:
    """How the market moved in a week: `way` is "up", "down" or "level", `share` a figure, `words` for who listens."""

    way: str
    arrow: str
    share: str
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One offer as its reader sees it; `typed` is the text in the box, `says` what a refusal has to say here."""

    offer: ShopOffer
    name: str
    other_name: str
    pack: str
    unit: str
    price: str
    source: str
    stock: str
    case: str
    closes: str
    move: Move | None
    line: str | None
    typed: str
    wished: int
    limit: str
    label: str
    less: str
    more: str
    says: str | None
    limit_says: str | None

    @property
    def facts(self) -> dict[str, object]:
        """Return what scripts read of it, as attributes; only what it has, since a page writes it 200 times."""
        offer = self.offer
        is_limited, closes_later = offer.remaining is not None, offer.cutoff_at is not None and not offer.is_closed
        return {
            "data-offer": offer.id,
            "data-version": offer.version,
            "data-price": offer.unit_price_cents,
            "data-remaining": offer.remaining if is_limited else None,
            "data-available": offer.available if is_limited else None,
            "data-ordered": offer.ordered or None,
            "data-agreed": offer.agreed_unit_price_cents if offer.ordered else None,
            "data-most": offer.max_per_store,
            "data-case": offer.case_size,
            "data-taken": offer.taken if offer.case_size else None,
            "data-cutoff": unix_ms(offer.cutoff_at) if offer.cutoff_at and closes_later else None,
            "data-closed": "" if offer.is_closed else None,
            "data-other-name": self.other_name if self.other_name != self.name else None,
        }

    @property
    def is_sold_out(self) -> bool:
        return self.offer.remaining == 0

    @property
    def is_out_of_reach(self) -> bool:
        """Tell whether none can be had and none is mine: it stays visible, last on its shelf."""
        return (self.is_sold_out or self.offer.is_closed) and not self.offer.ordered and not self.wished

    @property
    def low_mark(self) -> float:
        return (self.offer.available or 0) * RUNNING_LOW_SHARE

    @property
    def total_cents(self) -> int:
        return self.wished * self.offer.charged_cents(self.wished)

    @property
    def saved_limit(self) -> str:
        """Return the price limit that the order has for it."""
        cents = self.offer.max_unit_price_cents
        return "" if cents is None else dollars_of(cents)

    @property
    def agreed(self) -> str | None:
        """Return the price of what is on order, where today's is another."""
        cents = self.offer.agreed_unit_price_cents
        return money(cents) if self.offer.ordered and cents not in (None, self.offer.unit_price_cents) else None


class RowWriter:
    """Writes the rows of one page for one reader. Words and dates repeat, so each is made once."""

    def __init__(
        self, typed: TypedOrder, refusal: Refusal | None, trends: Mapping[str, Trend], formats: Formats
    ) -> None:
        self._typed = typed
        self._refusal = refusal
        self._trends = trends
        self._formats = formats
        self._sources: dict[tuple[str | None, date | None, bool], str] = {}
        self._left = (ngettext("%(num)s left", "%(num)s left", 1), ngettext("%(num)s left", "%(num)s left", 2))
        self._missing = (
            ngettext("%(num)s more for a full case", "%(num)s more for a full case", 1),
            ngettext("%(num)s more for a full case", "%(num)s more for a full case", 2),
        )
        self._plenty, self._sold_out, self._each = _("Plenty"), _("Sold out"), _("each")
        self._label = _("How many: %(name)s, %(pack)s")
        self._less, self._more = _("One less: %(name)s"), _("One more: %(name)s")
        self._case_of, self._full = _("bought by the case of %(num)s"), _("the case is full")
        self._up, self._down, self._level = (
            _("up %(share)s on last week"),
            _("down %(share)s on last week"),
            _("as last week"),
        )

    def row(self, offer: ShopOffer) -> Row:
        """Write one offer."""
        spanish = self._formats.locale == "es"
        trend = self._trends.get(offer.series_id) if offer.series_id else None
        refusal = self._refusal
        name = offer.name_es if spanish else offer.name
        pack = pack_in(offer.pack, self._formats.locale)
        return Row(
            offer=offer,
            name=name,
            other_name=offer.name if spanish else offer.name_es,
            pack=pack,
            unit=unit_in(offer.pack, self._formats.locale) or self._each,
            price=money(offer.unit_price_cents),
            source=self._source(offer),
            stock=self._stock(offer.remaining),
            case=self._case(offer),
            closes=self._closes(offer),
            move=self._move(trend),
            line=sparkline(tuple(float(value) for _on, value in trend.points)) if trend else None,
            typed=self._typed.quantities.get(offer.id, ""),
            wished=self._typed.wished(offer.id),
            limit=self._typed.limits.get(offer.id, ""),
            label=self._label % {"name": name, "pack": pack},
            less=self._less % {"name": name},
            more=self._more % {"name": name},
            says=refusal.of(offer.id) if refusal else None,
            limit_says=(refusal.limits or {}).get(offer.id) if refusal else None,
        )

    def _source(self, offer: ShopOffer) -> str:
        key = (offer.market, offer.quoted_on, offer.is_stale)
        if key not in self._sources:
            self._sources[key] = self._write_source(*key)
        return self._sources[key]

    def _write_source(self, market: str | None, quoted_on: date | None, is_stale: bool) -> str:  # noqa: FBT001 - a key
        if quoted_on is None:
            return _("No market price reported")
        sentence = _("Old price: USDA %(market)s, %(day)s") if is_stale else _("USDA %(market)s, %(day)s")
        return sentence % {"market": market, "day": self._formats.short_day(quoted_on)}

    def _stock(self, remaining: int | None) -> str:
        if remaining is None:
            return self._plenty
        if remaining == 0:
            return self._sold_out
        return self._left[remaining != 1] % {"num": remaining}

    def _case(self, offer: ShopOffer) -> str:
        if offer.case_size is None:
            return ""
        if not offer.taken:
            return self._case_of % {"num": offer.case_size}
        missing = -offer.taken % offer.case_size
        return self._missing[missing != 1] % {"num": missing} if missing else self._full

    def _closes(self, offer: ShopOffer) -> str:
        if offer.cutoff_at is None:
            return ""
        sentence = _("Closed since %(moment)s") if offer.is_closed else _("Closes earlier: %(moment)s")
        return sentence % {"moment": self._formats.weekday_time(offer.cutoff_at)}

    def _move(self, trend: Trend | None) -> Move | None:
        if trend is None or trend.change_pct_week is None:
            return None
        change = trend.change_pct_week
        share = f"{abs(change):f} %"
        if change > 0:
            return Move("up", "▲", share, self._up % {"share": share})
        if change < 0:
            return Move("down", "▼", share, self._down % {"share": share})
        return Move("level", "=", "", self._level)
