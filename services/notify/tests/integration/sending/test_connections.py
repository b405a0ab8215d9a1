"""Connections are kept for the next message, bounded in number and age, and a kept one that is gone costs nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from faulty_relay import FaultyRelay
from notify.errors import Refused
from notify.sending.connections import Bounds, Connections
from notify.sending.relay import Timeouts
from notify.sending.smtp import Envelope
from outgoing import Eventually
from world import relay as relay_at

ENVELOPE = Envelope("orders@mercadito.example", "rosa@tienda.example", b"Subject: x\r\n\r\nx\r\n")


async def no_mark() -> None:
    """Nothing is recorded here."""


@pytest.fixture
async def kept(relay: FaultyRelay) -> AsyncIterator[Connections]:
    # Nothing hangs here: what takes long is a machine with much else to do.
    made = Connections(relay_at(relay.port, timeouts=Timeouts()), Bounds(connections=3, idle_s=30, messages_each=4))
    yield made
    await made.close()


async def test_messages_that_follow_each_other_share_a_connection_up_to_its_bound(
    relay: FaultyRelay, kept: Connections
) -> None:
    for _ in range(6):
        await kept.submit(ENVELOPE, no_mark, no_mark)
    assert len(relay.taken) == 6
    assert relay.connections == 2


async def test_no_more_connections_at_once_than_allowed(relay: FaultyRelay, kept: Connections) -> None:
    waiting = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(9):
            group.create_task(kept.submit(ENVELOPE, waiting.wait, no_mark))
        while relay.at_once < 3:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        waiting.set()
    assert len(relay.taken) == 9
    assert relay.most_at_once == 3


@pytest.mark.parametrize("script", ["leave_after_one", "full_after_one"])
async def test_a_kept_connection_that_is_gone_or_had_its_fill_is_replaced_unnoticed(
    relay: FaultyRelay, kept: Connections, script: str
) -> None:
    relay.scripts = [script]
    for _ in range(3):
        await kept.submit(ENVELOPE, no_mark, no_mark)
    assert len(relay.taken) == relay.connections == 3


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refused_message_is_taken_back_before_the_next(
    relay: FaultyRelay, kept: Connections, pipelining: bool
) -> None:
    relay.scripts, relay.pipelining = ["first_550"], pipelining
    with pytest.raises(Refused):
        await kept.submit(ENVELOPE, no_mark, no_mark)
    await kept.submit(ENVELOPE, no_mark, no_mark)
    assert (len(relay.taken), relay.connections) == (1, 1)
    assert relay.most_ahead == (2 if pipelining else 0)


async def test_a_relay_that_waits_for_the_body_of_a_refused_message_gets_none(
    relay: FaultyRelay, kept: Connections, eventually: Eventually
) -> None:
    relay.scripts = ["first_550_then_354", "accept"]
    with pytest.raises(Refused) as caught:
        await kept.submit(ENVELOPE, no_mark, no_mark)
    assert (caught.value.code, caught.value.at) == (550, "RCPT")
    await kept.submit(replace(ENVELOPE, recipient="luis@tienda.example"), no_mark, no_mark)
    assert [one.recipient for one in relay.taken] == ["luis@tienda.example"]
    await asyncio.to_thread(eventually, lambda: bool(relay.unfinished))
    assert (relay.unfinished, relay.connections) == ([b""], 2)


async def test_a_connection_without_work_is_left_with_a_goodbye(relay: FaultyRelay, eventually: Eventually) -> None:
    idle = Connections(relay_at(relay.port), Bounds(idle_s=0))
    await idle.submit(ENVELOPE, no_mark, no_mark)
    assert relay.at_once == 1
    idle.close_idle()
    await asyncio.to_thread(eventually, lambda: relay.at_once == 0)
    await idle.submit(ENVELOPE, no_mark, no_mark)
    await idle.close()
    assert relay.connections == 2


async def test_a_message_whose_dot_is_forbidden_leaves_no_half_conversation(
    relay: FaultyRelay, kept: Connections
) -> None:
    async def forbidden() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await kept.submit(ENVELOPE, forbidden, no_mark)
    await kept.submit(ENVELOPE, no_mark, no_mark)
    assert (len(relay.taken), relay.connections) == (1, 2)
