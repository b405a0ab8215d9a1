"""From words to the bytes of one mail (RFC 5322), and the id that stays the same however often it is tried."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache

from notify.errors import Unrenderable
from notify.recipients.contacts import Contact
from notify.sending.smtp import Envelope
from notify.writing.dkim import Dkim
from notify.writing.mime import alternative, header, mailbox, png_part, related, text_part, worded
from notify.writing.rendering import Words

# RFC 5321 4.5.3.1: longer ones are refused by relays, or cut.
MAX_ADDRESS_CHARS = 254
# Names longer than that help nobody and break header folding in old clients.
MAX_DISPLAY_NAME_CHARS = 100
# RFC 5322 dot-atoms. Quoted local parts ("a b"@x) are legal, unseen in practice, and a way to smuggle things in.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
# Any constant will do, as long as it never changes: the ids of mails on their way derive from it.
_NAMESPACE = uuid.UUID("6f0d9f6e-3b0c-5a55-8d0e-6d65726361aa")


@dataclass(frozen=True, slots=True)
class Sender:
    """The From address, as settings give it."""

    address: Address

    @classmethod
    def parse(cls, text: str) -> "Sender":
        """Read ``Name <local@domain>`` or ``local@domain``.

        Raises:
            ValueError: it is not one address.

        """
        name, spec = parseaddr(text)
        if not spec or any(ord(char) < ord(" ") for char in text):
            raise ValueError(text)
        return cls(_address(name, spec))


def message_id(dedup_key: str, domain: str) -> str:
    """Return the Message-ID of whatever has this key: a duplicate is recognised as one by those who look at ids."""
    return f"<{uuid.uuid5(_NAMESPACE, dedup_key)}@{domain}>"


def compose(
    words: Words,
    *,
    sender: Sender,
    reader: Contact,
    message_id: str,
    at: datetime,
    more_headers: Mapping[str, str] | None = None,
    dkim: Dkim | None = None,
) -> Envelope:
    """Build the mail for one reader, text and HTML with its picture, in ASCII bytes that any relay passes on unchanged.

    It is signed at last, when there is a key.

    Raises:
        Unrenderable: the reader's address cannot be written to.

    """
    try:
        recipient = _address(reader.name[:MAX_DISPLAY_NAME_CHARS], reader.email)
        headers = [
            _from(str(sender.address)),
            mailbox("To", recipient),
            worded("Subject", words.subject),
            _plain("Date", format_datetime(at)),
            _plain("Message-ID", message_id),
            _plain("Content-Language", reader.language),
            # RFC 3834: no vacation notice shall answer an order confirmation.
            _plain("Auto-Submitted", "auto-generated"),
            _plain("MIME-Version", "1.0"),
            *(_plain(name, value) for name, value in (more_headers or {}).items()),
        ]
        html, picture = text_part("html", words.html), words.picture
        shown = html if picture is None else related([html, png_part(picture.content_id, picture.png)])
        raw = b"".join(headers) + alternative([text_part("plain", words.text), shown])
        return Envelope(sender.address.addr_spec, recipient.addr_spec, raw if dkim is None else dkim.signed(raw))
    except (ValueError, MessageError) as error:
        # The error's own text may hold the address, which no log and no event shall carry.
        raise Unrenderable(
            f"no header can be made of the recipient's name and address ({type(error).__name__})"
        ) from None


@cache
def _from(address: str) -> bytes:
    return header("From", address)


def _plain(name: str, value: str) -> bytes:
    # Of our own making: a date, an id, a word. What others typed goes through `header`.
    if not (value.isascii() and value.isprintable()):
        raise ValueError(name)
    return f"{name}: {value}\r\n".encode("ascii")


def again(raw: bytes) -> Envelope:
    """Return the envelope of a mail that was composed earlier: the same bytes to the same address."""
    mail = message_from_bytes(raw, policy=SMTP)
    sender, recipient = (mail[name].addresses[0].addr_spec for name in ("From", "To"))
    return Envelope(sender, recipient, raw)


def _address(name: str, spec: str) -> Address:
    local, _, domain = spec.rpartition("@")
    # A domain of another script has an ASCII form; a local part has none, and few relays take it (RFC 6531).
    plain = domain.encode("idna").decode("ascii") if domain else ""
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(plain)) or len(local) + len(plain) >= MAX_ADDRESS_CHARS:
        raise ValueError("not an address that can be written to")
    return Address(display_name=name, username=local, domain=plain)
