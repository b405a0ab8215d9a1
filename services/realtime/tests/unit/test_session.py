from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from mercadito_events.service.identity import KeySet
from realtime import session as module
from realtime.hub import Hub
from realtime.session import OUT_BUFFER_BYTES, Session
from realtime.sessions import Sessions
from realtime.settings import Bounds
from realtime.tickets import Tickets
from stand_ins import Clock, Issuer, urgent


class Outlet:
    """A way to nobody, whose buffer is as full as a test says."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.waiting = 0

    def send(self, frame: bytes) -> None:
        assert self.closed is None
        self.frames.append(orjson.loads(frame))

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None
        self.closed = (code, reason)

    def abort(self) -> None:
        self.closed = (1006, "aborted")

    def buffered(self) -> int:
        return self.waiting

    async def drained(self) -> None:
        pass

    @property
    def code(self) -> int | None:
        return self.closed[0] if self.closed else None


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
def make(hub: Hub, issuer: Any, seconds: Seconds) -> Make:
    sessions = Sessions(Bounds(connections=10, per_person=1, per_address=10))
    tickets = Tickets(KeySet(issuer.jwks_file))

    def new(outlet: Outlet) -> Session:
        session = Session(outlet, hub=hub, tickets=tickets, claim=sessions.claim, address="a", ping_s=25)
        assert sessions.enter(session)
        return session

    return new


@pytest.fixture
def session(make: Make, outlet: Outlet) -> Session:
    return make(outlet)


async def say(session: Session, **frame: Any) -> None:
    await session.receive(orjson.dumps(frame).decode())


async def test_nothing_but_a_ticket_is_heard_before_sign_in(session: Session, outlet: Outlet) -> None:
    await say(session, sub=[{"c": "prices"}])
    assert outlet.frames == [{"err": {"code": "unauthenticated"}}]
    assert outlet.code == 4001


async def test_who_does_not_sign_in_in_time_is_let_go(session: Session, outlet: Outlet, seconds: Seconds) -> None:
    session.check(seconds.now + 4.9)
    assert outlet.code is None
    session.check(seconds.now + 5)
    assert outlet.code == 4001


async def test_a_ticket_that_runs_out_closes_the_socket_unless_it_is_renewed(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket(exp=_in(60)))
    await say(session, auth=issuer.ticket(exp=_in(600)))
    session.check(seconds.now + 120)
    assert outlet.code is None
    session.check(seconds.now + 601)
    assert outlet.closed == (4001, "ticket expired")


async def test_renewing_takes_away_channels_that_the_new_ticket_does_not_allow(
    session: Session, outlet: Outlet, issuer: Issuer, hub: Hub
) -> None:
    await say(session, auth=issuer.ticket(stores=["s1"]))
    await say(session, sub=[{"c": "store:s1"}, {"c": "prices"}])
    await say(session, auth=issuer.ticket(stores=["s2"]))
    assert outlet.frames[-1] == {"err": {"code": "forbidden", "c": "store:s1"}}
    assert hub.subscriptions == 1
    assert outlet.code is None


async def test_another_persons_ticket_is_not_a_renewal(session: Session, outlet: Outlet, issuer: Issuer) -> None:
    await say(session, auth=issuer.ticket("p1"))
    await say(session, auth=issuer.ticket("p2"))
    assert outlet.code == 4003


async def test_a_person_has_no_more_sockets_than_allowed(make: Make, issuer: Issuer) -> None:
    first, second = Outlet(), Outlet()
    await say(make(first), auth=issuer.ticket("p1"))
    await say(make(second), auth=issuer.ticket("p1"))
    assert (first.code, second.code) == (None, 4029)


async def test_whoever_says_too_much_is_let_go(
    session: Session, outlet: Outlet, issuer: Issuer, seconds: Seconds
) -> None:
    await say(session, auth=issuer.ticket())
    for _ in range(39):
        await say(session, pong=1)
    assert outlet.code is None
    seconds.now += 0.0625
    await say(session, pong=1)
    assert outlet.code is None
    await say(session, pong=1)
    assert outlet.code == 4029


async def test_pings_are_counted_and_an_answer_of_any_kind_is_enough(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    for n in (1, 2, 3):
        seconds.now += 25
        session.check(seconds.now)
        assert outlet.frames[-1] == {"ping": n}
        await say(session, pong=n)
    seconds.now += 24
    session.check(seconds.now)
    assert outlet.code is None
    assert outlet.frames[-1] == {"ping": 3}


async def test_who_does_not_answer_a_ping_is_let_go(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    session.check(seconds.now + 25)
    session.check(seconds.now + 34.9)
    assert outlet.code is None
    session.check(seconds.now + 35)
    assert outlet.code == 4008


async def test_a_client_that_stays_behind_for_a_second_is_too_slow(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    outlet.waiting = OUT_BUFFER_BYTES + 1
    session.deliver(b"{}")
    seconds.now += 0.9
    session.deliver(b"{}")
    assert outlet.code is None
    seconds.now += 0.1
    session.deliver(b"{}")
    assert outlet.code == 4008


async def test_a_client_that_catches_up_in_between_may_stay(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    for waiting in (OUT_BUFFER_BYTES + 1, 0, OUT_BUFFER_BYTES + 1):
        outlet.waiting = waiting
        session.deliver(b"{}")
        seconds.now += 0.9
    assert outlet.code is None


async def test_a_client_far_behind_is_too_slow_at_once_and_gets_nothing_more(
    session: Session, outlet: Outlet, issuer: Issuer, hub: Hub
) -> None:
    await say(session, auth=issuer.ticket())
    await say(session, sub=[{"c": "prices"}])
    outlet.waiting = 4 * OUT_BUFFER_BYTES + 1
    seen = len(outlet.frames)
    session.deliver(b'{"b": []}')
    session.deliver(b'{"b": []}')
    assert outlet.code == 4008
    assert len(outlet.frames) == seen
    assert hub.subscriptions == 0


async def test_a_stalled_client_is_noticed_without_news_for_it(
    session: Session, outlet: Outlet, seconds: Seconds, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    outlet.waiting = OUT_BUFFER_BYTES + 1
    session.check(seconds.now)
    session.check(seconds.now + 1)
    assert outlet.code == 4008


async def test_channels_are_bounded_and_one_of_them_again_is_not_one_more(
    session: Session, outlet: Outlet, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    await say(session, sub=[{"c": f"cycle:{n}"} for n in range(32)])
    await say(session, sub=[{"c": "prices"}])
    assert outlet.frames[-1] == {"err": {"code": "too-many-channels", "c": "prices"}}
    await say(session, sub=[{"c": "cycle:3"}])
    assert outlet.frames[-1]["sub"]["c"] == "cycle:3"
    await say(session, unsub=["cycle:3", "never subscribed"])
    await say(session, sub=[{"c": "prices"}])
    assert outlet.frames[-1]["sub"]["c"] == "prices"


async def test_garbage_is_answered_and_binary_is_not_tolerated(
    session: Session, outlet: Outlet, issuer: Issuer
) -> None:
    await say(session, auth=issuer.ticket())
    await session.receive("{")
    assert outlet.frames[-1] == {"err": {"code": "malformed"}}
    await session.receive(b"{}")
    assert outlet.code == 1003


async def test_draining_says_when_to_come_back(session: Session, outlet: Outlet, issuer: Issuer, hub: Hub) -> None:
    await say(session, auth=issuer.ticket())
    await say(session, sub=[{"c": "prices"}])
    session.drain(700)
    assert outlet.frames[-1] == {"drain": {"retry_ms": 700}}
    assert outlet.code == 1012
    assert hub.subscriptions == 0
    session.drain(700)
    session.deliver(b"{}")
    session.check(10**9)


async def test_missed_messages_follow_the_answer(
    session: Session, outlet: Outlet, issuer: Issuer, hub: Hub, clock: Clock
) -> None:
    for offset in (101, 102):
        hub.publish("ORDERS", offset, clock.now, [urgent("cycle:c1", str(offset))])
    await say(session, auth=issuer.ticket())
    await say(session, sub=[{"c": "cycle:c1", "pos": {"e": "ORDERS.e1", "o": 101}}])
    answer, batch = outlet.frames[-2:]
    assert answer["sub"] == {"c": "cycle:c1", "recovered": True, "pos": {"e": "ORDERS.e1", "o": 101}}
    assert [(m["p"], m["o"]) for m in batch["b"]] == [(101, 102)]


async def test_rights_are_checked_on_recovery_too(session: Session, outlet: Outlet, issuer: Issuer) -> None:
    await say(session, auth=issuer.ticket(stores=["s1"]))
    await say(session, sub=[{"c": "store:s2", "pos": {"e": "ORDERS.e1", "o": 100}}, {"c": "store:s2", "since": 1}])
    assert outlet.frames[-2:] == [{"err": {"code": "forbidden", "c": "store:s2"}}] * 2


def _in(seconds: int) -> int:

    return int(datetime.now(UTC).timestamp()) + seconds
