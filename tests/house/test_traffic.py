"""The reckoning of the traffic that tests send: it finds what it is there to find."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.driver.traffic.exchange import Answer, Door, Request
from tests.driver.traffic.market import Market, Person, Store
from tests.driver.traffic.reckoning import Reckoning, reckon
from tests.driver.traffic.screens import Reader, Screen
from tests.driver.traffic.tally import Tally
from tests.driver.traffic.till import Placed, Till

BUYER = Person("buyer", "token")
STORE = Store("store", BUYER)
MARKET = Market("day", Person("staff", "token"), [BUYER], [STORE], limited=["few"], unlimited=["many"])


@contextmanager
def told(*orders: dict[str, Any]) -> Iterator[str]:
    """A system that lists these orders, and one offer, now at version 3."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            items = [{"id": "few", "version": 3}] if "offers" in self.path else orders
            body = json.dumps({"items": items, "next": None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def order(id_: str, *, version: int = 1, state: str = "placed") -> dict[str, Any]:
    return {"id": id_, "store_id": STORE.id, "version": version, "state": state}


def reckoned(url: str, *placed: Placed, screens: list[Screen] | None = None) -> Reckoning:
    door = Door(url)
    till = Till(door, MARKET, Tally(), placed={each.id: each for each in placed})
    return asyncio.run(reckon(door, MARKET, till, screens or [], set(), caught_up_within_s=0))


def screen(url: str, *channels: str) -> Screen:
    return Screen(url, Reader(Door(url), Tally(), BUYER), Tally(), channels, MARKET.cycle_id)


def test_orders_that_are_as_they_were_answered_are_all_right() -> None:
    with told(order("a"), order("b", version=2, state="cancelled")) as url:
        found = reckoned(url, Placed("a", STORE, 1), Placed("b", STORE, 1, taken_back=True))
    assert (found.orders, found.lost, found.doubled, found.missed) == (2, [], [], 0)


def test_an_order_that_is_gone_and_a_cancellation_that_did_not_last_are_lost() -> None:
    with told(order("b")) as url:
        found = reckoned(url, Placed("a", STORE, 1), Placed("b", STORE, 1, taken_back=True))
    assert len(found.lost) == 2


def test_an_order_that_nobody_was_told_of_is_doubled() -> None:
    with told(order("a"), order("b")) as url:
        assert reckoned(url, Placed("a", STORE, 1)).doubled == ["b: nobody was told of it"]


def test_a_version_that_a_screen_was_not_told_of_is_missed() -> None:
    with told(order("a", version=2)) as url:
        watching = screen(url, "staff", "cycle:day")
        watching.seen.add(("staff", "a", 2))
        watching.offers["few"] = 2
        found = reckoned(url, Placed("a", STORE, 1), screens=[watching])
        assert found.missed == 2
        watching.seen.add(("staff", "a", 1))
        watching.offers["few"] = 3
        assert reckoned(url, Placed("a", STORE, 1), screens=[watching]).missed == 0


def test_a_screen_takes_nothing_beyond_a_gap() -> None:
    watching = screen("http://localhost", "staff")
    watching.places["staff"] = {"e": "epoch", "o": 5}
    news = {"c": "staff", "k": "order", "v": 1, "d": {"order_id": "a"}}
    assert watching.follows({**news, "p": 5, "o": 6})
    assert not watching.follows({**news, "d": {"order_id": "b"}, "p": 7, "o": 8})
    assert watching.seen == {("staff", "a", 1)}


def test_a_request_that_was_not_answered_as_expected_has_failed() -> None:
    tally = Tally()
    assert tally.note(tally.now, "order", Answer(201, 0.1), 201)
    tally.begin("restart")
    assert not tally.note(tally.now, "order", Answer(503, 0.1), 201)
    assert not tally.note(tally.now, "order", Answer(0, 0.1, trouble="ConnectionResetError"), 201)
    assert [phase.failed for phase in tally.phases] == [0, 2]


def test_nobody_there_is_no_answer() -> None:
    with told() as url:
        pass
    answer = asyncio.run(Door(url).send(Request("GET", "/")))
    assert answer.status == 0
    assert "ConnectionRefusedError" in answer.trouble
