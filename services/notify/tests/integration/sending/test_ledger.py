"""What is recorded together: one that cannot be does not spoil the others."""

import asyncio
import uuid
from collections.abc import Callable, Collection
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from notify.queueing import messages
from notify.queueing.messages import Claimed, Lease, Settlement
from notify.queueing.policy import accepted
from notify.sending.ledger import Ledger
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, OperationalError

LEASE = Lease(str(uuid.uuid4()), timedelta(seconds=10))


def settlement(number: int) -> Settlement:
    return Settlement(cast("Claimed", SimpleNamespace(id=number)), accepted())


class Book:
    """Records what comes in, one transaction at a time."""

    def __init__(self) -> None:
        self.transactions: list[list[int]] = []
        self.unwritable: set[int] = set()
        self.away = False

    async def run(self, work: Callable[[Connection], Collection[int]]) -> Collection[int]:
        await asyncio.sleep(0.01)
        return work(cast("Connection", None))

    def settle(self, _: Any, __: Any, settlements: Collection[Settlement]) -> set[int]:
        ids = [one.message.id for one in settlements]
        self.transactions.append(ids)
        if self.away:
            raise OperationalError("UPDATE", {}, Exception("gone"))
        if self.unwritable & set(ids):
            raise DataError("UPDATE", {}, Exception("no such text"))
        return set(ids) - {99}


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    made = Book()
    monkeypatch.setattr(messages, "settle", made.settle)
    return made


async def written(book: Book, *numbers: int) -> list[Any]:
    ledger = Ledger(book.run, book.run, LEASE)
    return await asyncio.gather(*(ledger.settle(settlement(number)) for number in numbers), return_exceptions=True)


async def test_what_comes_at_once_shares_a_transaction(book: Book) -> None:
    assert await written(book, *range(60)) == [True] * 60
    assert [len(ids) for ids in book.transactions] == [50, 10]


async def test_what_is_not_ours_any_more_is_told_apart(book: Book) -> None:
    assert await written(book, 1, 99, 2) == [True, False, True]


async def test_one_that_cannot_be_written_does_not_spoil_the_others(book: Book) -> None:
    book.unwritable = {2}
    first, second, third = await written(book, 1, 2, 3)
    assert (first, third) == (True, True)
    assert isinstance(second, DataError)


async def test_a_database_that_is_away_is_told_to_all_without_trying_each(book: Book) -> None:
    book.away = True
    found = await written(book, 1, 2, 3)
    assert all(isinstance(one, OperationalError) for one in found)
    assert len(book.transactions) == 1
