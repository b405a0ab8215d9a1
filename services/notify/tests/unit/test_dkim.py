"""Signatures as an independent reader sees them: what it believes, and what it no longer believes."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st
from notify.writing.dkim import Dkim, private_key, relaxed_body
from signed import ed25519_key, is_valid, pem, rsa_key, signer

MAIL = (
    b"From: Mercadito <orders@mercadito.example>\r\nTo: rosa@tienda.example\r\nSubject: Su pedido\r\n"
    b" y una segunda =?utf-8?q?l=C3=ADnea?=\r\nDate: Sat, 21 Nov 2026 18:00:00 +0000\r\nMessage-ID: <1@m.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nList-Unsubscribe: <https://mercadito.example/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n.Hola \t Rosa  \r\n\r\nAdios\r\n\r\n\r\n"
)
SIGNED_FIELDS = (
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"),
    *("List-Unsubscribe", "List-Unsubscribe-Post"),
)


@pytest.fixture(params=["rsa", "ed25519"])
def dkim(request: pytest.FixtureRequest) -> Dkim:
    return signer(rsa_key() if request.param == "rsa" else ed25519_key())


def test_a_receiver_believes_it(dkim: Dkim) -> None:
    assert is_valid(dkim.signed(MAIL), dkim)


def test_signed_again_it_is_the_same_to_the_byte(dkim: Dkim) -> None:
    assert dkim.signed(MAIL) == dkim.signed(MAIL)
    assert dkim.signed(MAIL).endswith(MAIL)


def test_another_key_is_not_believed(dkim: Dkim) -> None:
    stranger = signer(rsa_key(3072) if dkim.algorithm == "rsa" else Ed25519PrivateKey.generate())
    assert not is_valid(stranger.signed(MAIL), dkim)


@pytest.mark.parametrize("name", SIGNED_FIELDS)
def test_what_is_changed_or_added_is_noticed(dkim: Dkim, name: str) -> None:
    signed = dkim.signed(MAIL)
    changed = re.sub(rf"(?m)^{name}: ", f"{name}: x", signed.decode()).encode()
    assert changed != signed
    assert not is_valid(changed, dkim)
    assert not is_valid(f"{name}: another\r\n".encode() + signed, dkim)
    assert not is_valid(signed.replace(b"\r\n\r\n", f"\r\n{name}: another\r\n\r\n".encode(), 1), dkim)


@pytest.mark.parametrize("name", ["Reply-To", "Cc", "Content-Transfer-Encoding"])
def test_where_one_is_missing_none_can_be_added(dkim: Dkim, name: str) -> None:
    assert not is_valid(f"{name}: somebody@elsewhere.example\r\n".encode() + dkim.signed(MAIL), dkim)


def test_a_changed_body_is_noticed(dkim: Dkim) -> None:
    assert not is_valid(dkim.signed(MAIL).replace(b"Adios", b"Hola"), dkim)


def test_what_relays_do_to_a_mail_does_no_harm(dkim: Dkim) -> None:
    on_the_way = dkim.signed(MAIL).replace(b"Hola \t Rosa  ", b"Hola Rosa").replace(b"Su pedido\r\n y", b"Su  pedido y")
    assert is_valid(b"Received: from a by b; today\r\nReturn-Path: <b@m.example>\r\n" + on_the_way + b"\r\n", dkim)


def test_its_lines_are_short(dkim: Dkim) -> None:
    head = dkim.signed(MAIL).partition(b"\r\nFrom:")[0]
    assert max(len(line) for line in head.split(b"\r\n")) <= 78


@given(st.text("a \t\r\n.=").map(lambda text: "\r\n".join(text.splitlines()).encode()))
def test_a_body_counts_as_the_usual_library_counts_it(body: bytes) -> None:
    assert relaxed_body(body) == (Relaxed.canonicalize_body(body) if body else b"")


WORDS = st.text("ab \t:;=", max_size=30)


@given(subject=WORDS, more=WORDS, body=st.text("a .\n", max_size=60))
def test_whatever_stands_in_a_mail_it_is_believed(subject: str, more: str, body: str) -> None:
    text = f"From: a@m.example\r\nSubject:{subject}\r\n x{more}\r\nX-Other: {more}\r\n\r\n" + "\r\n".join(
        body.split("\n")
    )
    dkim = signer(ed25519_key())
    assert is_valid(dkim.signed(text.encode()), dkim)


def test_keys_that_receivers_accept_are_read() -> None:
    for key in (rsa_key(), rsa_key(3072), ed25519_key()):
        assert private_key(pem(key)).public_key() == key.public_key()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no private key"),
        (b"v=DKIM1; p=MIIB", "no private key"),
        (pem(rsa_key())[:400], "no private key"),
        (rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "no private key"),
        (pem(rsa_key(1024)), "RSA key of 1024 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "use RSA or Ed25519"),
        (
            rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            "passphrase",
        ),
    ],
    ids=["empty", "record", "cut", "public", "short", "elliptic", "locked"],
)
def test_another_key_is_refused_with_the_reason(text: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        private_key(text)
    assert b"PRIVATE" not in str(caught.value).encode()
