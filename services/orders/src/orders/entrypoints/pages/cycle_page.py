"""What the page of one market day shows, worked out from rows: offers beside suggestions, and what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import request

from orders.application.planning_ports import LeftOut
from orders.application.planning_queries import Acceptable, Counted, DayView, OfferPlanView
from orders.application.queries import Page
from orders.application.trends import Trend
from orders.domain.cycle import CycleState
from orders.domain.order import is_id
from orders.domain.planning import CANCELLABLE, Plan, may_change
from orders.entrypoints.identity import container
from orders.entrypoints.pages.cycle_form import filled, merged, met
from orders.entrypoints.pages.directory_forms import WAS
from orders.entrypoints.pages.reader import locale, signed_in
from orders.entrypoints.pages.site import site
from orders.entrypoints.pages.typed import local_text
from orders.entrypoints.pages.typed_money import dollars_of

OFFERS_PER_PAGE = 100
MAX_FILTER_CHARACTERS = 100
MAX_CURSOR_CHARACTERS = 1_000
LEVEL_PCT = Decimal(1)
"""A week's move below one per cent is told as level."""
OFFER_FIELDS = ("unit_price_cents", "available", "max_per_store", "case_size", "cutoff_at")
OFFER_WAS = "was_"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which offers are shown, and from where on."""

    text: str | None = None
    category: str | None = None
    cursor: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Filter":
        """Read it from an address or a form; what can't be meant is ignored."""

        def clean(name: str, most: int) -> str | None:
            text = given.get(name, "").strip()[:most]
            return text if text and text.isprintable() else None

        return cls(
            clean("q", MAX_FILTER_CHARACTERS),
            clean("category", MAX_FILTER_CHARACTERS),
            clean("cursor", MAX_CURSOR_CHARACTERS),
        )

    def query(self, **more: str | None) -> str:
        """Write it as an address has it."""
        given = {"q": self.text, "category": self.category, "cursor": self.cursor, **more}
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Row:
    """One offer; `typed` are the texts of its form, `wrong` the sentences beside them."""

    offer: OfferPlanView
    name: str
    trend: Trend | None
    shown: Mapping[str, str]
    typed: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_accept(self) -> bool:
        suggestion = self.offer.suggestion
        return suggestion is not None and suggestion.unit_price_cents != self.offer.unit_price_cents

    @property
    def direction(self) -> str | None:
        """Return where the market went in a week: up, down or level; None when that is not known."""
        change = self.trend.change_pct_week if self.trend else None
        if change is None:
            return None
        return "level" if abs(change) < LEVEL_PCT else "up" if change > 0 else "down"

    @property
    def is_open(self) -> bool:
        """Tell whether the rarer fields have to be seen."""
        return bool(set(self.wrong) & {"max_per_store", "case_size", "cutoff_at", "reason"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a notice on top says; `name` is the product it is about, `figures` count."""

    what: str
    name: str = ""
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done: a status, a title, and which form it was."""

    status: int
    title: str
    text: str = ""
    form: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CyclePageModel:
    day: DayView
    rows: tuple[Row, ...]
    next_cursor: str | None
    filter: Filter
    categories: tuple[Counted, ...]
    acceptable: Acceptable
    left_out: tuple[LeftOut, ...]
    plan: Mapping[str, str]
    saved_plan: Mapping[str, str]
    changeable: frozenset[str]
    refusal: Refusal | None
    said: Said | None
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def is_plannable(self) -> bool:
        """Tell whether offers may still change."""
        state = self.day.cycle.state
        is_open = state is CycleState.OPEN and self.day.server_time < self.day.cycle.cutoff_at
        return state is CycleState.SCHEDULED or is_open

    @property
    def is_cancellable(self) -> bool:
        return self.day.cycle.state in CANCELLABLE

    @property
    def wrong(self) -> Mapping[str, str]:
        return self.refusal.wrong if self.refusal and self.refusal.form == "plan" else {}


def build(cycle_id: str, wanted: Filter, *, refusal: Refusal | None = None, said: Said | None = None) -> CyclePageModel:
    """Read everything that the page of a market day shows."""
    actor, queries, zone = signed_in().actor, container().planning_queries, site().hub.time_zone
    day = queries.day(actor, cycle_id)
    offers = queries.offers(
        actor, cycle_id, limit=OFFERS_PER_PAGE, cursor=wanted.cursor, category=wanted.category, text=wanted.text
    )
    scheduled = day.cycle.state is CycleState.SCHEDULED
    plan, changeable = filled(Plan.of(day.cycle), zone), may_change(day.cycle, day.server_time)
    typed, told = met(refusal.typed, plan, changeable) if refusal and refusal.form == "plan" else (plan, {})
    if refusal and told:
        refusal = replace(refusal, wrong={**told, **refusal.wrong})
    return CyclePageModel(
        day=day,
        rows=_rows(offers, zone, refusal),
        next_cursor=offers.next_cursor,
        filter=wanted,
        categories=queries.categories(actor, cycle_id),
        acceptable=queries.acceptable(actor, cycle_id),
        left_out=queries.left_out(actor, cycle_id) if scheduled else (),
        plan=typed,
        saved_plan=plan,
        changeable=changeable,
        refusal=refusal,
        said=said,
    )


def _rows(offers: Page[OfferPlanView], zone: ZoneInfo, refusal: Refusal | None) -> tuple[Row, ...]:
    trends = container().trends.of(offer.series_id for offer in offers.items if offer.series_id)
    rows = []
    for offer in offers.items:
        shown = offer_texts(offer, zone)
        concerned = refusal if refusal and refusal.form == offer.id else None
        typed, wrong = _typed_again(concerned, shown) if concerned else (shown, {})
        rows.append(
            Row(
                offer=offer,
                name=offer.name_es if locale() == "es" else offer.name,
                trend=trends.get(offer.series_id or ""),
                shown=shown,
                typed=typed,
                wrong=wrong,
            )
        )
    return tuple(rows)


def _typed_again(refusal: Refusal, shown: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return a refused row: what nobody touched is as it is by now, or the next press would put it back."""
    form = {name.replace(OFFER_WAS, WAS, 1): text for name, text in refusal.typed.items()}
    typed, told = merged(form, shown, [name for name in OFFER_FIELDS if name in form])
    return {**typed, "reason": form.get("reason", "")}, {**told, **refusal.wrong}


def offer_texts(offer: OfferPlanView, zone: ZoneInfo) -> dict[str, str]:
    """Return what the fields of an offer's form show."""

    def number(value: int | None) -> str:
        return "" if value is None else str(value)

    return {
        "unit_price_cents": dollars_of(offer.unit_price_cents),
        "available": number(offer.available),
        "max_per_store": number(offer.max_per_store),
        "case_size": number(offer.case_size),
        "cutoff_at": local_text(offer.cutoff_at, zone),
        "reason": "",
    }


def said_of_address() -> Said | None:
    """Read what the last change left to be said from the address; nonsense says nothing."""
    what = request.args.get("done")
    if not what:
        return None
    figures = {name: int(text) for name, text in request.args.items() if _is_small_number(text)}
    return Said(what, _product_name(request.args.get("offer", "")), figures)


def _is_small_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("10000")


def _product_name(offer_id: str) -> str:
    if not is_id(offer_id):
        return ""
    found = container().planning_queries.named(signed_in().actor, offer_id)
    return "" if found is None else found.name_es if locale() == "es" else found.name
