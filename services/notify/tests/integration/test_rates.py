"""Token buckets in the database: shared by all processes, filled by the database's clock."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from mercadito_events.envelope import new_event
from notify.kinds import kinds
from notify.queueing import intents, messages, rates
from notify.queueing.messages import Lease, Terms
from notify.queueing.rates import Allowance, Rates
from notify.recipients.contacts import change_contact
from sqlalchemy import Connection, Engine, text
from world import DOMAIN, contact, order

LEASE = Lease(str(uuid.uuid4()), timedelta(seconds=10))
SOURCE = "/mercadito/orders"


@pytest.fixture
def connection(engine: Engine) -> Any:
    with engine.begin() as opened:
        yield opened


def know(connection: Connection, number: int, domain: str) -> None:
    changes = {"person_id": f"person-{number}", "store_ids": [f"store-{number}"], "email": f"p{number}@{domain}"}
    change_contact(connection, new_event("accounts.contact.changed.v1", contact(**changes), source=SOURCE))


def queue(connection: Connection, number: int, kind: str = "order_confirmation") -> None:
    data = order(store_id=f"store-{number}")
    intents.record(connection, new_event("orders.order.placed.v1", data, source=SOURCE), kind=kinds()[kind])
    intents.expand(connection, domain=DOMAIN)


def claimed(connection: Connection, bounds: Rates, limit: int = 10) -> list[str]:
    allowed = rates.allowance(connection, bounds)
    found = messages.claim(connection, LEASE, Terms(limit, allowance=allowed))
    rates.spend(connection, bounds, [message.domain for message in found])
    return [message.domain for message in found]


def a_while_ago(connection: Connection, seconds: float) -> None:
    """Filled so long before now, however long the test took until here."""
    connection.execute(
        text("UPDATE send_rates SET filled_at = clock_timestamp() - make_interval(secs => :s)"), {"s": seconds}
    )


def test_without_bounds_nothing_is_written(connection: Connection) -> None:
    assert rates.allowance(connection, Rates()) == Allowance()
    rates.spend(connection, Rates(), ["a.example"])
    assert connection.scalar(text("SELECT count(*) FROM send_rates")) == 0


def test_what_may_leave_fills_with_time_up_to_one_second(connection: Connection) -> None:
    know(connection, 1, "a.example")
    for _ in range(12):
        queue(connection, 1)
    assert len(claimed(connection, Rates(overall=5), limit=10)) == 5
    a_while_ago(connection, 0)
    assert claimed(connection, Rates(overall=5)) == []
    a_while_ago(connection, 0)
    assert 0 < (rates.allowance(connection, Rates(overall=5)).again_in_s or 0) <= 0.2
    a_while_ago(connection, 0.42)
    assert len(claimed(connection, Rates(overall=5))) == 2
    a_while_ago(connection, 3_600)
    assert len(claimed(connection, Rates(overall=5))) == 5


def test_a_slow_rate_lets_one_leave_at_a_time(connection: Connection) -> None:
    know(connection, 1, "a.example")
    for _ in range(3):
        queue(connection, 1)
    assert len(claimed(connection, Rates(overall=0.1))) == 1
    a_while_ago(connection, 9)
    assert claimed(connection, Rates(overall=0.1)) == []
    a_while_ago(connection, 10.1)
    assert len(claimed(connection, Rates(overall=0.1))) == 1


def test_a_clock_that_goes_back_takes_nothing_away(connection: Connection) -> None:
    know(connection, 1, "a.example")
    queue(connection, 1)
    rates.allowance(connection, Rates(overall=5))
    a_while_ago(connection, -3_600)
    assert len(claimed(connection, Rates(overall=5))) == 1


def test_one_domain_with_its_share_used_up_does_not_hold_up_the_others(connection: Connection) -> None:
    know(connection, 1, "busy.example")
    know(connection, 2, "calm.example")
    for _ in range(30):
        queue(connection, 1)
    queue(connection, 2)
    bounds = Rates(each_domain=2)
    found = [domain for _ in range(5) for domain in claimed(connection, bounds, limit=3)]
    assert sorted(found) == ["busy.example", "busy.example", "calm.example"]
    a_while_ago(connection, 0.5)
    assert claimed(connection, bounds, limit=3) == ["busy.example"]


def test_two_processes_together_keep_the_bound(engine: Engine) -> None:
    with engine.begin() as connection:
        know(connection, 1, "a.example")
        for _ in range(20):
            queue(connection, 1)
    found: list[str] = []

    def take() -> None:
        with engine.begin() as connection:
            found.extend(claimed(connection, Rates(overall=6), limit=5))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What filled meanwhile comes on top: the machine may be busy.
    with engine.begin() as connection:
        took_s = connection.scalar(text("SELECT extract(epoch FROM max(filled_at) - min(filled_at)) FROM send_rates"))
    assert 6 <= len(found) <= 6 + 6 * (float(took_s) + 1)
    assert len(found) < 20


def test_buckets_that_are_full_are_forgotten(connection: Connection) -> None:
    rates.spend(connection, Rates(each_domain=1), ["a.example", "b.example"])
    connection.execute(text("UPDATE send_rates SET filled_at = now() - interval '1 day' WHERE name = '@a.example'"))
    rates.forget_full(connection)
    assert list(connection.scalars(text("SELECT name FROM send_rates"))) == ["@b.example"]


def test_what_is_urgent_becomes_a_message_before_a_flood_does(connection: Connection) -> None:
    know(connection, 1, "a.example")
    for _ in range(2 * intents.EXPAND_BATCH):
        event = new_event("orders.order.placed.v1", order(store_id="store-1"), source=SOURCE)
        intents.record(connection, event, kind=kinds()["order_confirmation"])
    link = {"person_id": "person-1", "link": "https://x.example/reset/1", "expires_at": "2999-01-01T00:00:00Z"}
    event = new_event("accounts.password_reset.requested.v1", link, source=SOURCE)
    intents.record(connection, event, kind=kinds()["password_reset"])
    intents.expand(connection, domain=DOMAIN)
    assert "password_reset" in connection.scalars(text("SELECT kind FROM messages")).all()


def test_what_is_urgent_is_claimed_before_what_waits_for_longer(connection: Connection) -> None:
    know(connection, 1, "a.example")
    for _ in range(3):
        queue(connection, 1)
    link = {"person_id": "person-1", "link": "https://x.example/reset/1", "expires_at": "2999-01-01T00:00:00Z"}
    event = new_event("accounts.password_reset.requested.v1", link, source=SOURCE)
    intents.record(connection, event, kind=kinds()["password_reset"])
    intents.expand(connection, domain=DOMAIN)
    kinds_ = [one.kind for one in messages.claim(connection, LEASE, Terms(2))]
    assert kinds_ == ["password_reset", "order_confirmation"]
