"""Keys of the tests, and what an independent reader (dkimpy) says of a signed mail."""

from functools import cache
from typing import Any

import dkim as dkimpy
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from notify.writing.dkim import Dkim, PrivateKey

DOMAIN = "mercadito.example"


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


def signer(key: PrivateKey | None = None, *, selector: str = "2026a", domain: str = DOMAIN) -> Dkim:
    return Dkim(domain, selector, key or rsa_key())


def is_valid(raw: bytes, *published: Dkim) -> bool:
    """Say whether a receiver that finds these keys in the DNS believes the mail."""
    records = {f"{each.record_name}.".encode(): each.record.encode() for each in published}
    return bool(dkimpy.verify(raw, dnsfunc=lambda name, timeout=5: records.get(name)))
