"""The database goes away and comes back: refusals that may be repeated, and nothing to restart by hand."""

from typing import Any

import pytest
from mercadito_events.testing import wait_until
from sqlalchemy import Engine, text

from tests.integration.test_ordering import body, key, shop, slug

__all__ = ["shop"]

# What PostgreSQL says when a table can't grow.
NO_ROOM = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON orders EXECUTE FUNCTION no_room();
"""


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_database_that_goes_away_and_comes_back(world: Any, shop: Any, postgres_server: Any, how: str) -> None:
    used = key()
    wanted = body(shop.cycle, shop.store, (shop.limited, 2))
    shop.api.call("GET", "/me")
    with postgres_server.connect("postgres") as cursor:
        cursor.execute("CHECKPOINT")  # recovering what hundreds of tests wrote before is not what is looked at
    getattr(postgres_server, how)()
    try:
        for answer in (
            shop.api.call("POST", "/orders", wanted, Idempotency_Key=used),
            shop.api.call("GET", "/cycles/current"),
            shop.api.client.post("/api/v1/tokens", auth=("a@test.example", "x")),
        ):
            assert (answer.status_code, slug(answer)) == (503, "unavailable")
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["X-Gateway-Not-Processed"] == "1"
        ready = shop.api.client.get("/readyz")
        assert (ready.status_code, ready.json["ready"]) == (503, False)
        assert shop.api.client.get("/healthz").status_code == 200
    finally:
        postgres_server.start()
    assert wait_until(lambda: shop.api.client.get("/readyz").status_code == 200)
    answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=used)
    assert answer.status_code == 201
    assert world.remaining(shop.limited) == 8


def test_a_database_without_room_is_told_and_nobody_else_is_held(world: Any, shop: Any, owner: Engine) -> None:
    used = key()
    wanted = body(shop.cycle, shop.store, (shop.limited, 2))
    with owner.begin() as connection:
        connection.execute(text(NO_ROOM))
    try:
        answer = shop.api.call("POST", "/orders", wanted, Idempotency_Key=used)
        assert (answer.status_code, slug(answer)) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
        # The gateway would hold every request for what only fails again.
        assert "X-Gateway-Not-Processed" not in answer.headers
        assert shop.api.call("GET", "/cycles/current").status_code == 200
    finally:
        with owner.begin() as connection:
            connection.execute(text("DROP FUNCTION no_room CASCADE"))
    assert shop.api.call("POST", "/orders", wanted, Idempotency_Key=used).status_code == 201
    assert world.remaining(shop.limited) == 8
