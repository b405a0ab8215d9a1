"""What became of each mail, for staff: newest first, in pages, without addresses; of one also how it got there."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, literal_column, select, text

from notify.kinds import kinds
from notify.queueing.attempts import Phase
from notify.queueing.policy import State
from notify.queueing.resending import WAITING, can_resend
from notify.recipients.admission import UNWANTED
from notify.tables import attempts, contacts, intents, messages
from notify.writing.rendering import title

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
# A mail that waits for a relay which is away for days meets it again and again: the newest tell enough.
MAX_ATTEMPTS_SHOWN = 200


class Fate(StrEnum):
    """What staff ask for: mails that did not arrive, that are still waiting, that a relay has taken."""

    UNDELIVERED = "undelivered"
    WAITING = "waiting"
    SENT = "sent"


# What its reader did not want, or what there was nothing more to say of, did not fail to arrive.
_WANTED = messages.c.reason.is_(None) | messages.c.reason.not_in(UNWANTED)
# The first is written as the index ``messages_undelivered`` is, so that it serves.
_FATED: dict[Fate, ColumnElement[bool]] = {
    Fate.UNDELIVERED: literal_column("messages.state NOT IN ('queued', 'sending', 'deferred', 'sent')") & _WANTED,
    Fate.WAITING: literal_column("messages.state IN ('queued', 'sending', 'deferred')"),
    Fate.SENT: literal_column("messages.state = 'sent'"),
}


class Filter(BaseModel):
    """Which messages are asked for; all that are given must hold."""

    order_id: str | None = None
    person_id: str | None = None
    kind: str | None = None
    state: State | None = None
    fate: Fate | None = None
    since: datetime | None = None
    until: datetime | None = None


class Title(BaseModel):
    """What people call a kind of mail, in each language."""

    en: str
    es: str

    @classmethod
    def of(cls, kind: str) -> "Title":
        """Return the kind's; one of another version of this service is called by its name."""
        return cls(en=title(kind, "en"), es=title(kind, "es")) if kind in kinds() else cls(en=kind, es=kind)


class Notification(BaseModel):
    """One message and how it fares."""

    id: str
    kind: str
    title: Title
    person_id: str
    person_name: str | None
    """As known now; null where the person never became known, or is no longer kept."""
    order_id: str | None
    order_number: int | None
    message_id: str
    state: State
    reason: str | None
    undelivered: bool
    """Whether it counts among those that did not arrive: not where its reader turned it off, or it was withdrawn."""
    attempts: int
    relay: str | None
    """Who was asked last; of a mail that was sent, who took it."""
    created_at: datetime
    next_attempt_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime
    can_resend: bool


class Attempt(BaseModel):
    """One attempt: when it ended, how far it got, what the relay answered, and what followed."""

    at: datetime
    took_ms: int | None
    relay: str | None
    phase: Phase
    code: int | None
    answer: str | None
    state: str
    """The state that followed; ``lost`` where the sending process ended without a word."""
    counted: bool
    """Whether it used up one of the message's attempts; a relay's own fault does not."""


class Resend(BaseModel):
    """Somebody had it sent again."""

    at: datetime
    person_id: str
    person_name: str | None
    from_state: State


class Timeline(Notification):
    """One message with all that happened to it, oldest first."""

    tried: list[Attempt]
    resent: list[Resend]


class Page(BaseModel):
    """Some of them; ``next`` is the path of the following ones."""

    items: list[Notification]
    next: str | None


_ATTEMPTS = text("""
    SELECT * FROM (
        SELECT id, at, took_ms, relay, phase, code, answer, state, counted FROM attempts
        WHERE mail_id = :id ORDER BY id DESC LIMIT :limit) AS newest
    ORDER BY id
""")
_RESENDS = text("""
    SELECT r.at, r.person_id, c.name AS person_name, r.from_state FROM resends AS r
    LEFT JOIN contacts AS c ON c.person_id = r.person_id WHERE r.mail_id = :id ORDER BY r.id LIMIT :limit
""")


def read(connection: Connection, wanted: Filter, *, before: int, limit: int) -> list[Notification]:
    """Return up to ``limit`` messages with an id below ``before``, newest first."""
    query = _rows().where(messages.c.id < before).order_by(messages.c.id.desc()).limit(limit)
    for condition in _conditions(wanted):
        query = query.where(condition)
    return [_shown(row) for row in connection.execute(query).mappings()]


def read_one(connection: Connection, mail_id: int) -> Timeline | None:
    """Return one message with its attempts and resends, or None when there is none."""
    row = connection.execute(_rows().where(messages.c.id == mail_id)).mappings().one_or_none()
    if row is None:
        return None
    asked = {"id": mail_id, "limit": MAX_ATTEMPTS_SHOWN}
    tried = [Attempt.model_validate(dict(each)) for each in connection.execute(_ATTEMPTS, asked).mappings()]
    resent = [Resend.model_validate(dict(each)) for each in connection.execute(_RESENDS, asked).mappings()]
    return Timeline(**_shown(row).model_dump(), tried=tried, resent=resent)


_LAST_RELAY = (
    select(attempts.c.relay)
    .where(attempts.c.mail_id == messages.c.id)
    .order_by(attempts.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


def _rows() -> Select[Any]:
    # Of what it is about only what a list needs: the rest may be long.
    about = intents.c.data
    return (
        select(
            messages,
            contacts.c.name.label("person_name"),
            about["number"].astext.label("order_number"),
            about.has_key("link").label("has_link"),
            _LAST_RELAY.label("relay"),
        )
        .join_from(messages, intents, intents.c.id == messages.c.intent_id)
        .outerjoin(contacts, contacts.c.person_id == messages.c.person_id)
    )


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in ("order_id", "person_id", "kind", "state"):
        given = getattr(wanted, name)
        if given is not None:
            found.append(messages.c[name] == str(given))
    if wanted.fate is not None:
        found.append(_FATED[wanted.fate])
    if wanted.since is not None:
        found.append(messages.c.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(messages.c.created_at < wanted.until)
    return found


def _shown(row: RowMapping) -> Notification:
    state, number = State(row["state"]), row["order_number"]
    derived = {
        "id": str(row["id"]),
        "title": Title.of(row["kind"]),
        "undelivered": state not in {*WAITING, State.SENT} and row["reason"] not in UNWANTED,
        "order_number": int(number) if row["order_id"] and number and number.isdecimal() else None,
        "next_attempt_at": row["due_at"] if state in WAITING - {State.SENDING} else None,
        "can_resend": can_resend(state, row["kind"], has_link=bool(row["has_link"])),
    }
    plain = {name: row[name] for name in Notification.model_fields if name not in derived}
    return Notification.model_validate(plain | derived)
