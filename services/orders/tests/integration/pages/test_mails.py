"""The log of mails as the server draws it, and the part of an order's and a person's page."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from orders.domain.people import Role

# What notify and mail servers say; each needs words of its own.
REASONS = {
    "twice the relay took the message and its answer was not seen": "It may have arrived",
    "lost after the final dot: TimeoutError": "It may have arrived",
    "an earlier try may have been taken; then: 12 attempts": "It may have arrived",
    "too late to be of use; last: 452 to RCPT: full": "It waited until it was of no use any more.",
    "it took none of the last mails; now: 550 to RCPT: 5.1.1 User unknown": "The mail server took none",
    "a newer mail about the order was sent meanwhile": "A newer mail about the order",
    "the person does not belong to the store any more": "The person does not belong",
    "whether it may go could not be found out": "It could not be found out",
    "the person is no longer active": "The person was deactivated before it left.",
    "no header can be made of the recipient's name and address (ValueError)": "The address can not be written to.",
    "550 to RCPT: 5.1.1 User unknown": "There is no such mailbox.",
    "mails to this address came back": "The reader's address is held back",
    "its reader called it spam": "The reader called our mail spam.",
    "turned off by its reader": "The reader wants no mails of this kind.",
    "the store has ordered meanwhile": "The store has ordered meanwhile",
    "the market day was cancelled meanwhile": "The market day was cancelled meanwhile",
    "quiet hours of its reader until 2026-11-30T13:00Z": "It waits for the reader's morning.",
    "held": "This system sends no mail",
    "came back: 5.1.1 no such user": "There is no such mailbox.",
    "came back: 5.4.4 no route": "It came back",
    "552 to RCPT: over quota": "The mailbox is full.",
    "451 to RCPT: 4.7.1 Greylisted": "The reader's mail server asks us to come back later.",
    "554 to the message: 5.7.1 looks like spam": "The reader's mail server does not want our mail.",
    "relay:587 cannot be reached: ConnectionRefusedError": "Our mail server could not be used.",
    "535 to sign-in: no": "Our mail server could not be used.",
    "lost before the final dot: ConnectionResetError": "The connection to the mail server broke.",
    "this version cannot read what it is about: 'x'": "The mail could not be written.",
    "451 to the message: busy": "The mail server asks us to come back later.",
    "500 to DATA: no": "The mail server refused it.",
}


@pytest.fixture
def staff(world: Any, signed_in: Callable[..., Any]) -> Any:
    return signed_in(world.person(Role.STAFF))


def _attribute(page: Any, marker: str, name: str) -> Any:
    (place,) = page.read.having("div" if marker == "data-mail-log" else "section", **{marker: ""})
    return json.loads(place[name])


@pytest.mark.parametrize(("reason", "told"), REASONS.items())
def test_what_went_wrong_with_a_mail_is_said_in_words(staff: Any, reason: str, told: str) -> None:
    rules = _attribute(staff.get("/staff/mails"), "data-mail-log", "data-problems")
    text = next(rule[1] for rule in rules if re.search(rule[0], reason, re.IGNORECASE))
    assert text.startswith(told)


def test_buyers_do_not_get_to_the_log(market: Any) -> None:
    assert market.browser.get("/staff/mails").status == 403


def test_the_log_says_what_to_do_without_scripts_and_speaks_spanish(world: Any, signed_in: Callable[..., Any]) -> None:
    page = signed_in(world.person(Role.STAFF, locale="es")).get("/staff/mails")
    assert page.read.having("a", href="/api/v1/notifications")
    assert _attribute(page, "data-mail-log", "data-words")["held"] == "Todo el correo está detenido."


def test_filters_are_kept_in_the_address_and_nonsense_is_left_out(world: Any, staff: Any) -> None:
    person = world.person(Role.BUYER)
    asked = f"/staff/mails?fate=undelivered&kind=price_list&days=7&person={person.person_id}"
    page = staff.get(asked)
    assert [option["value"] for option in page.read.having("option", selected="")] == [
        "undelivered", "price_list", "7",
    ]  # fmt: skip
    assert page.read.having("input", type="hidden", name="person")
    nonsense = staff.get(
        "/staff/mails?fate=lost&kind=%3Cb%3E&days=400&person=x&order=00000000-0000-0000-0000-000000000000"
    )
    assert nonsense.status == 200
    assert not nonsense.read.having("option", selected="")
    assert not nonsense.read.having("input", name="order")


def test_a_persons_page_has_the_mails_to_them(world: Any, staff: Any) -> None:
    person = world.person(Role.BUYER)
    page = staff.get(f"/staff/people/{person.person_id}")
    (part,) = page.read.having("section", **{"data-mails": ""})
    assert part["data-query"] == f"person_id={person.person_id}"
    assert page.read.having("a", href=f"/staff/mails?person={person.person_id}")


def test_a_person_page_leads_to_what_is_held_back_with_a_fresh_identity(
    world: Any, staff: Any, signed_in: Callable[..., Any]
) -> None:
    person = world.person(Role.BUYER)
    page = staff.get(f"/staff/people/{person.person_id}")
    # Without scripts there is nothing but the link; with them the page shows what is held back by itself.
    (way,) = page.read.having("a", href=f"/staff/people/{person.person_id}/held-back")
    assert page.read.having("ul", **{"data-held": ""})
    gone = staff.get(way["href"])
    assert gone.status == 303
    assert gone.headers["Location"] == f"/mail/held-back/{person.person_id}"
    assert "mercadito_id=" in gone.headers["Set-Cookie"]
    assert staff.get("/staff/people/no-such-id/held-back").status == 404
    assert "Mails go to this address again." in staff.get(f"/staff/people/{person.person_id}?done=lifted").words


def test_only_staff_have_the_log_of_an_order_and_buyers_read_what_became_of_its_mail(
    world: Any, signed_in: Callable[..., Any], market: Any
) -> None:
    page = market.browser.order(market.browser.get("/order"), {market.apples: "2"})
    order = page.path.split("?")[0].split("/")[2]
    bought = market.browser.get(f"/orders/{order}")
    assert not bought.read.having("section", **{"data-mails": ""})
    assert "The confirmation is on its way." in bought.words
    seen = signed_in(world.person(Role.STAFF)).get(f"/orders/{order}")
    (part,) = seen.read.having("section", **{"data-mails": ""})
    assert part["data-query"] == f"order_id={order}"
    assert "The confirmation is on its way." in seen.words  # what stands there while notify is away
    log = signed_in(world.person(Role.STAFF)).get(f"/staff/mails?order={order}")
    assert log.read.having("input", type="hidden", name="order", value=order)
