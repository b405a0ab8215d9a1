"""What follows from a report that a mail came back: once, for the mail that it is really about."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, text

from notify.queueing import messages
from notify.queueing.policy import State
from notify.queueing.resending import WAITING
from notify.recipients import suppressions
from notify.recipients.reports import Report
from notify.recipients.return_path import ReturnPath

# Of a mail whose dot was not answered, the relay may know more than we do: it counts from that attempt on.
_FIND = """
    SELECT id, message_id, kind, person_id, order_id, state,
        coalesce(settled_at, CASE WHEN unanswered > 0 THEN updated_at END) AS sent_at
    FROM messages WHERE {}
"""
_BY_ID = text(_FIND.format("id = :id"))
_BY_MESSAGE_ID = text(_FIND.format("message_id = :message_id"))
_NOTE = text("""
    INSERT INTO bounces (mail_id, what, status, detail) VALUES (:mail_id, :what, :status, :detail)
    ON CONFLICT (mail_id, what) DO NOTHING
""")
# The relay took it, or we did not know: now we do, and it did not arrive. `settled_at` goes on saying when it was sent.
_FAILED = text("""
    UPDATE messages
    SET state = 'failed', reason = :reason, raw = NULL, settled_at = coalesce(settled_at, now()), updated_at = now()
    WHERE id = :id AND (state IN ('sent', 'unknown') OR (state IN ('queued', 'deferred') AND unanswered > 0))
    RETURNING id
""")
# The report is about the address of then: where the contact has changed since, it says nothing about the one of now.
_SAME_ADDRESS = text("SELECT EXISTS (SELECT FROM contacts WHERE person_id = :person_id AND updated_at <= :sent_at)")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report."""

    mail_id: int | None
    is_news: bool


class Unsettled(Exception):
    """The mail is being sent at this moment: what became of it is recorded first, then the report should come again."""


def take(connection: Connection, report: Report, return_path: ReturnPath | None) -> Taken:
    """Record a report: only the first of its kind about a mail counts; about no mail of ours, nothing happens.

    Raises:
        Unsettled: nothing was recorded; the transaction must be rolled back.

    """
    mail = _mail(connection, report, return_path)
    if mail is None:
        return Taken(None, is_news=False)
    if mail.state == State.SENDING:
        raise Unsettled
    values = {"mail_id": mail.id, "what": report.what, "status": report.status, "detail": report.detail}
    if connection.execute(_NOTE, values).rowcount != 1:
        return Taken(mail.id, is_news=False)
    if report.what == "bounced":
        _bounced(connection, mail, report)
    if report.what == "complained" and _is_of_now(connection, mail):
        suppressions.hold_back(connection, mail.person_id, mail.kind, "complained", "its reader called it spam")
    return Taken(mail.id, is_news=True)


def _bounced(connection: Connection, mail: Row[tuple[object, ...]], report: Report) -> None:
    words = " ".join(filter(None, (report.status, report.detail)))
    reason = f"came back: {words}" if words else "came back"
    if suppressions.is_dead_report(report.status, report.detail) and _is_of_now(connection, mail):
        suppressions.hold_back(connection, str(mail.person_id), str(mail.kind), "bounced", words)
    values = {"id": mail.id, "reason": reason[: messages.MAX_REASON_CHARS]}
    if connection.execute(_FAILED, values).one_or_none() is not None:
        messages.tell_failed(connection, mail, str(values["reason"]))
    elif mail.state in WAITING and mail.sent_at is not None:
        raise Unsettled  # taken up again since we looked


def _is_of_now(connection: Connection, mail: Row[tuple[object, ...]]) -> bool:
    values = {"person_id": mail.person_id, "sent_at": mail.sent_at}
    return mail.sent_at is not None and bool(connection.scalar(_SAME_ADDRESS, values))


def _mail(connection: Connection, report: Report, return_path: ReturnPath | None) -> Row[tuple[object, ...]] | None:
    for address in report.returned_to:
        returned = return_path.read(address) if return_path is not None else None
        if return_path is None or returned is None:
            continue
        mail = connection.execute(_BY_ID, {"id": returned.mail_id}).one_or_none()
        if mail is not None and return_path.is_ours(returned, str(mail.message_id)):
            return mail
    if report.message_id is None:
        return None
    return connection.execute(_BY_MESSAGE_ID, {"message_id": report.message_id}).one_or_none()
