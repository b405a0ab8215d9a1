import asyncio

import pytest
from mercadito_events.inbox import ConsumerStuck
from notify.service import run_together


async def until(stop: asyncio.Event, ended: list[str], name: str) -> None:
    await stop.wait()
    ended.append(name)


async def test_a_consumer_that_hangs_ends_the_process_after_the_others_have_finished() -> None:
    async def stuck() -> None:
        raise ConsumerStuck("nothing comes")

    stop, ended = asyncio.Event(), list[str]()
    with pytest.raises(ConsumerStuck):
        await run_together({"a": until(stop, ended, "a"), "b": stuck(), "c": until(stop, ended, "c")}, stop)
    assert sorted(ended) == ["a", "c"]


async def test_a_part_that_ends_unasked_ends_the_others_and_is_an_error() -> None:
    async def done() -> None:
        return None

    stop, ended = asyncio.Event(), list[str]()
    with pytest.raises(RuntimeError, match="b ended"):
        await run_together({"a": until(stop, ended, "a"), "b": done()}, stop)
    assert ended == ["a"]


async def test_being_asked_to_stop_is_no_error() -> None:
    stop, ended = asyncio.Event(), list[str]()
    stop.set()
    await run_together({"a": until(stop, ended, "a"), "b": until(stop, ended, "b")}, stop)
    assert sorted(ended) == ["a", "b"]
