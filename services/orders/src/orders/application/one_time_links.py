"""Links that reach their person by mail, work once and expire: an invitation, a password reset.

The secret stands in the link alone, which travels in an ACCOUNTS event that expires with it; what is stored is a hash.
"""

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from orders.application import facts
from orders.application.ports import UnitOfWork

SECRET_BYTES = 32
MAX_SECRET_CHARACTERS = 128


class Purpose(StrEnum):
    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a purpose


LIFETIME_S = {Purpose.INVITATION: 7 * 24 * 3600, Purpose.PASSWORD_RESET: 3600}
_PATHS = {Purpose.INVITATION: "welcome", Purpose.PASSWORD_RESET: "reset"}


def issue(work: UnitOfWork, person_id: str, purpose: Purpose, public_url: str) -> datetime:
    """Make a link, end earlier ones, and publish it for notify to mail; return when it expires."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    expires_at = work.links.add(str(uuid4()), person_id, purpose, hashed(secret), LIFETIME_S[purpose])
    work.publish(facts.link_issued(purpose, person_id, f"{public_url}/{_PATHS[purpose]}/{secret}", expires_at))
    return expires_at


def hashed(secret: str) -> bytes:
    # 256 random bits: a plain hash can't be guessed backwards, and can be looked up.
    return hashlib.sha256(secret.encode()).digest()
