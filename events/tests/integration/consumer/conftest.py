"""A consumer of orders that does not wait."""

from collections.abc import Callable
from typing import Any

import pytest
from consuming import DURABLE, STREAM, USER, record
from mercadito_events import consumer as consumer_module
from mercadito_events import pull
from mercadito_events.inbox import Consumer
from sqlalchemy import Engine
from steps import TYPE


@pytest.fixture
def consumer(engine: Engine, connected: Callable[..., Any]) -> Callable[..., Any]:
    async def make(handler: Any = record, **kwargs: Any) -> Consumer:
        where = {"stream": STREAM, "durable": DURABLE} | kwargs
        return Consumer(engine, await connected(USER), handlers={TYPE: handler}, **where)

    return make


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(consumer_module, "RETRY_MOST_S", 0.1)
    monkeypatch.setattr(pull, "FETCH_TIMEOUT_S", 0.2)
