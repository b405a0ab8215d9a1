import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from mercadito_events.service.identity import KeySet
from realtime import session as module
from realtime import sessions as sessions_module
from realtime.hub import Hub
from realtime.protocol import Frame, Position
from realtime.session import CLOSE_S, STALL_S, Session
from realtime.sessions import Sessions
from realtime.settings import Bounds
from realtime.subscriber import Found
from realtime.tickets import Tickets
from stand_ins import Clock, Issuer, urgent


class Outlet:
    """A way to nobody, whose buffer is as full as a test says."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.waiting = 0

    def deliver(self, buffer: bytearray, head: int) -> None:
        self.send(Frame(bytes(buffer[head:])))

    def send(self, frame: Frame) -> None:
        assert self.closed is None
        self.frames.append(json.loads(frame.payload))

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None
        self.closed = (code, reason)

    def abort(self) -> None:
        self.closed = (1006, "aborted")

    def buffered(self) -> int:
        return self.waiting

    @property
    def code(self) -> int | None:
        return self.closed[0] if self.closed else None


class Archive:
    def ask(self, _stream: str, _channel: str, _position: Position, found: Found) -> None:
        found(None)


class Seconds:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    made = Seconds()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def outlet() -> Outlet:
    return Outlet()


Make = Callable[..., Session]


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(Bounds(connections=10, per_person=1, per_address=10))


@pytest.fixture
def make(hub: Hub, issuer: Any, seconds: Seconds, sessions: Sessions) -> Make:
    tickets = Tickets(KeySet(issuer.jwks_file))

    def new(outlet: Outlet) -> Session:
        session = Session(
            outlet,
            hub=hub,
            archive=Archive(),
            tickets=tickets,
            claim=sessions.claim,
            due_changed=sessions.due_changed,
            address="a",
            ping_s=25,
        )
        assert sessions.enter(session)
        return session

    return new


@pytest.fixture
def session(make: Make, outlet: Outlet) -> Session:
    return make(outlet)


@pytest.fixture
def watching(session: Session, issuer: Issuer) -> Session:
    say(session, auth=issuer.ticket())
    say(session, sub=[{"c": "prices"}])
    return session


def say(session: Session, **frame: Any) -> None:
    session.receive(orjson.dumps(frame).decode())


def test_nothing_but_a_ticket_is_heard_before_sign_in(session: Session, outlet: Outlet) -> None:
    say(session, sub=[{"c": "prices"}])
    assert outlet.frames == [{"err": {"code": "unauthenticated"}}]
    assert outlet.code == 4001


def test_who_does_not_sign_in_in_time_is_let_go(session: Session, outlet: Outlet, seconds: Seconds) -> None:
    session.check(seconds.now + 4.9)
    assert outlet.code is None
    session.check(seconds.now + 5)
    assert outlet.code == 4001


def test_a_ticket_that_runs_out_closes_the_socket_unless_it_is_renewed(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    say(session, auth=issuer.ticket(exp=_in(60)))
    say(session, auth=issuer.ticket(exp=_in(600)))
    session.check(seconds.now + 120)
    assert outlet.code is None
    session.check(seconds.now + 601)
    assert outlet.closed == (4001, "ticket expired")


def test_renewing_takes_away_channels_that_the_new_ticket_does_not_allow(
    session: Session, outlet: Outlet, issuer: Issuer, hub: Hub
) -> None:
    say(session, auth=issuer.ticket(stores=["s1"]))
    say(session, sub=[{"c": "store:s1"}, {"c": "prices"}])
    say(session, auth=issuer.ticket(stores=["s2"]))
    assert outlet.frames[-1] == {"err": {"code": "forbidden", "c": "store:s1"}}
    assert hub.subscriptions == 1
    assert outlet.code is None


def test_another_persons_ticket_is_not_a_renewal(session: Session, outlet: Outlet, issuer: Issuer) -> None:
    say(session, auth=issuer.ticket("p1"))
    say(session, auth=issuer.ticket("p2"))
    assert outlet.code == 4003


def test_a_person_has_no_more_sockets_than_allowed(make: Make, issuer: Issuer) -> None:
    first, second = Outlet(), Outlet()
    say(make(first), auth=issuer.ticket("p1"))
    say(make(second), auth=issuer.ticket("p1"))
    assert (first.code, second.code) == (None, 4029)


def test_whoever_says_too_much_is_let_go(session: Session, outlet: Outlet, issuer: Issuer, seconds: Seconds) -> None:
    say(session, auth=issuer.ticket())
    for _ in range(39):
        say(session, pong=1)
    assert outlet.code is None
    seconds.now += 0.0625
    say(session, pong=1)
    assert outlet.code is None
    say(session, pong=1)
    assert outlet.code == 4029


def test_pings_are_counted_and_an_answer_of_any_kind_is_enough(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    say(session, auth=issuer.ticket())
    for n in (1, 2, 3):
        seconds.now += 25
        session.check(seconds.now)
        seen = {"ORDERS.e1": 100, "USDA.e1": 0}
        assert outlet.frames[-1] == {"ping": n, "seen": seen}
        say(session, pong=n)
    seconds.now += 24
    session.check(seconds.now)
    assert outlet.code is None
    assert outlet.frames[-1]["ping"] == 3


def test_who_does_not_answer_a_ping_is_let_go(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    say(session, auth=issuer.ticket())
    session.check(seconds.now + 25)
    session.check(seconds.now + 34.9)
    assert outlet.code is None
    session.check(seconds.now + 35)
    assert outlet.code == 4008


def test_a_client_that_does_not_read_hears_nothing_more_and_is_let_go_in_the_end(
    watching: Session, outlet: Outlet, seconds: Seconds, hub: Hub, sessions: Sessions
) -> None:
    watching.pause()
    assert hub.subscriptions == 0
    seen = len(outlet.frames)
    hub.publish("USDA", 1, 1, [urgent("prices", "a")])
    hub.send_urgent()
    sessions.check(seconds.now + STALL_S - 0.1)
    assert (outlet.code, len(outlet.frames)) == (None, seen)
    sessions.check(seconds.now + STALL_S + 0.5)
    assert outlet.closed == (4008, "too slow")


def test_a_client_that_reads_again_in_time_is_caught_up_and_stays(
    watching: Session, outlet: Outlet, seconds: Seconds, hub: Hub, sessions: Sessions
) -> None:
    for offset in (1, 2):
        watching.pause()
        hub.publish("USDA", offset, 1, [urgent("prices", "a")])
        hub.send_urgent()
        seconds.now += STALL_S - 1
        sessions.check(seconds.now)
        watching.resume()
    assert [(m["p"], m["o"]) for frame in outlet.frames for m in frame.get("b", [])] == [(0, 1), (1, 2)]
    sessions.check(seconds.now + STALL_S)
    assert outlet.code is None


def test_who_does_not_answer_our_closing_is_cut_off(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer, sessions: Sessions
) -> None:
    say(session, auth=issuer.ticket())
    session.close(1012, "restart")
    sessions.check(seconds.now + CLOSE_S - 0.1)
    assert outlet.code == 1012
    sessions.check(seconds.now + CLOSE_S + 0.5)
    assert outlet.code == 1006


def test_an_old_socket_is_asked_to_come_back_soon(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(session, auth=issuer.ticket(exp=_in(7_200)))
    session.check(seconds.now + 24 * 60 - 1)
    say(session, pong=1)
    assert outlet.code is None
    session.check(seconds.now + 36 * 60 + 1)
    assert outlet.code == 1012
    assert 0 <= outlet.frames[-1]["drain"]["retry_ms"] <= 2_000


def test_when_too_much_waits_in_all_who_has_not_read_for_longest_is_cut_off_first(
    make: Make, seconds: Seconds, issuer: Issuer, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "BUFFERED_BYTES", 250)
    outlets = [Outlet() for _ in range(4)]
    for number, outlet in enumerate(outlets):
        session = make(outlet)
        say(session, auth=issuer.ticket(f"p{number}"))
        outlet.waiting = 100
        if number:
            session.pause()
    sessions.check(seconds.now)
    assert [outlet.code for outlet in outlets] == [None, 1006, None, None]


def test_channels_are_bounded_and_one_of_them_again_is_not_one_more(
    session: Session, outlet: Outlet, issuer: Issuer
) -> None:
    say(session, auth=issuer.ticket())
    say(session, sub=[{"c": f"cycle:{n}"} for n in range(32)])
    say(session, sub=[{"c": "prices"}])
    assert outlet.frames[-1] == {"err": {"code": "too-many-channels", "c": "prices"}}
    say(session, sub=[{"c": "cycle:3"}])
    assert outlet.frames[-1]["sub"]["c"] == "cycle:3"
    say(session, unsub=["cycle:3", "never subscribed"])
    say(session, sub=[{"c": "prices"}])
    assert outlet.frames[-1]["sub"]["c"] == "prices"


def test_garbage_is_answered(session: Session, outlet: Outlet, issuer: Issuer) -> None:
    say(session, auth=issuer.ticket())
    session.receive("{")
    assert outlet.frames[-1] == {"err": {"code": "malformed"}}


def test_draining_says_when_to_come_back(session: Session, outlet: Outlet, issuer: Issuer, hub: Hub) -> None:
    say(session, auth=issuer.ticket())
    say(session, sub=[{"c": "prices"}])
    session.drain(700)
    assert outlet.frames[-1] == {"drain": {"retry_ms": 700}}
    assert outlet.code == 1012
    assert hub.subscriptions == 0
    session.drain(700)
    session.receive("{}")
    session.pause()
    session.resume()
    assert outlet.closed == (1012, "restart")


def test_missed_messages_follow_the_answer(
    session: Session, outlet: Outlet, issuer: Issuer, hub: Hub, clock: Clock
) -> None:
    for offset in (101, 102):
        hub.publish("ORDERS", offset, clock.now, [urgent("cycle:c1", str(offset))])
    hub.send_urgent()
    say(session, auth=issuer.ticket())
    say(session, sub=[{"c": "cycle:c1", "pos": {"e": "ORDERS.e1", "o": 101}}])
    answer, batch = outlet.frames[-2:]
    assert answer["sub"] == {"c": "cycle:c1", "recovered": True, "pos": {"e": "ORDERS.e1", "o": 101}}
    assert [(m["p"], m["o"]) for m in batch["b"]] == [(101, 102)]


def test_rights_are_checked_on_recovery_too(session: Session, outlet: Outlet, issuer: Issuer) -> None:
    say(session, auth=issuer.ticket(stores=["s1"]))
    say(session, sub=[{"c": "store:s2", "pos": {"e": "ORDERS.e1", "o": 100}}, {"c": "store:s2", "since": 1}])
    assert outlet.frames[-2:] == [{"err": {"code": "forbidden", "c": "store:s2"}}] * 2


def _in(seconds: int) -> int:

    return int(datetime.now(UTC).timestamp()) + seconds
