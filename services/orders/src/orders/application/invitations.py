"""The first admin of a fresh system: a person without a password, and the link to choose one."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from orders.application import facts, one_time_links
from orders.application.one_time_links import Purpose
from orders.application.password_check import MAX_EMAIL_CHARACTERS, plain_email
from orders.application.ports import AuditEntry, ContactRecord, Transactions, UnitOfWork
from orders.domain.account_errors import NotAnAdmin
from orders.domain.errors import FieldError, Invalid
from orders.domain.people import Role

MAX_NAME_CHARACTERS = 100
_EMAIL = re.compile(r"[^\s\x00-\x1f\x7f@]+@[^\s\x00-\x1f\x7f@]+\.[^\s\x00-\x1f\x7f@]+")


@dataclass(frozen=True, slots=True)
class InviteAdmin:
    email: str
    name: str
    locale: str
    public_url: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Invited:
    """`is_new` false: the person was there, and got a new link."""

    is_new: bool
    expires_at: datetime


def invite_admin(transactions: Transactions, command: InviteAdmin) -> Invited:
    """Make an admin who has no password yet, or find that one, and mail a link to choose one.

    Safe to run again: each time the earlier link ends and a new one is mailed.

    Raises:
        Invalid: e-mail or name make no sense.
        NotAnAdmin: somebody with this e-mail is there and is not an active admin.

    """
    email, name = plain_email(command.email), command.name.strip()
    if not _EMAIL.fullmatch(email) or len(email) > MAX_EMAIL_CHARACTERS:
        raise Invalid(FieldError("email", f"not an e-mail address of at most {MAX_EMAIL_CHARACTERS} characters"))
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise Invalid(FieldError("name", f"1 to {MAX_NAME_CHARACTERS} printable characters"))

    def invite(work: UnitOfWork) -> Invited:
        is_new = _add(work, command, email, name)
        account = work.accounts.by_email(email)
        if account is None or account.role is not Role.ADMIN or not account.active:
            raise NotAnAdmin(email)
        expires_at = one_time_links.issue(work, account.person_id, Purpose.INVITATION, command.public_url)
        work.audit(AuditEntry("person", account.person_id, "invited", None, (), "orders invite-admin"))
        return Invited(is_new, expires_at)

    return transactions.run(invite)


def _add(work: UnitOfWork, command: InviteAdmin, email: str, name: str) -> bool:
    person_id = str(uuid4())
    row = {"id": person_id, "email": email, "name": name, "locale": command.locale, "role": Role.ADMIN.value}
    is_new = work.accounts.add_invited(row)
    if is_new:
        # Before the link: notify reads both in this order, and so knows whom to write to.
        contact = ContactRecord(person_id, email, name, command.locale, Role.ADMIN, (), active=True, version=1)
        work.publish(facts.contact_changed(contact, command.time_zone))
    return is_new
