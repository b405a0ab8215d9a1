"""A message that waits in hand for its turn at a slow relay is looked at once more when the turn comes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from notify.kinds import kinds
from notify.sending import sender
from notify.sending.connections import Bounds
from outgoing import Eventually, know, messages, placed, record, sending, settled
from sqlalchemy import Engine, text
from world import QUICK

PATIENT = {"bounds": Bounds(connections=1), "timeouts": replace(QUICK, dot_s=20, overall_s=20, reply_s=20)}


@pytest.fixture
def slow(engine: Engine, relay: FaultyRelay, eventually: Eventually) -> Callable[[], Any]:
    """Two messages in hand: one is being taken slowly, the other waits for the only connection."""
    know(engine)
    for _ in range(2):
        record(engine, placed())
    relay.before_answer = lambda: bool(relay.released.wait(20))

    async def both_in_hand() -> None:
        def found() -> bool:
            return len(relay.taken) == 1 and [row.state for row in messages(engine)] == ["sending", "sending"]

        await asyncio.to_thread(eventually, found)

    return both_in_hand


async def test_what_became_too_late_in_hand_is_not_sent(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, slow: Any
) -> None:
    monkeypatch.setattr(sender.intents, "expand", _ending_soon(sender.intents.expand, but_the_first=True))
    async with sending(engine, relay.port, **PATIENT):
        await slow()
        await asyncio.to_thread(eventually, lambda: _is_over(engine))
        relay.released.set()
        rows = await settled(engine, eventually, "expired")
        rows = await settled(engine, eventually, "sent")
    assert sorted(row.state for row in rows) == ["expired", "sent"]
    assert len(relay.taken) == 1
    (expired,) = (row for row in rows if row.state == "expired")
    assert (expired.attempts, expired.reason) == (0, "too late to be of use")


async def test_what_became_too_late_within_the_conversation_gets_no_dot(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender.intents, "expand", _ending_soon(sender.intents.expand))
    know(engine)
    record(engine, placed())

    def wait(phase: str) -> None:
        if phase == "rcpt":
            eventually(lambda: _is_over(engine))

    relay.at = wait
    async with sending(engine, relay.port, **PATIENT):
        await settled(engine, eventually, "expired")
    assert relay.taken == []


async def test_what_became_moot_in_hand_is_not_sent(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, slow: Any
) -> None:
    said: list[str] = []
    asked = replace(kinds()["order_confirmation"], moot=lambda *_: said[0] if said else None)
    monkeypatch.setitem(kinds(), "order_confirmation", asked)
    monkeypatch.setattr(sender, "ASK_AGAIN_AFTER_S", 0.0)
    async with sending(engine, relay.port, **PATIENT):
        await slow()
        said.append("it is over")
        relay.released.set()
        rows = await settled(engine, eventually, "suppressed")
        rows = await settled(engine, eventually, "sent")
    assert sorted(row.state for row in rows) == ["sent", "suppressed"]
    assert len(relay.taken) == 1


def _ending_soon(expand: Callable[..., Any], *, but_the_first: bool = False) -> Callable[..., Any]:
    """Let what has just become messages end within a second, before it is claimed."""
    which = "(SELECT min(id) FROM messages)" if but_the_first else "0"

    def both(connection: Any, **more: Any) -> Any:
        found = expand(connection, **more)
        if found.queued:
            connection.execute(
                text(f"UPDATE messages SET expires_at = now() + interval '1 second' WHERE id <> {which}")
            )
        return found

    return both


def _is_over(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT bool_or(expires_at < now() - interval '0.2 s') FROM messages")))
