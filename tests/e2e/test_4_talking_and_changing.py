"""After an order is placed: store and staff talk, orders change, and everyone concerned hears of it."""

import uuid

from tests.driver.api import Client, limited_offers
from tests.driver.mailbox import part
from tests.driver.polling import eventually
from tests.driver.screen import Screen
from tests.driver.system import System


def test_a_comment_reaches_the_other_sides_screen(system: System, staff: Client, buyers: list[Client]) -> None:
    offer = limited_offers(buyers[0].cycle())[0]
    order = buyers[0].place({offer["id"]: 1}).json()
    with (
        Screen(system.url, staff, "staff") as board,
        Screen(system.url, buyers[0], f"store:{buyers[0].store_id}") as page,
    ):
        for writer, text in ((buyers[0], "¿Por atrás?"), (staff, "Sí.")):
            answer = writer.http.post(
                f"/api/v1/orders/{order['id']}/comments",
                json={"text": text},
                headers={"Idempotency-Key": str(uuid.uuid4())},
            )
            assert answer.status_code == 201, answer.text
        board.sees("comment", within_s=2, order_id=order["id"], text="¿Por atrás?", role="buyer")
        page.sees("comment", within_s=2, order_id=order["id"], text="Sí.", role="staff")
    assert [one["text"] for one in buyers[0].get(f"/api/v1/orders/{order['id']}/comments")["items"]] == [
        "¿Por atrás?",
        "Sí.",
    ]


def test_a_store_is_told_by_mail_what_staff_changed_and_why_it_was_cancelled(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    offer = limited_offers(buyers[1].cycle())[0]
    mailbox = system.mailbox()
    order = buyers[1].place({offer["id"]: 1}).json()
    path = f"/api/v1/orders/{order['id']}"
    body = {"lines": [{"offer_id": offer["id"], "quantity": 3}], "reason": "by phone"}
    assert staff.http.put(path, json=body, headers={"If-Match": '"1"'}).status_code == 200
    assert staff.http.delete(f"{path}?reason=Closed%20on%20Friday").status_code == 204

    def told() -> list[str]:
        mails = mailbox.new(to=buyers[1].email, naming=str(order["number"]))
        return [part(mail, "plain") for mail in mails]

    eventually(lambda: len(told()) == 3, within_s=20, what="confirmation, change and cancellation")
    everything = "\n".join(told())
    assert f"{offer['product']['name']}: 3 instead of 1" in everything
    assert "We wrote it down on the phone." in everything
    assert "Why: Closed on Friday" in everything


def test_a_standing_order_is_kept_by_its_version(buyers: list[Client]) -> None:
    product = buyers[2].cycle()["offers"][0]["product"]["id"]
    path = f"/api/v1/stores/{buyers[2].store_id}/standing-order"
    buyers[2].http.delete(path)
    body = {"lines": [{"product_id": product, "quantity": 2, "max_unit_price_cents": 100_000}]}
    made = buyers[2].http.put(path, json=body)
    assert made.status_code == 201, made.text
    assert buyers[2].http.put(path, json=body).status_code == 428
    assert buyers[2].http.put(path, json=body, headers={"If-Match": made.headers["ETag"]}).status_code == 200
    assert buyers[0].http.get(path).status_code == 404
    assert buyers[2].get(path)["runs"][0]["outcome"] == "saved_later"
    assert buyers[2].live_orders() == []
    assert buyers[2].http.delete(path).status_code == 204
