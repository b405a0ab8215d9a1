"""From events to the mail that a relay took: the right numbers, in each reader's language, with a picture."""

import asyncio
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faulty_relay import FaultyRelay
from market import ZONE, due_now, know_market, opened, reports, today
from mercadito_events.envelope import Event, new_event
from mercadito_events.testing import DatabaseUrls, NatsServer
from notify.market.schedule import Schedule
from notify.market.weekly import Weekly
from notify.recipients import preferences
from outgoing import know, messages, sending, settled
from PIL import Image
from process import NotifyProcess, publish
from sqlalchemy import Engine, text
from world import contact, order

Eventually = Callable[..., Any]
PRICES = {"Limes": (4650, 4100), "Avocados": (3150, 3400), "Bananas": (2200, 2200)}


@pytest.fixture
def notify(urls: DatabaseUrls, nats_server: NatsServer, relay: FaultyRelay, tmp_path: Path) -> Iterator[NotifyProcess]:
    nats_server.reset()
    more = {"DIGEST_AT": due_now(), "QUIET_HOURS": "off"}
    process = NotifyProcess(urls, nats_server, tmp_path, relay.port, more=more)
    yield process
    process.kill()


def known(**changes: Any) -> Event:
    return new_event("accounts.contact.changed.v1", contact(**changes), source="/mercadito/orders")


def mail(raw: bytes) -> EmailMessage:
    read = message_from_bytes(raw, policy=default)
    assert isinstance(read, EmailMessage)
    return read


def test_what_the_market_did_reaches_those_who_order_and_those_at_the_hub_once(
    notify: NotifyProcess, engine: Engine, relay: FaultyRelay, nats_server: NatsServer, eventually: Eventually
) -> None:
    people = [
        known(person_id="lupe", email="lupe@tienda.example", locale="es", store_ids=["store-1"]),
        known(person_id="ray", email="ray@corner.example", locale="en", store_ids=["store-2"]),
        known(person_id="sam", email="sam@hub.example", locale="en", role="staff", store_ids=[]),
    ]
    # What the digest remembers of an order is a part of what that order's own mail is made of.
    lines = [{**order()["lines"][0], "offer_id": "offer-Bananas"}]
    placed = new_event("orders.order.placed.v1", order(lines=lines), source="/mercadito/orders")
    publish(nats_server, *people, opened(*PRICES), placed)
    publish(nats_server, *reports(PRICES), user="usda")
    notify.start()
    digests = "kind = 'price_digest' AND state = 'sent'"
    eventually(lambda: number_of(engine, digests) == 3)
    taken = {one.recipient: mail(one.raw) for one in relay.taken if b"multipart/related" in one.raw}
    assert set(taken) == {"lupe@tienda.example", "ray@corner.example", "sam@hub.example"}
    for one in taken.values():
        assert_holds_together(one)
    spanish = body(taken["lupe@tienda.example"], "plain")
    assert "Lo que usted compra:\n\n- Bananas (es) (cajas de 40 lb): $22.00, igual que la semana anterior" in spanish
    assert "- Limes (es) (cajas de 40 lb): $41.00, bajó $5.50 (12%), antes $46.50" in spanish
    english = body(taken["ray@corner.example"], "plain")
    assert "- Avocados (40 lb cartons): $34.00, up $2.50 (7.9%) from $31.50" in english
    assert "Bananas" not in english
    assert notify.stop() == 0
    notify.start()
    eventually(lambda: b'mercadito_nats_connected{connection="notify"} 1.0' in notify.ask("/metrics")[1])
    assert number_of(engine, digests) == 3
    assert notify.stop() == 0


def number_of(engine: Engine, condition: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM messages WHERE {condition}")) or 0)


def body(one: EmailMessage, subtype: str) -> str:
    part = one.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def assert_holds_together(one: EmailMessage) -> None:
    assert one.get_content_type() == "multipart/alternative"
    plain, related = one.iter_parts()
    assert (plain.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    html, picture = related.iter_parts()
    assert (html.get_content_type(), picture.get_content_type()) == ("text/html", "image/png")
    assert picture["Content-Disposition"].content_disposition == "inline"
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html.get_content()
    with Image.open(BytesIO(picture.get_content())) as shown:
        shown.load()
        assert shown.size[0] == 1200
    assert "/prices" in body(one, "plain")
    assert one["List-Unsubscribe"]
    assert not [defect for part in one.walk() for defect in part.defects]


def made(engine: Engine) -> None:
    with engine.begin() as connection:
        know_market(connection, PRICES)
    weekly = Weekly(engine, ZONE, today)
    assert weekly.make(weekly.of_this_week(Schedule.parse("mon 05:00"))) is True


async def test_who_turned_it_off_does_not_get_it(engine: Engine, relay: FaultyRelay, eventually: Eventually) -> None:
    know(engine)
    with engine.begin() as connection:
        preferences.want(connection, "person-1", {"price_digest": False}, "page")
    made(engine)
    async with sending(engine, relay.port):
        await settled(engine, eventually, "queued", "sending", "suppressed")
        await asyncio.to_thread(eventually, lambda: messages(engine)[0].state == "suppressed")
    assert relay.taken == []


async def test_without_its_picture_the_mail_goes_and_says_nothing_of_it(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    made(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM pictures"))
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: [row.state for row in messages(engine)] == ["sent"])
    (one,) = relay.taken
    plain, html = mail(one.raw).iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "<img" not in html.get_content()


async def test_a_silence_after_the_dot_is_not_tried_again(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    know(engine)
    made(engine)
    relay.scripts = ["drop_after_dot", "accept"]
    async with sending(engine, relay.port):
        await asyncio.to_thread(eventually, lambda: [row.state for row in messages(engine)] == ["unknown"])
    assert len(relay.taken) == 1
