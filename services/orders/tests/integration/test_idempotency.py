"""The same key and request give the first answer, whatever happens in between."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.integration.test_ordering import body, key, shop, slug

__all__ = ["shop"]


def test_the_same_key_gives_the_first_answer_even_after_the_order_changed(shop: Any, world: Any) -> None:
    used = key()
    first = shop.place((shop.limited, 2), idempotency=used)
    shop.amend(first.json, (shop.limited, 5))
    again = shop.place((shop.limited, 2), idempotency=used)
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert (again.headers["Location"], again.headers["ETag"]) == (first.headers["Location"], first.headers["ETag"])
    assert world.remaining(shop.limited) == 5
    assert len(world.events("orders.order.placed.v1")) == 1


def test_a_key_used_for_another_request_is_refused(shop: Any) -> None:
    used = key()
    shop.place((shop.limited, 2), idempotency=used)
    answer = shop.place((shop.limited, 1), idempotency=used)
    assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")


def test_a_key_belongs_to_a_person(shop: Any, world: Any, sign_in: Callable[..., Any]) -> None:
    used = key()
    first = shop.place((shop.limited, 2), idempotency=used)
    other, store = world.buyer()
    answer = sign_in(other).call("POST", "/orders", body(shop.cycle, store, (shop.limited, 1)), Idempotency_Key=used)
    assert answer.status_code == 201
    assert answer.json["id"] != first.json["id"]


def test_a_refusal_is_not_kept_so_the_same_key_may_succeed_later(shop: Any, world: Any) -> None:
    used = key()
    assert shop.place((shop.limited, 11), idempotency=used).status_code == 409
    world.run("UPDATE offers SET available = 20, remaining = 20 WHERE available = 10")
    assert shop.place((shop.limited, 11), idempotency=used).status_code == 201
    assert world.value("SELECT count(*) FROM idempotency_keys") == 1


@pytest.mark.parametrize("bad", ["", "a%09b", "x" * 256, "ü"])
def test_a_key_that_is_missing_or_unprintable_is_refused(shop: Any, bad: str) -> None:
    wanted = body(shop.cycle, shop.store, (shop.limited, 1))
    answer = shop.api.call("POST", f"/orders?idempotency_key={bad}", wanted)
    assert (answer.status_code, slug(answer)) == (400, "idempotency-key-missing")


def test_a_key_of_255_printable_characters_is_fine_and_the_address_may_carry_it(shop: Any, world: Any) -> None:
    wanted = body(shop.cycle, shop.store, (shop.limited, 1))
    first = shop.api.call("POST", f"/orders?idempotency_key={'k' * 255}", wanted)
    again = shop.api.call("POST", "/orders", wanted, Idempotency_Key="k" * 255)
    assert (first.status_code, again.data) == (201, first.data)


def test_amending_and_cancelling_honour_a_key(shop: Any, world: Any) -> None:
    order = shop.place((shop.limited, 2)).json
    path, used = f"/orders/{order['id']}", key()
    wanted = {"lines": [{"offer_id": shop.limited, "quantity": 3}]}
    first = shop.api.call("PUT", path, wanted, If_Match='"1"', Idempotency_Key=used)
    again = shop.api.call("PUT", path, wanted, If_Match='"1"', Idempotency_Key=used)
    assert (first.status_code, again.status_code, again.data) == (200, 200, first.data)
    assert again.headers["ETag"] == '"2"'
    reused = shop.api.call("DELETE", path, Idempotency_Key=used)
    assert slug(reused) == "idempotency-key-reused"
    used = key()
    assert shop.api.call("DELETE", path, Idempotency_Key=used).status_code == 204
    assert shop.api.call("DELETE", path, Idempotency_Key=used).status_code == 204
    assert len(world.events("orders.order.cancelled.v1")) == 1


def test_a_key_at_work_makes_the_second_request_wait_and_then_give_up(shop: Any, engine: Any) -> None:
    used = key()
    claim = text(
        "INSERT INTO idempotency_keys (person_id, key, request_hash) VALUES (CAST(:person AS uuid), :key, 'another')"
    )
    with engine.connect() as other, other.begin() as holding:
        other.execute(claim, {"person": shop.buyer.person_id, "key": used})
        answer = shop.place((shop.limited, 1), idempotency=used)
        holding.rollback()
    assert (answer.status_code, slug(answer)) == (409, "idempotency-key-in-flight")
    assert answer.headers["Retry-After"] == "1"
    assert shop.place((shop.limited, 1), idempotency=used).status_code == 201


def test_a_key_whose_holder_fails_goes_to_whoever_waited(shop: Any, engine: Any) -> None:
    used = key()
    answers: list[Any] = []
    with engine.connect() as other, other.begin() as holding:
        other.execute(
            text("INSERT INTO idempotency_keys (person_id, key, request_hash) VALUES (CAST(:p AS uuid), :k, 'x')"),
            {"p": shop.buyer.person_id, "k": used},
        )
        waiting = threading.Thread(target=lambda: answers.append(shop.place((shop.limited, 1), idempotency=used)))
        waiting.start()
        other.execute(text("SELECT pg_sleep(0.3)"))
        holding.rollback()
    waiting.join()
    assert answers[0].status_code == 201


def test_keys_are_kept_for_48_hours(shop: Any, world: Any, engine: Any) -> None:
    from orders.adapters.pruning import prune  # noqa: PLC0415 - only here

    for hours, kept in ((47, 1), (49, 0)):
        world.run("DELETE FROM idempotency_keys")
        world.run(
            "INSERT INTO idempotency_keys (person_id, key, request_hash, created_at)"
            " VALUES (CAST(:id AS uuid), 'k', 'h', clock_timestamp() - make_interval(hours => :hours))",
            id=str(uuid4()),
            hours=hours,
        )
        prune(engine)
        assert world.value("SELECT count(*) FROM idempotency_keys") == kept


def test_pruning_leaves_nothing_that_is_over_however_much_there_is(world: Any, engine: Any) -> None:
    from orders.adapters.pruning import BATCH_ROWS, prune  # noqa: PLC0415 - only here

    over = 2 * BATCH_ROWS + 1
    world.run(
        "INSERT INTO idempotency_keys (person_id, key, request_hash, created_at) SELECT gen_random_uuid(), n::text, '',"
        " clock_timestamp() - interval '49 hours' FROM generate_series(1, :over) n",
        over=over,
    )
    assert prune(engine)["idempotency_keys"] == over
    assert world.value("SELECT count(*) FROM idempotency_keys") == 0
