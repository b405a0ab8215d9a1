"""Comments between store and staff, through the API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from orders.application.comment_book import MAX_CHARACTERS, MAX_PER_HOUR, MAX_PER_ORDER
from orders.domain.people import Role
from tests.integration.test_ordering import key, shop, slug

__all__ = ["shop"]


@pytest.fixture
def order(shop: Any) -> Any:
    return shop.place((shop.limited, 1)).json


def write(api: Any, order: Any, text: object, idempotency: str | None = None) -> Any:
    return api.call("POST", f"/orders/{order['id']}/comments", {"text": text}, Idempotency_Key=idempotency or key())


def test_store_and_staff_talk_on_an_order_and_it_is_told(world: Any, shop: Any, order: Any, sign_in: Any) -> None:
    staff = sign_in(world.person(Role.STAFF))
    first = write(shop.api, order, "  ¿Por atrás?\r\nGracias ")
    assert first.status_code == 201
    assert (first.json["text"], first.json["role"]) == ("¿Por atrás?\nGracias", "buyer")
    assert write(staff, order, "Sí.").status_code == 201
    listed = shop.api.call("GET", f"/orders/{order['id']}/comments").json
    assert [one["text"] for one in listed["items"]] == ["¿Por atrás?\nGracias", "Sí."]
    assert listed["next"] is None
    told = world.events("orders.comment.posted.v1")
    assert [(one["number"], one["actor"]["role"], one["text"]) for one in told] == [
        (order["number"], "buyer", "¿Por atrás?\nGracias"),
        (order["number"], "staff", "Sí."),
    ]
    assert told[0]["actor"]["person_id"] == shop.buyer.person_id


def test_comments_are_paged(shop: Any, order: Any) -> None:
    for number in range(5):
        write(shop.api, order, f"n{number}")
    path, seen = f"/orders/{order['id']}/comments?limit=2", []
    while path:
        page = shop.api.call("GET", path.removeprefix("/api/v1")).json
        seen += [one["text"] for one in page["items"]]
        path = page["next"]
    assert seen == [f"n{number}" for number in range(5)]
    for cursor in ("nonsense", str(uuid4()), "%00"):
        assert slug(shop.api.call("GET", f"/orders/{order['id']}/comments?cursor={cursor}")) == "invalid"


def test_a_comment_can_be_written_whatever_became_of_the_order(world: Any, shop: Any, order: Any) -> None:
    world.run("UPDATE orders SET state = 'delivered'")
    world.run("UPDATE cycles SET state = 'done'")
    assert write(shop.api, order, "Faltó el cilantro").status_code == 201


def test_the_same_key_writes_once(world: Any, shop: Any, order: Any) -> None:
    used = key()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: write(shop.api, order, "hola", used), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert slug(write(shop.api, order, "otra", used)) == "idempotency-key-reused"
    assert slug(shop.api.call("POST", f"/orders/{order['id']}/comments", {"text": "x"})) == "idempotency-key-missing"
    assert world.value("SELECT count(*) FROM comments") == 1


@pytest.mark.parametrize(
    "text", ["", "   \r\n ", "x" * (MAX_CHARACTERS + 1), "x" * 100_000, "a\x00b", "a\x07b", 7, None, ["x"], {"a": 1}]
)
def test_what_is_no_comment_is_refused(shop: Any, order: Any, text: object) -> None:
    assert slug(write(shop.api, order, text)) == "invalid"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "'; DROP TABLE comments; --", "\u202emirror", "🥑" * 900]
)
def test_whatever_is_text_is_kept_as_it_is(shop: Any, order: Any, text: str) -> None:
    assert write(shop.api, order, text).json["text"] == text


def test_an_order_has_room_for_so_many_and_a_person_for_so_many_an_hour(world: Any, shop: Any, order: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: write(shop.api, order, str(n)), range(MAX_PER_HOUR + 5)))
    assert [answer.status_code for answer in answers].count(201) == MAX_PER_HOUR
    refused = next(answer for answer in answers if answer.status_code != 201)
    assert (refused.status_code, slug(refused)) == (429, "too-many-requests")
    assert int(refused.headers["Retry-After"]) > 0
    world.run("UPDATE comments SET created_at = created_at - interval '2 hours'")
    assert write(shop.api, order, "wieder").status_code == 201
    world.run(
        "INSERT INTO comments (id, order_id, person_id, role, text, created_at) SELECT gen_random_uuid(), order_id,"
        " person_id, role, 'x', created_at - interval '1 day' FROM comments, generate_series(1, 10)"
    )
    assert world.value("SELECT count(*) FROM comments") >= MAX_PER_ORDER
    assert slug(write(shop.api, order, "no")) == "too-many-requests"


def test_a_stranger_neither_reads_nor_writes(world: Any, shop: Any, order: Any, sign_in: Any, nobody: Any) -> None:
    stranger = sign_in(world.buyer()[0])
    for answer in (
        write(stranger, order, "hi"),
        stranger.call("GET", f"/orders/{order['id']}/comments"),
        write(shop.api, {"id": str(uuid4())}, "hi"),
        shop.api.call("GET", f"/orders/{uuid4()}/comments"),
    ):
        assert (answer.status_code, slug(answer)) == (404, "not-found")
    assert nobody.call("GET", f"/orders/{order['id']}/comments").status_code == 401


def test_the_board_waits_for_the_staffs_answer(world: Any, shop: Any, order: Any, sign_in: Any, container: Any) -> None:
    rosa = world.person(Role.STAFF)
    staff = sign_in(rosa)
    write(shop.api, order, "first")
    write(shop.api, order, "¿Hay limón?")
    [waiting] = container.comments.unanswered(rosa)
    assert (waiting.order_number, waiting.text) == (order["number"], "¿Hay limón?")
    write(staff, order, "Sí hay.")
    assert container.comments.unanswered(rosa) == ()
