"""DKIM (RFC 6376): who can read our key in the DNS can tell that a mail came from us, and came as we wrote it.

Signed by `cryptography`, which is here anyway: the usual library computes RSA in Python, 25 times as long (ADR 40).
Nothing in a signature depends on when or how often it is made: the same mail gets the same bytes, and stays valid for
as long as its selector's key is published.
"""

import base64
import re
from dataclasses import dataclass, field
from hashlib import sha256
from textwrap import wrap
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

# RFC 8301: signers should use at least 2048 bits; nobody has to verify more than 4096.
MIN_RSA_BITS: Final = 2_048
MAX_RSA_BITS: Final = 4_096
LINE_CHARS: Final = 72
# Each is signed once more than it stands in the mail, so that nobody can add another one to a signed mail: not even
# where there is none. RFC 8058 wants the last two covered, or mail programs offer no one-click unsubscribing.
SIGNED: Final = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id"),
    *("mime-version", "content-type", "content-transfer-encoding"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
_BLANKS = re.compile(rb"[ \t]+")
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
LINE_END = b"\r\n"

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Dkim:
    """Signs for a domain with the key that its selector leads to."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """Return the key's type as the DNS record names it."""
        return "rsa" if isinstance(self.key, RSAPrivateKey) else "ed25519"

    @property
    def record_name(self) -> str:
        """Return where in the DNS the public key belongs."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """Return the TXT record that belongs there; longer than 255 characters, so a zone file holds it in pieces."""
        public = self.key.public_key()
        raw = (
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if isinstance(self.key, RSAPrivateKey)
            else public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        )
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(raw).decode()}"

    def signed(self, raw: bytes) -> bytes:
        """Return the mail with its signature in front; ``raw`` has CRLF line ends."""
        head, _, body = raw.partition(LINE_END + LINE_END)
        names, fields = _chosen(head)
        body_hash = base64.b64encode(sha256(relaxed_body(body)).digest()).decode()
        unsigned = (
            f"DKIM-Signature: v=1; a={self.algorithm}-sha256; c=relaxed/relaxed; d={self.domain};\r\n"
            f"\ts={self.selector};\r\n\th={_folded_names(names)};\r\n\tbh={body_hash};\r\n\tb="
        ).encode("ascii")
        # The signature covers its own header too, as it is before the signature is in it.
        covered = b"".join(field + LINE_END for field in fields) + _relaxed_field(unsigned)
        signature = base64.b64encode(self._sign(covered)).decode()
        return unsigned + "\r\n\t".join(wrap(signature, LINE_CHARS)).encode() + LINE_END + raw

    def _sign(self, covered: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(covered, PKCS1v15(), SHA256())
        return self.key.sign(sha256(covered).digest())  # RFC 8463: the hash is what is signed


def private_key(pem: bytes) -> PrivateKey:
    """Read a private key that receivers accept.

    Raises:
        ValueError: it is none, and why, in words for whoever gave it.

    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ValueError("is locked with a passphrase, which nobody gives at start: store it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("holds no private key in PEM form") from error
    if isinstance(key, RSAPrivateKey) and not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise ValueError(
            f"holds an RSA key of {key.key_size} bits: receivers trust {MIN_RSA_BITS} to {MAX_RSA_BITS}; make a new one"
        )
    if not isinstance(key, PrivateKey):
        raise ValueError("holds a key that DKIM does not know; use RSA or Ed25519")  # noqa: TRY004 - of its content
    return key


def relaxed_body(body: bytes) -> bytes:
    """Return what of a body counts (RFC 6376, 3.4.4): not how wide its blanks are, nor empty lines at its end."""
    # Halved until none is double: a tenth of what a pattern takes for a mail with indented lines.
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", LINE_END)
    end = len(body)
    while body.endswith(LINE_END, 0, end):
        end -= len(LINE_END)
    return body[:end] + LINE_END if end else b""


def _chosen(head: bytes) -> tuple[list[str], list[bytes]]:
    """Return the names that are signed and the fields that stand for them, of several of a name the last one first."""
    found: dict[str, list[bytes]] = {}
    for each in _NEXT_FIELD.split(head):
        found.setdefault(each.partition(b":")[0].strip().decode("ascii").lower(), []).insert(0, _relaxed_field(each))
    names = [name for name in SIGNED for _ in range(len(found.get(name, ())) + 1)]
    return names, [each for name in SIGNED for each in found.get(name, ())]


def _relaxed_field(each: bytes) -> bytes:
    name, _, value = each.partition(b":")
    return name.strip().lower() + b":" + _BLANKS.sub(b" ", value.replace(LINE_END, b"")).strip(b" ")


def _folded_names(names: list[str]) -> str:
    lines = [""]
    for name in names:
        piece = f"{name}:"
        if len(lines[-1]) + len(piece) > LINE_CHARS:
            lines.append("")
        lines[-1] += piece
    return "\r\n\t".join(lines).removesuffix(":")
