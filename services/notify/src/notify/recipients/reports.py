"""Reports about mails that came back: delivery status (RFC 3464) and complaints (RFC 5965), as mail servers write them.

Everything in them comes from anybody: only an address that we signed ties one to a mail.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses
from typing import Final, Literal

from notify.text import without_addresses

MAX_REPORT_BYTES: Final = 1_000_000
MAX_PARTS: Final = 20
MAX_DETAIL_CHARS: Final = 300
What = Literal["bounced", "delayed", "complained"]
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_TO = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "Return-Path", "Original-Mail-From")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one mail; ``returned_to`` are the addresses of which one may say which mail it is."""

    what: What
    status: str = ""
    detail: str = ""
    returned_to: tuple[str, ...] = ()
    message_id: str | None = None
    """Only from somebody we believe."""


def read(raw: bytes, *recipients: str) -> Report | None:
    """Return what a report says, or None when it is none.

    Args:
        raw: the mail as it came.
        recipients: whom it came to, where the mail server tells that apart.

    """
    mail = message_from_bytes(raw[:MAX_REPORT_BYTES], policy=compat32)
    parts = [part for part, _ in zip(mail.walk(), range(MAX_PARTS), strict=False)]
    addresses = (*recipients, *(address for part in parts for address in _addresses(part)))
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            return _status(part, addresses)
        if kind == "message/feedback-report":
            return _complaint(part, addresses)
    return None


def _status(part: Message, addresses: tuple[str, ...]) -> Report | None:
    for block in _blocks(part):
        action, status = str(block.get("Action", "")).strip().lower(), _STATUS.search(str(block.get("Status", "")))
        if action not in ("failed", "delayed") or status is None:
            continue
        # "failed" is the end whatever the status (RFC 3464 2.3.3), also with 4.x.x: a relay ran out of patience.
        what: What = "bounced" if action == "failed" else "delayed"
        detail = without_addresses(str(block.get("Diagnostic-Code", "")))[:MAX_DETAIL_CHARS]
        return Report(what, status.group(), detail, addresses)
    return None


def _complaint(part: Message, addresses: tuple[str, ...]) -> Report | None:
    blocks = list(_blocks(part))
    kinds = [str(block.get("Feedback-Type", "")).strip().lower() for block in blocks]
    if "abuse" not in kinds:
        return None
    return Report("complained", "", "abuse", (*addresses, *(one for block in blocks for one in _addresses(block))))


def _blocks(part: Message) -> Iterator[Message]:
    """Yield groups of fields, as the standard library has parsed them or not."""
    payload = part.get_payload()
    if isinstance(payload, str):
        yield message_from_bytes(payload.encode("utf-8", "replace"), policy=compat32)
        return
    for block in payload if isinstance(payload, list) else []:
        if isinstance(block, Message):
            yield block
            inner = block.get_payload()
            if isinstance(inner, str) and inner.strip():
                yield message_from_bytes(inner.lstrip().encode("utf-8", "replace"), policy=compat32)


def _addresses(part: Message) -> Iterator[str]:
    for name in _TO:
        for _, address in getaddresses([str(value) for value in part.get_all(name, [])][:MAX_PARTS]):
            if address:
                yield address
