"""Signed mails as they come out of the wire, are tried again, and outlive a change of keys."""

from datetime import UTC, datetime

import pytest
from faulty_relay import FaultyRelay
from notify.kinds import kinds
from notify.recipients.contacts import Contact
from notify.recipients.links import unsubscribe_headers
from notify.sending.smtp import Envelope, opened
from notify.writing.dkim import Dkim
from notify.writing.formats import LANGUAGES
from notify.writing.mail import Sender, compose, message_id
from notify.writing.rendering import Picture, Words, render
from outgoing import Eventually, know, placed, record, sending, settled
from signed import ed25519_key, is_valid, signer
from sqlalchemy import Engine, text
from world import HUB, LINKS, sample
from world import relay as relay_at

AT = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
HARD_WORDS = Words(
    "¡Ñandú, jitomate y piña! " * 5,
    ".un punto\n..dos puntos\n\n \t blancos al final  \n" + "ñ" * 2_000 + "\n.\n\n\n",
    "<p>" + "Señora, ¿qué tal? " * 300 + "</p>\n\n",
    Picture(bytes(range(256)) * 120),
)


async def received(relay: FaultyRelay, *envelopes: Envelope) -> list[bytes]:
    async def nothing() -> None:
        pass

    session = await opened(relay_at(relay.port))
    for envelope in envelopes:
        await session.submit(envelope, nothing)
    await session.quit()
    await session.close()
    return [taken.raw for taken in relay.taken]


def written(words: Words, dkim: Dkim, **more: object) -> Envelope:
    return compose(
        words,
        sender=Sender.parse("Mercadito <orders@mercadito.example>"),
        reader=Contact("p1", "rosa@tienda.example", "Rosa Peña", "es"),
        message_id=message_id("x", "mail.mercadito.example"),
        at=AT,
        dkim=dkim,
        **more,
    )


async def test_every_kind_in_every_language_is_believed_by_who_receives_it(relay: FaultyRelay) -> None:
    dkim = signer()
    envelopes = []
    for kind in kinds().values():
        links = LINKS.of("p1", kind)
        for language in LANGUAGES:
            reader = Contact("p1", "rosa@tienda.example", "Rosa Peña", language)
            words = render(kind, kind.reading.of(sample(kind.name)), reader, HUB, links)
            envelopes.append(written(words, dkim, more_headers=unsubscribe_headers(links)))
    mails = await received(relay, *envelopes)
    assert len(mails) == len(kinds()) * len(LANGUAGES)
    assert all(is_valid(mail, dkim) for mail in mails)
    assert not is_valid(mails[0].replace(b"Mercadito", b"Mercadita", 1), dkim)


@pytest.mark.parametrize("dkim", [signer(), signer(ed25519_key())], ids=["rsa", "ed25519"])
async def test_dots_long_lines_pictures_and_spanish_letters_arrive_as_they_were_signed(
    relay: FaultyRelay, dkim: Dkim
) -> None:
    envelope = written(HARD_WORDS, dkim)
    (mail,) = await received(relay, envelope)
    assert mail == envelope.raw
    assert is_valid(mail, dkim)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (signer(), signer()),
        (signer(), signer(ed25519_key(), selector="2027a")),
        (None, signer()),
        (signer(), None),
    ],
    ids=["the same key", "a new key", "signing is new", "a version that does not sign"],
)
async def test_a_second_try_has_the_bytes_of_the_first_whatever_the_keys_are_by_then(
    engine: Engine, relay: FaultyRelay, eventually: Eventually, first: Dkim | None, then: Dkim | None
) -> None:
    relay.scripts = ["drop_after_dot", "accept"]
    know(engine)
    record(engine, placed())
    async with sending(engine, relay.port, dkim=first):
        await settled(engine, eventually, "deferred")
    with engine.begin() as connection:
        connection.execute(text("UPDATE messages SET due_at = now()"))
    async with sending(engine, relay.port, dkim=then):
        await settled(engine, eventually, "sent")
    one, two = relay.taken
    assert one.raw == two.raw
    assert first is None or is_valid(two.raw, first)
    assert first is not None or b"DKIM-Signature" not in two.raw


async def test_what_is_written_after_the_change_is_signed_with_the_new_key(
    engine: Engine, relay: FaultyRelay, eventually: Eventually
) -> None:
    old, new = signer(), signer(ed25519_key(), selector="2027a")
    know(engine)
    for number, dkim in enumerate((old, new), 1):
        record(engine, placed())
        async with sending(engine, relay.port, dkim=dkim):
            await settled(engine, eventually, "sent", number=number)
    first, second = relay.taken
    assert is_valid(first.raw, old)
    assert is_valid(second.raw, new)
    assert not is_valid(second.raw, old)
