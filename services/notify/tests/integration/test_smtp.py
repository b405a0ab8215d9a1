"""The SMTP client alone: encryption, sign-in, and the side of the dot it reports."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from certificates import certificate, served, trusting
from faulty_relay import FaultyRelay
from notify.errors import ConversationLost, LeaseLost, Refused, RelayFault
from notify.sending.relay import Relay
from notify.sending.smtp import QUIT_TIMEOUT_S, Envelope, Reply, opened
from world import QUICK

ENVELOPE = Envelope("orders@mercadito.example", "rosa@tienda.example", b"Subject: x\r\n\r\n.first\r\nlast\r\n")


def target(relay: FaultyRelay, **changes: object) -> Relay:
    made = Relay("127.0.0.1", relay.port, starttls=False, greet_as="notify.test", timeouts=QUICK)
    return replace(made, **changes)  # type: ignore[arg-type]


async def send(relay: Relay, envelope: Envelope = ENVELOPE, before_dot: Callable[[], None] = lambda: None) -> Reply:
    async def before() -> None:
        before_dot()

    session = await opened(relay)
    try:
        return await session.submit(envelope, before)
    finally:
        await session.close()


@pytest.fixture
def own_certificate(tmp_path: Path) -> Path:
    return certificate(tmp_path)


@pytest.fixture
def encrypting(relay: FaultyRelay, own_certificate: Path) -> FaultyRelay:
    relay.tls = served(own_certificate)
    relay.scripts = ["starttls"]
    return relay


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_message_arrives_as_it_was_written(relay: FaultyRelay, pipelining: bool) -> None:
    relay.pipelining = pipelining
    reply = await send(target(relay))
    assert reply.code == 250
    assert relay.taken[0].raw == ENVELOPE.raw
    assert relay.most_ahead == (2 if pipelining else 0)


async def test_encryption_covers_sign_in_and_message_and_nothing_slipped_in_before_is_believed(
    encrypting: FaultyRelay, own_certificate: Path
) -> None:
    trust = trusting([own_certificate])
    reply = await send(target(encrypting, starttls=True, trust=trust, user="hub", password="secret"))
    assert reply.code == 250
    assert len(encrypting.taken) == 1


async def test_a_certificate_nobody_vouches_for_is_refused(encrypting: FaultyRelay) -> None:
    began = time.monotonic()
    with pytest.raises(RelayFault, match=r"(?i)certificate.verify.failed"):
        await send(target(encrypting, starttls=True))
    assert encrypting.taken == []
    # Told at once: the connection went with the handshake, and its end is not waited for.
    assert time.monotonic() - began < QUIT_TIMEOUT_S


async def test_a_relay_without_encryption_gets_neither_password_nor_mail_when_it_is_required(
    relay: FaultyRelay,
) -> None:
    with pytest.raises(RelayFault, match="STARTTLS is required"):
        await send(target(relay, starttls=True, user="hub", password="secret"))
    assert relay.taken == []


async def test_a_wrong_password_is_a_fault_of_the_settings(relay: FaultyRelay) -> None:
    relay.scripts = ["auth_535"]
    with pytest.raises(RelayFault, match="535 to sign-in"):
        await send(target(relay, user="hub", password="wrong"))


async def test_a_relay_that_knows_only_the_older_sign_in_is_used_too(relay: FaultyRelay) -> None:
    relay.scripts = ["auth_login"]
    assert (await send(target(relay, user="hub", password="secret"))).code == 250
    assert relay.signed_in == ("aHVi", "c2VjcmV0")


async def test_a_relay_that_does_not_ask_for_the_password_does_not_get_it(relay: FaultyRelay) -> None:
    relay.scripts = ["auth_login_refused"]
    with pytest.raises(RelayFault, match="535 to sign-in"):
        await send(target(relay, user="hub", password="secret"))


@pytest.mark.parametrize("name", ["relay.invalid", "relay..example", "x" * 70 + ".example"])
async def test_a_name_that_leads_nowhere_is_a_fault_of_the_relay(name: str) -> None:
    with pytest.raises(RelayFault, match="cannot be reached"):
        await send(Relay(name, 25, starttls=False, timeouts=QUICK))


async def test_a_break_within_a_large_message_is_known_to_be_before_the_dot(relay: FaultyRelay) -> None:
    relay.scripts = ["drop_mid_data"]
    asked = []
    large = replace(ENVELOPE, raw=b"Subject: x\r\n\r\n" + b"x" * 78 + b"\r\n" * 1 + (b"y" * 78 + b"\r\n") * 200_000)
    with pytest.raises(ConversationLost) as caught:
        await send(target(relay), large, lambda: asked.append(1))
    assert not caught.value.after_dot
    assert asked == []


@pytest.mark.parametrize("script", ["drop_after_dot", "hang_after_dot"])
async def test_silence_after_the_dot_is_told_as_such(relay: FaultyRelay, script: str) -> None:
    relay.scripts = [script]
    with pytest.raises(ConversationLost) as caught:
        await send(target(relay))
    assert caught.value.after_dot


async def test_no_dot_is_written_when_the_lease_is_lost(relay: FaultyRelay) -> None:
    def lost() -> None:
        raise LeaseLost("taken over")

    with pytest.raises(LeaseLost):
        await send(target(relay), before_dot=lost)
    await send(target(relay))
    assert len(relay.taken) == 1


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("script", "code", "at"),
    [("rcpt_550", 550, "RCPT"), ("rcpt_450", 450, "RCPT"), ("mail_451", 451, "MAIL"), ("data_554", 554, "DATA"),
     ("dot_451", 451, "the message")],
)  # fmt: skip
async def test_a_refusal_names_code_and_place_without_the_address(
    relay: FaultyRelay, script: str, code: int, at: str, pipelining: bool
) -> None:
    relay.scripts, relay.pipelining = [script], pipelining
    with pytest.raises(Refused) as caught:
        await send(target(relay))
    assert (caught.value.code, caught.value.at) == (code, at)
    assert "rosa" not in str(caught.value)
