"""Where mails come back to: an address of its own for each, signed, so that a bounce says by itself which mail it is.

``bounces+123-abcdefghijklmnop@mail.mercadito.example``: the mail's number and a signature over it and its Message-ID.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from notify.recipients.signing import Signer

PURPOSE: Final = "bounce"
# RFC 5321 allows 64 characters before the @; the number has up to 19, the signature 16.
MAX_LOCAL_CHARS: Final = 27
# Anybody may write one that is beyond it: the database would stumble over it.
_MAX_ID: Final = 2**63 - 1
_LOCAL = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_TAG = re.compile(r"([1-9][0-9]{0,18})-([a-z2-7]{16})")


@dataclass(frozen=True, slots=True)
class Returned:
    """What a bounce's address claims; ``ReturnPath.is_ours`` says whether it is true."""

    mail_id: int
    mac: str


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Makes and reads them."""

    local: str
    domain: str
    signer: Signer = field(repr=False)

    @classmethod
    def parse(cls, text: str, signer: Signer) -> "ReturnPath":
        """Read ``bounces@mail.mercadito.example``.

        Raises:
            ValueError: it is no such address, or leaves no room for the number and the signature.

        """
        local, _, domain = text.lower().partition("@")
        if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)) or len(local) > MAX_LOCAL_CHARS:
            raise ValueError(text)
        return cls(local, domain, signer)

    def of(self, mail_id: int, message_id: str) -> str:
        """Return the envelope's sender of one mail, the same at each try."""
        return f"{self.local}+{mail_id}-{self.signer.short(PURPOSE, _said(mail_id, message_id))}@{self.domain}"

    def read(self, address: str) -> Returned | None:
        """Return what an address claims when it is one of ours, in whatever case it comes back."""
        local, _, domain = address.strip().strip("<>").lower().partition("@")
        name, _, tag = local.partition("+")
        found = _TAG.fullmatch(tag) if (name, domain) == (self.local, self.domain) else None
        return None if found is None or int(found[1]) > _MAX_ID else Returned(int(found[1]), found[2])

    def is_ours(self, returned: Returned, message_id: str) -> bool:
        """Say whether we made this address for the mail with this Message-ID."""
        return self.signer.is_short(PURPOSE, _said(returned.mail_id, message_id), returned.mac)


def _said(mail_id: int, message_id: str) -> str:
    return f"{mail_id} {message_id}"
