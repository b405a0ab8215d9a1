"""A buyer orders by API: stock, idempotency, conflicts, and what everyone else sees."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.driver.api import Client, limited_offers
from tests.driver.mailbox import part
from tests.driver.polling import eventually
from tests.driver.screen import Screen
from tests.driver.system import System


def test_an_order_takes_stock_and_every_screen_and_the_buyer_hear_of_it(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    mailbox = system.mailbox()
    with (
        Screen(system.url, buyers[1], f"cycle:{buyers[0].cycle_id()}") as neighbour,
        Screen(system.url, staff, "staff") as board,
    ):
        placed = buyers[0].place({offer["id"]: 2})
        assert placed.status_code == 201, placed.text
        order = placed.json()
        neighbour.sees("offer", within_s=1, offer_id=offer["id"], remaining=offer["remaining"] - 2)
        board.sees("order", within_s=1, order_id=order["id"], number=order["number"])

    def confirmations() -> list[object]:
        return list(mailbox.new(to=buyers[0].email, naming=str(order["number"])))

    eventually(confirmations, within_s=15, what="a confirmation")
    message = mailbox.new(to=buyers[0].email, naming=str(order["number"]))[0]
    assert "pedido" in f"{message['Subject']} {part(message, 'plain')}".lower()
    assert str(order["number"]) in part(message, "html")
    sent = eventually(
        lambda: [each for each in notifications(staff, order["id"]) if each["state"] == "sent"],
        within_s=10,
        what="the mail's state",
    )
    assert len(sent) == 1
    assert buyers[0].email not in str(sent)


def notifications(staff: Client, order_id: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = staff.get(f"/api/v1/notifications?order_id={order_id}")["items"]
    return found


def test_a_repeated_key_gives_the_first_answer_and_takes_no_more_stock(buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: buyers[0].place({offer["id"]: 1}, key=key), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert buyers[0].offer(offer["id"])["remaining"] == offer["remaining"] - 1
    reused = buyers[0].place({offer["id"]: 2}, key=key)
    assert (reused.status_code, reused.json()["type"].rsplit("/")[-1]) == (422, "idempotency-key-reused")


def test_of_five_who_race_for_all_of_it_one_gets_it(buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[-1]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda buyer: buyer.place({offer["id"]: offer["remaining"]}), buyers))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    for lost in (answer for answer in answers if answer.status_code == 409):
        problem = lost.json()
        assert problem["type"].endswith("sold-out")
        assert problem["shortages"] == [{"offer_id": offer["id"], "requested": offer["remaining"], "remaining": 0}]
    assert buyers[0].offer(offer["id"])["remaining"] == 0


def test_two_who_change_one_order_do_not_overwrite_each_other(staff: Client, buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    order = buyers[0].place({offer["id"]: 1}).json()
    path = f"/api/v1/orders/{order['id']}"
    seen = buyers[0].http.get(path).headers["ETag"]
    body = {"lines": [{"offer_id": offer["id"], "quantity": 3}]}
    first = buyers[0].http.put(path, json=body, headers={"If-Match": seen})
    second = staff.http.put(path, json=body, headers={"If-Match": seen})
    assert first.status_code == 200
    assert first.json()["version"] > order["version"]
    assert (second.status_code, second.json()["type"].rsplit("/")[-1]) == (412, "version-conflict")
    assert buyers[0].http.put(path, json=body).status_code == 428
    assert buyers[0].http.delete(path).status_code == 204
    assert buyers[0].offer(offer["id"])["remaining"] == offer["remaining"]


def test_another_stores_order_is_not_there(buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    order = buyers[0].place({offer["id"]: 1}).json()
    path = f"/api/v1/orders/{order['id']}"
    assert buyers[1].http.get(path).status_code == 404
    assert buyers[1].http.delete(path).status_code == 404
    listed = buyers[1].get("/api/v1/orders")["items"]
    assert order["id"] not in [each["id"] for each in listed]


@pytest.mark.parametrize(
    "lines",
    [
        [{"offer_id": "no-such-offer", "quantity": 1}],
        [],
        "not a list",
        [{"offer_id": str(uuid.uuid4()), "quantity": 1}],
        [{"offer_id": str(uuid.uuid4()), "quantity": -1}],
        [{"offer_id": str(uuid.uuid4()), "quantity": 10**19}],
        [{"offer_id": str(uuid.uuid4()), "quantity": True}],
        [{"quantity": 1}],
    ],
)
def test_nonsense_gets_a_problem_that_says_what_to_do(buyers: list[Client], lines: object) -> None:
    body = {"cycle_id": buyers[0].cycle_id(), "store_id": buyers[0].store_id, "lines": lines}
    answer = buyers[0].http.post("/api/v1/orders", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["detail"]


def test_without_a_token_every_api_answers_401_as_a_problem(system: System) -> None:
    for path in ("/api/v1/me", "/api/v1/orders", "/api/v1/cycles/current", "/api/v1/notifications"):
        answer = httpx.get(f"{system.url}{path}")
        assert (path, answer.status_code) == (path, 401)
        assert answer.json()["type"].endswith("unauthenticated")
        assert answer.headers["X-Request-Id"]


def test_a_deleted_token_is_worth_nothing(system: System) -> None:
    client = system.client("buyer5")
    assert client.http.delete("/api/v1/tokens/current").status_code == 204
    assert client.http.get("/api/v1/me").status_code == 401
