"""`orders demo`: people, stores, products, an open market day and a few past ones; safe to run again."""

import time
from collections.abc import Sequence

from mercadito_events.service.logs import configure

from orders import __version__
from orders.application.assortment import ASSORTMENT
from orders.application.catalogue import Choice, choose
from orders.bootstrap import Demo, build_demo
from orders.domain.errors import Unavailable
from orders.settings import TaskSettings

PASSWORD = "mercadito-demo"  # noqa: S105 - it is printed at every start of the demo, and refused in production
MARKET = "Los Angeles"
WAIT_S = 150.0
AWAY_S = 30.0
POLL_S = 0.5
SAY_EVERY_S = 5.0
MIN_OFFERS = 30


class DemoFailed(Exception):
    """The demo world could not be made; the text says what to look at."""


def main(settings: TaskSettings) -> int:
    """Make what is missing; wait for the first prices, with a deadline."""
    configure("orders", __version__, settings.log_level)
    if settings.environment == "production":
        _say("demo data and its well-known password are refused with MERCADITO_ENV=production")
        return 2
    try:
        _make_patiently(build_demo(settings))
    except DemoFailed as failure:
        _say(str(failure))
        return 1
    return 0


def _make_patiently(demo: Demo) -> None:
    """Begin again, where what is made already is left alone, while the database is away for a moment."""
    away_since: float | None = None
    while True:
        try:
            return _make(demo)
        except Unavailable as away:
            now = time.monotonic()
            away_since = away_since or now
            if now - away_since >= AWAY_S:
                raise DemoFailed(f"{away}, {AWAY_S:.0f} s after the first time: look at the logs of postgres") from away
            _say(f"{away}; beginning again")
        time.sleep(POLL_S)


def _make(demo: Demo) -> None:
    made = demo.world.people(demo.passwords.hash(PASSWORD))
    _say(f"people and stores: {made} made" if made else "people and stores: there already")
    if demo.world.has_open_cycle():
        _say("market day: one with at least 2 h left is open already")
        return
    choices = _choices(demo)
    demo.world.products(choices)
    past = demo.world.past(choices)
    offers = demo.world.open_cycle(choices)
    _say(f"market day: open with {offers} offers at suggested prices; {past} past ones written")


def _choices(demo: Demo) -> Sequence[Choice]:
    _wait_for_market(demo)
    choices = choose(demo.transactions.run(lambda work: work.market.latest(MARKET)), ASSORTMENT)
    if len(choices) < MIN_OFFERS:
        raise DemoFailed(
            f"only {len(choices)} of {len(ASSORTMENT)} products found a {MARKET} series, {MIN_OFFERS} are needed:"
            " do the files that the crawl read hold that market?"
        )
    return choices


def _wait_for_market(demo: Demo) -> None:
    began = time.monotonic()
    said = began
    while demo.transactions.run(lambda work: work.market.finished_crawl()) is None:
        now = time.monotonic()
        if now - began > WAIT_S:
            raise DemoFailed(
                f"no finished crawl was seen within {WAIT_S:.0f} s: look at the logs of usda (does it crawl?), of"
                " orders-worker (does it consume?) and of nats"
            )
        if now - said >= SAY_EVERY_S:
            said = now
            _say(f"waiting for the first prices of the USDA ({now - began:.0f} s)")
        time.sleep(POLL_S)


def _say(line: str) -> None:
    print(f"demo: {line}", flush=True)  # noqa: T201 - this command talks to a terminal
