"""What comes while a batch is at work goes into the next one; each item learns of its own end."""

import asyncio
from collections.abc import Sequence

import pytest
from notify.sending.batches import Batches


class Work:
    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.may_go_on = asyncio.Event()

    async def of(self, batch: Sequence[int]) -> Sequence[str | Exception]:
        self.batches.append(batch)
        await self.may_go_on.wait()
        return [ValueError("odd") if item % 2 else str(item) for item in batch]


async def test_what_comes_meanwhile_shares_the_next_batch_in_its_order() -> None:
    work = Work()
    batches = Batches(work.of, 3)
    tasks = [asyncio.create_task(batches.through(0))]
    while not work.batches:  # noqa: ASYNC110 - it starts with the next turn of the loop
        await asyncio.sleep(0)
    tasks += [asyncio.create_task(batches.through(item)) for item in (2, 4, 6, 8)]
    await asyncio.sleep(0)
    work.may_go_on.set()
    assert await asyncio.gather(*tasks) == ["0", "2", "4", "6", "8"]
    assert work.batches == [[0], [2, 4, 6], [8]]


async def test_an_item_that_fails_fails_alone() -> None:
    work = Work()
    work.may_go_on.set()
    batches = Batches(work.of, 3)
    odd, even = (asyncio.create_task(batches.through(item)) for item in (1, 2))
    assert await even == "2"
    with pytest.raises(ValueError, match="odd"):
        await odd
    assert work.batches == [[1, 2]]
    assert await batches.through(4) == "4"


async def test_who_stops_waiting_does_not_spoil_the_others() -> None:
    work = Work()
    batches = Batches(work.of, 3)
    left, stays = (asyncio.create_task(batches.through(item)) for item in (2, 4))
    await asyncio.sleep(0)
    left.cancel()
    work.may_go_on.set()
    assert await stays == "4"
    with pytest.raises(asyncio.CancelledError):
        await left
