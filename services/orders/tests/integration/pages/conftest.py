"""A browser without scripts: it reads pages, fills forms as they were drawn and follows where it is sent."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from orders.application.incoming import read_forecasts, read_quotes
from orders.domain.people import Actor

PASSWORD = "correct horse battery"
VOID = frozenset({"input", "link", "meta", "br", "hr", "img"})


@dataclass
class Form:
    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    """The fields that a person fills in, whatever is in them."""
    buttons: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Collects what tests ask of a page: forms with their values, all elements, the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.text = ""
        self._form: Form | None = None
        self._area: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is not None and given.get("name"):
            self._take_field(tag, given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._area and self._form:
            self._form.fields[self._area] += data

    def _take_field(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        if tag != "button" and given.get("type") != "hidden":
            self._form.shown.append(given["name"])
        if tag == "textarea":
            self._area = given["name"]
            self._form.fields[self._area] = ""
        elif tag == "button":
            self._form.buttons.append(given["name"])
        elif given.get("type") != "checkbox" or "checked" in given:
            self._form.fields[given["name"]] = given.get("value", "")

    def having(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = {name.replace("_", "-").rstrip("-"): value for name, value in attributes.items()}
        return [
            given
            for name, given in self.elements
            if name == tag and all(given.get(key) == value for key, value in wanted.items())
        ]


@dataclass
class Page:
    status: int
    html: str
    headers: Any
    path: str

    @property
    def read(self) -> Reader:
        return Reader(self.html)

    @property
    def words(self) -> str:
        return " ".join(self.read.text.split())

    def form(self, action: str) -> Form:
        return next(form for form in self.read.forms if form.action.startswith(action))


@dataclass
class Browser:
    client: FlaskClient

    def get(self, path: str, **headers: str) -> Page:
        answer = self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return Page(answer.status_code, answer.text, answer.headers, path)

    def send(self, form: Form, *, follow: bool = True, **values: str) -> Page:
        fields = {**form.fields, **{name.replace("_quantity_", "quantity-"): text for name, text in values.items()}}
        return self.post(form.action, fields, follow=follow)

    def post(self, path: str, fields: dict[str, str], *, follow: bool = True, **headers: str) -> Page:
        answer = self.client.post(path, data=fields, headers=headers)
        if follow and answer.status_code == 303:
            return self.get(answer.headers["Location"])
        return Page(answer.status_code, answer.text, answer.headers, path)

    def order(self, page: Page, quantities: dict[str, str], *, follow: bool = True, **more: str) -> Page:
        """Fill the order form and press its button."""
        form = page.form("/orders")
        typed = {f"quantity-{offer}": text for offer, text in quantities.items()}
        return self.post(form.action, {**form.fields, **typed, **more}, follow=follow)


def priced_series(transactions: Any, *, commodity: str = "Avocados", price: str = "24.00") -> str:
    """Record three days of a series and a forecast of it; return its id."""
    series = str(uuid4())
    quote = {"series_id": series, "commodity": commodity, "variety": "Hass", "package": "cartons", "size": "48s"}
    days = [
        {**quote, "date": day, "reference": reference, "low": "20.00", "high": "30.00"}
        for day, reference in (("2026-01-02", "22.00"), ("2026-01-06", "23.00"), ("2026-01-07", price))
    ]
    points = [{"date": day, "value": "25.00", "low": "22.00", "high": "28.50"} for day in ("2026-01-08", "2026-01-09")]
    forecast = {"series_id": series, "as_of": "2026-01-07", "trend_pct_week": 2.5, "method": "theil-sen"}
    told = {"series": [{**forecast, "points": points, "coverage": 0.8}]}

    def record(work: Any) -> None:
        work.market.record(read_quotes({"market": "Los Angeles", "report_id": "2306", "quotes": days}))
        work.market.record_forecasts(read_forecasts(told))

    transactions.run(record)
    return series


@pytest.fixture
def browser(app: Any) -> Browser:
    return Browser(app.test_client())


@pytest.fixture
def signed_in(app: Any, world: Any) -> Callable[[Actor], Browser]:
    def make(actor: Actor) -> Browser:
        made = Browser(app.test_client())
        page = made.get("/sign-in")
        after = made.send(page.form("/sign-in"), follow=False, email=world.emails[actor.person_id], password=PASSWORD)
        assert after.status == 303, after.words
        return made

    return make


@dataclass
class Market:
    """A buyer's open market day: two limited offers and one without limit."""

    browser: Browser
    buyer: Actor
    store: str
    cycle: str
    apples: str
    limes: str
    rice: str


@pytest.fixture
def market(world: Any, signed_in: Callable[[Actor], Browser]) -> Market:
    buyer, store = world.buyer()
    cycle = world.cycle()
    offers = (
        world.offer(cycle, name="Apples", price=3_400, available=10),
        world.offer(cycle, name="Limes", price=1_250, available=3),
        world.offer(cycle, name="Rice", price=500, available=None, category="other"),
    )
    return Market(signed_in(buyer), buyer, store, cycle, *offers)
