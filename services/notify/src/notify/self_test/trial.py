"""One real mail, by the way that all mails take but past the queue.

Past it, because it must show what the relay answers also while the database is away or the queue is held, and because
nobody's log of mails should hold it. Written, signed and addressed as any other mail.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from notify.errors import ConversationLost, DeliveryError, Unrenderable
from notify.recipients.contacts import Contact
from notify.self_test.finding import Finding, ok, problem, warning
from notify.self_test.relays import Seen
from notify.sending.post import Post
from notify.sending.smtp import Envelope, opened, words_of
from notify.writing.mail import compose
from notify.writing.rendering import Words

CHECK = "test mail"
# No mail of the queue has this number: what comes back to it is about none.
NO_MAIL = 0
SUBJECT = "{hub}: test mail / correo de prueba"
PARAGRAPHS = (
    "This is a test. If you can read it, mails of {hub} reach you; look whether it came to the folder for spam.",
    "Esto es una prueba. Si puedes leerla, los correos de {hub} te llegan; revisa si cayó en la carpeta de spam.",
)


async def send(post: Post, to: str, seen: Sequence[Seen]) -> Finding:
    """Send it by the first relay that works; return what that one said."""
    if post.only_to is not None and to.lower() not in post.only_to:
        return problem(CHECK, "MAIL_MODE=hold lets nothing out to this address", "add it to MAIL_HOLD_EXCEPT")
    working = next((each for each in seen if each.works), None)
    if working is None:
        return problem(CHECK, "not sent: no relay can be used", "mend what is said above")
    try:
        envelope = _written(post, to)
    except Unrenderable:
        return problem(CHECK, "not sent: this is no address that can be written to", "give it as name@domain")
    return await _handed_over(working, envelope)


async def _handed_over(by: Seen, envelope: Envelope) -> Finding:
    async def nothing() -> None:
        """Nothing is kept of it before its dot."""

    try:
        session = await opened(by.relay)
        try:
            reply = await session.submit(envelope, nothing)
            await session.quit()
        finally:
            await session.close()
    except ConversationLost as lost:
        if lost.after_dot:
            return warning(CHECK, f"relay {by.relay.name} did not answer ({lost})", "it may arrive nevertheless: look")
        return problem(CHECK, f"not taken by relay {by.relay.name}: {lost}", "try again")
    except DeliveryError as refusal:
        return problem(CHECK, f"not taken by relay {by.relay.name}: {refusal}", "its words say why; ask its operator")
    return ok(CHECK, f"taken by relay {by.relay.name}: {reply.code} {words_of(reply)}")


def _written(post: Post, to: str) -> Envelope:
    subject, *paragraphs = (text.format(hub=post.hub.name) for text in (SUBJECT, *PARAGRAPHS))
    html = "".join(
        f'<p lang="{language}">{escape(each)}</p>' for language, each in zip(("en", "es"), paragraphs, strict=True)
    )
    message_id = f"<{uuid.uuid4()}@{post.domain}>"
    envelope = compose(
        Words(subject, "\n\n".join(paragraphs) + "\n", f"<!DOCTYPE html><html><body>{html}</body></html>\n"),
        sender=post.sender,
        reader=Contact("self-test", to, "", "en"),
        message_id=message_id,
        at=datetime.now(UTC),
        dkim=post.dkim,
    )
    return Envelope(returns_to(post, message_id), envelope.recipient, envelope.raw)


def returns_to(post: Post, message_id: str = "") -> str:
    """Return the envelope's sender of a mail that is none of the queue's."""
    path = post.return_path
    return post.sender.address.addr_spec if path is None else path.of(NO_MAIL, message_id)
